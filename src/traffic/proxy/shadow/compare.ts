import type { DifferenceKind } from '../../../ports/shadow.ts';
import type { Read } from './judge.ts';

/** What a server answered to one read, in whatever protocol. */
export interface ComparedAnswer {
  /** Absent when they were not asked for. */
  readonly columns?: readonly { readonly name: string; readonly type: number }[];
  /** Of each row the bytes, alike where its values are. */
  readonly rows: readonly Buffer[];
  /** The server's own code. */
  readonly error?: string;
}

/** What of an answer is its protocol's own. */
export interface Dialect<Answer extends ComparedAnswer> {
  readonly isSameColumn: (a: Column<Answer>, b: Column<Answer>) => boolean;
  /** Undefined where it cannot be taken apart. */
  readonly valuesOf: (row: Buffer, answer: Answer) => readonly (Buffer | null)[] | undefined;
  /** The server says with it that it was in no state to answer, not what the answer is. */
  readonly isPassing: (answer: Answer) => boolean;
  /** What seemed to read would have written, and was refused. */
  readonly isRefusedWrite: (answer: Answer) => boolean;
  /** It holds bytes that mean something on one server alone. */
  readonly hasForeignBytes: (answer: Answer) => boolean;
}

export type Column<Answer extends ComparedAnswer> = NonNullable<Answer['columns']>[number];

export interface Difference {
  readonly kind: DifferenceKind;
  /** What each side said, without values. */
  readonly blue: string;
  readonly green: string;
}

/** How two answers to the same read differ; undefined when a client could not tell them apart, or has not asked for what could be told apart. */
export function differenceIn<Answer extends ComparedAnswer>(
  dialect: Dialect<Answer>,
  blue: Answer,
  green: Answer,
  read: Pick<Read, 'ordered' | 'arbitrary'>,
): Difference | undefined {
  if (blue.error !== green.error) return { kind: 'error', blue: outcomeOf(blue), green: outcomeOf(green) };
  if (blue.error !== undefined) return undefined;
  const columns = columnDifference(dialect, blue.columns, green.columns);
  if (columns !== undefined) return columns;
  if (blue.rows.length !== green.rows.length) return { kind: 'count', blue: rowsOf(blue), green: rowsOf(green) };
  // Which of many rows it takes is each server's to choose.
  if (read.arbitrary || sameInOrder(blue.rows, green.rows)) return undefined;
  const missing = missingFrom(green.rows, blue.rows);
  if (missing === 0) {
    return read.ordered ? { kind: 'order', blue: rowsOf(blue), green: 'the same rows in another order' } : undefined;
  }
  const where = read.ordered || blue.rows.length === 1 ? columnsThatDiffer(dialect, blue, green) : '';
  return { kind: 'rows', blue: rowsOf(blue), green: `${missing} of them differ${where}` };
}

function columnDifference<Answer extends ComparedAnswer>(
  dialect: Dialect<Answer>,
  blue: readonly Column<Answer>[] | undefined,
  green: readonly Column<Answer>[] | undefined,
): Difference | undefined {
  if (blue === undefined || green === undefined) return undefined;
  const different = blue.flatMap((column, at) => {
    const other = green[at];
    return other === undefined || dialect.isSameColumn(column, other) ? [] : [[column, other] as const];
  });
  if (blue.length === green.length && different.length === 0) return undefined;
  if (different.length === 0)
    return { kind: 'columns', blue: `${blue.length} columns`, green: `${green.length} columns` };
  const tell = (of: 0 | 1): string => different.map((pair) => `${pair[of].name} of type ${pair[of].type}`).join(', ');
  return { kind: 'columns', blue: tell(0), green: tell(1) };
}

function outcomeOf({ error, rows }: ComparedAnswer): string {
  return error === undefined ? rowsText(rows.length) : `error ${error}`;
}

function rowsOf({ rows }: ComparedAnswer): string {
  return rowsText(rows.length);
}

function rowsText(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}

function sameInOrder(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.every((row, at) => row.equals(b[at] ?? Buffer.alloc(0)));
}

/** How many of the wanted rows are not among those that are there, each counted as often as it comes. */
function missingFrom(there: readonly Buffer[], wanted: readonly Buffer[]): number {
  const left = new Map<string, number>();
  for (const row of there) {
    const key = row.toString('latin1');
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  let missing = 0;
  for (const row of wanted) {
    const key = row.toString('latin1');
    const count = left.get(key) ?? 0;
    if (count === 0) missing += 1;
    else left.set(key, count - 1);
  }
  return missing;
}

function columnsThatDiffer<Answer extends ComparedAnswer>(
  dialect: Dialect<Answer>,
  blue: Answer,
  green: Answer,
): string {
  const columns = blue.columns ?? green.columns;
  if (columns === undefined) return '';
  const names = new Set<string>();
  for (const [at, row] of blue.rows.entries()) {
    const other = green.rows[at];
    if (other === undefined || row.equals(other)) continue;
    const [here, there] = [dialect.valuesOf(row, blue), dialect.valuesOf(other, green)];
    if (here === undefined || there === undefined) continue;
    for (const [column, { name }] of columns.entries()) {
      if (!sameValue(here[column] ?? null, there[column] ?? null)) names.add(name);
    }
  }
  return names.size === 0 ? '' : `, in ${[...names].join(', ')}`;
}

function sameValue(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
