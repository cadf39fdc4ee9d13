import type { TextValues } from '../../ports/digester.ts';
import type { Cause } from './cause.ts';
import type { ColumnTrait, RowEvidence } from './evidence.ts';

/** A row that both sides have, and that differs. */
export interface DifferentRow {
  readonly key: TextValues;
  readonly columns: readonly string[];
  readonly evidence: RowEvidence;
}

/** What of the rows that differ in a column shows less than this share is more likely chance than a cause. */
const leastConfidence = 0.1;
export const examplesKept = 5;

/** The rule of succession: how likely the next of these shows the same, where `k` of `n` have. */
export const succession = (k: number, n: number): number => (k + 1) / (n + 2);

/** What was done to values, column by column, as the values themselves tell. */
export function valueCauses(rows: readonly DifferentRow[]): readonly Cause[] {
  const differing = new Map<string, number>();
  for (const { columns } of rows) for (const column of columns) differing.set(column, (differing.get(column) ?? 0) + 1);
  const explained = groups(rows).flatMap((group) => {
    const n = differing.get(group.column) ?? group.rows.length;
    const confidence = succession(group.rows.length, n);
    return confidence < leastConfidence ? [] : [causeOf(group, confidence, rows.length)];
  });
  return [...explained, ...oneColumn(rows, explained)];
}

interface Group {
  readonly column: string;
  readonly traits: readonly ColumnTrait[];
  readonly rows: readonly DifferentRow[];
}

function groups(rows: readonly DifferentRow[]): readonly Group[] {
  const found = new Map<string, { column: string; traits: ColumnTrait[]; rows: DifferentRow[] }>();
  for (const row of rows) {
    for (const trait of row.evidence.traits) {
      const name = JSON.stringify([trait.column, trait.cause, trait.detail]);
      const group = found.get(name) ?? { column: trait.column, traits: [], rows: [] };
      group.traits.push(trait);
      group.rows.push(row);
      found.set(name, group);
    }
  }
  return [...found.values()];
}

function causeOf({ column, traits, rows }: Group, confidence: number, of: number): Cause {
  const [{ cause, detail }] = traits as readonly [ColumnTrait, ...ColumnTrait[]];
  const digits = Math.max(...traits.map((trait) => trait.digits ?? -1));
  return {
    cause,
    kind: 'different',
    says: digits < 0 ? detail : `${detail}: ${digits} after the point`,
    confidence,
    count: rows.length,
    of,
    columns: [column],
    look: { columns: [column], keys: rows.slice(0, examplesKept).map(({ key }) => key) },
  };
}

/** Rows that differ in one column alone, where what was done to it is not known. */
function oneColumn(rows: readonly DifferentRow[], explained: readonly Cause[]): readonly Cause[] {
  const alone = new Map<string, DifferentRow[]>();
  for (const row of rows) {
    const [column] = row.columns;
    if (column === undefined || row.columns.length > 1) continue;
    if (row.evidence.traits.some((trait) => isExplained(trait, explained))) continue;
    const those = alone.get(column) ?? [];
    those.push(row);
    alone.set(column, those);
  }
  return [...alone].flatMap(([column, those]): readonly Cause[] => {
    const confidence = succession(those.length, rows.length);
    if (those.length < 2 || confidence < 0.5) return [];
    const look = { columns: [column], keys: those.slice(0, examplesKept).map(({ key }) => key) };
    const says = 'no other column of these rows differs';
    const counts = { count: those.length, of: rows.length };
    return [{ cause: 'one column', kind: 'different', says, confidence, ...counts, columns: [column], look }];
  });
}

function isExplained(trait: ColumnTrait, explained: readonly Cause[]): boolean {
  return explained.some(({ cause, columns }) => cause === trait.cause && columns.includes(trait.column));
}
