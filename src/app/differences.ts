import { otherSide, tableKey, type Side } from '../model/catalog.ts';
import type { DigestTable, TextValues } from '../ports/digester.ts';
import type { RowDifference } from '../verify/differences.ts';
import type { TableOutcome } from '../verify/outcome.ts';

/** One row that is not the same on both sides. The key holds values: for whoever asks at a terminal, never for a log or the journal. */
export interface DifferentRow {
  /** By column; all columns where the table has no key. NULL is null. */
  readonly key: Readonly<Record<string, string | null>>;
  readonly what: 'missing on blue' | 'missing on green' | 'different';
  /** Those that differ; empty for a row that is missing. */
  readonly columns: readonly string[];
}

/** What the comparison of one table came to, by the names of the sides. */
export interface ComparedTable {
  readonly table: string;
  readonly outcome: TableOutcome['outcome'];
  /** Why it is absent, or could not be compared; of a topic, what differs. */
  readonly reason?: string;
  readonly missing: Readonly<Record<Side, number>>;
  readonly different: number;
  /** The first of them; the counts are of all. */
  readonly rows: readonly DifferentRow[];
  readonly truncated: boolean;
}

/** Pure: outcomes told by `live` and `other`, told by blue and green. */
export function comparedTables(outcomes: readonly TableOutcome[], live: Side): readonly ComparedTable[] {
  return outcomes.map((outcome) => comparedTable(outcome, live));
}

function comparedTable(outcome: TableOutcome, live: Side): ComparedTable {
  const table = tableKey(outcome.name);
  const none = { missing: { blue: 0, green: 0 }, different: 0, rows: [], truncated: false };
  if (outcome.outcome === 'equal') return { table, outcome: 'equal', ...none };
  if (outcome.outcome !== 'differs') return { table, outcome: outcome.outcome, reason: outcome.reason, ...none };
  const { missingOnLive, missingOnOther, different, kept, truncated } = outcome.differences;
  const missing =
    live === 'blue' ? { blue: missingOnLive, green: missingOnOther } : { blue: missingOnOther, green: missingOnLive };
  const pair = outcome.pair;
  const rows = pair === undefined ? [] : kept.map((row) => differentRow(pair.live, row, live));
  return { table, outcome: 'differs', missing, different, rows, truncated };
}

function differentRow(table: DigestTable, row: RowDifference, live: Side): DifferentRow {
  const key = keyOf(table, row.key);
  if (row.kind === 'different') return { key, what: 'different', columns: row.columns };
  return { key, what: `missing on ${row.on === 'live' ? live : otherSide(live)}`, columns: [] };
}

function keyOf(table: DigestTable, values: TextValues): Readonly<Record<string, string | null>> {
  const names = table.key.length === 0 ? table.columns.map(({ name }) => name) : table.key;
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
}
