import { TealError } from '../../../kernel/errors.ts';
import type { DifferenceKind } from '../../../ports/shadow.ts';
import {
  backend,
  readCommandTag,
  readDataRow,
  readError,
  readRowDescription,
  type Column,
} from '../../../wire/postgres/backend.ts';
import { FrameReader, type Frame } from '../../../wire/postgres/frames.ts';
import type { Read } from './judge.ts';

/** What a server answered to one read, up to its ReadyForQuery. */
export interface Answer {
  /** Absent when they were not asked for. */
  readonly columns?: readonly Column[];
  /** DataRow messages. */
  readonly rows: readonly Buffer[];
  /** SQLSTATE. */
  readonly error?: string;
  /** What was done, a statement each: `INSERT 0 1`. Absent where nothing was. */
  readonly tags?: readonly string[];
}

/** Answers whose bytes come one after the other; each is told when it is complete. Errors of `push`: TEAL-WIRE-001, -002. */
export class AnswersReader {
  readonly #frames: FrameReader;
  readonly #told: (answer: Answer) => void;
  #rows: Buffer[] = [];
  #tags: string[] = [];
  #columns: readonly Column[] | undefined;
  #error: string | undefined;

  constructor(limitBytes: number, told: (answer: Answer) => void) {
    this.#frames = new FrameReader(limitBytes);
    this.#told = told;
  }

  push(chunk: Buffer): void {
    for (const frame of this.#frames.push(chunk)) this.#take(frame);
  }

  #end(): void {
    this.#told({
      rows: this.#rows,
      ...(this.#columns === undefined ? {} : { columns: this.#columns }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#tags.length === 0 ? {} : { tags: this.#tags }),
    });
    [this.#rows, this.#tags, this.#columns, this.#error] = [[], [], undefined, undefined];
  }

  #take({ type, bytes }: Frame): void {
    switch (type) {
      case backend.rowDescription:
        this.#columns = readRowDescription(bytes);
        return;
      case backend.dataRow:
        this.#rows.push(bytes);
        return;
      case backend.commandComplete:
        this.#tags.push(readCommandTag(bytes));
        return;
      case backend.error:
        this.#error ??= readError(bytes).code;
        return;
      case backend.readyForQuery:
        this.#end();
        return;
      default:
    }
  }
}

/** The whole answer in its bytes; what follows is of another one. Errors: TEAL-WIRE-001 also where it is not whole. */
export function readAnswer(chunks: readonly Buffer[], limitBytes: number): Answer {
  let first: Answer | undefined;
  const reader = new AnswersReader(limitBytes, (answer) => {
    first ??= answer;
  });
  for (const chunk of chunks) reader.push(chunk);
  if (first === undefined) throw new TealError('TEAL-WIRE-001', 'an answer without its end');
  return first;
}

export interface Difference {
  readonly kind: DifferenceKind;
  /** What each side said, without values. */
  readonly blue: string;
  readonly green: string;
}

/** How two answers to the same read differ; undefined when a client could not tell them apart, or has not asked for what could be told apart. */
export function differenceOf(
  blue: Answer,
  green: Answer,
  read: Pick<Read, 'ordered' | 'arbitrary'>,
): Difference | undefined {
  if (blue.error !== green.error) return { kind: 'error', blue: outcomeOf(blue), green: outcomeOf(green) };
  if (blue.error !== undefined) return undefined;
  const columns = columnDifference(blue.columns, green.columns);
  if (columns !== undefined) return columns;
  if (blue.rows.length !== green.rows.length) return { kind: 'count', blue: rowsOf(blue), green: rowsOf(green) };
  // Which of many rows it takes is each server's to choose.
  if (read.arbitrary || sameInOrder(blue.rows, green.rows)) return undefined;
  const missing = missingFrom(green.rows, blue.rows);
  if (missing === 0) {
    return read.ordered ? { kind: 'order', blue: rowsOf(blue), green: 'the same rows in another order' } : undefined;
  }
  const where = read.ordered || blue.rows.length === 1 ? columnsThatDiffer(blue, green) : '';
  return { kind: 'rows', blue: rowsOf(blue), green: `${missing} of them differ${where}` };
}

/** Some column's bytes hold numbers of types that are another server's own: they cannot be compared. */
export function hasForeignBytes({ columns = [] }: Answer): boolean {
  return columns.some(({ type, binary }) => binary && type >= firstUserType);
}

/** Types that are not built in have numbers from here on. */
export const firstUserType = 16_384;

/** The server says with it that it was in no state to answer, not what the answer is: out of memory, cancelled, shut down, deadlock. */
export function isPassing({ error }: Answer): boolean {
  return error !== undefined && /^(?:08|40|53|57|55P03)/.test(error);
}

/** What seemed to read would have written, and was refused. */
export function isRefusedWrite({ error }: Answer): boolean {
  return error === '25006';
}

function columnDifference(
  blue: readonly Column[] | undefined,
  green: readonly Column[] | undefined,
): Difference | undefined {
  if (blue === undefined || green === undefined) return undefined;
  const different = blue.flatMap((column, at) => {
    const other = green[at];
    return other === undefined || isSame(column, other) ? [] : [[column, other] as const];
  });
  if (blue.length === green.length && different.length === 0) return undefined;
  if (different.length === 0)
    return { kind: 'columns', blue: `${blue.length} columns`, green: `${green.length} columns` };
  const tell = (of: 0 | 1): string => different.map((pair) => `${pair[of].name} of type ${pair[of].type}`).join(', ');
  return { kind: 'columns', blue: tell(0), green: tell(1) };
}

function isSame(a: Column, b: Column): boolean {
  const sameType = a.type === b.type || (a.type >= firstUserType && b.type >= firstUserType);
  return a.name === b.name && sameType;
}

function outcomeOf({ error, rows }: Answer): string {
  return error === undefined ? rowsText(rows.length) : `error ${error}`;
}

function rowsOf({ rows }: Answer): string {
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

function columnsThatDiffer(blue: Answer, green: Answer): string {
  const columns = blue.columns ?? green.columns;
  if (columns === undefined) return '';
  const names = new Set<string>();
  for (const [at, row] of blue.rows.entries()) {
    const other = green.rows[at];
    if (other === undefined || row.equals(other)) continue;
    const [here, there] = [readDataRow(row), readDataRow(other)];
    for (const [column, { name }] of columns.entries()) {
      if (!sameValue(here[column] ?? null, there[column] ?? null)) names.add(name);
    }
  }
  return names.size === 0 ? '' : `, in ${[...names].join(', ')}`;
}

function sameValue(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
