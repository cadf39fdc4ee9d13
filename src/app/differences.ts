import { otherSide, tableKey, type Side } from '../model/catalog.ts';
import type { DigestTable, Repairer } from '../ports/digester.ts';
import type { RowDifference } from '../verify/differences.ts';
import type { TableOutcome } from '../verify/outcome.ts';
import { keyRecord, type KeyRecord } from './key-record.ts';
import { toldCauses, type ToldCause } from './told-causes.ts';

/** One row that is not the same on both sides. The key holds values: for whoever asks at a terminal, never for a log or the journal. */
export interface DifferentRow {
  readonly key: KeyRecord;
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
  /** Why they differ, probably: the surest and widest first. */
  readonly causes: readonly ToldCause[];
}

/** How each side writes statements. */
type Shows = (side: Side) => Pick<Repairer, 'show'>;

/** Pure: outcomes told by `live` and `other`, told by blue and green. */
export function comparedTables(outcomes: readonly TableOutcome[], live: Side, shows: Shows): readonly ComparedTable[] {
  return outcomes.map((outcome) => comparedTable(outcome, live, shows));
}

function comparedTable(outcome: TableOutcome, live: Side, shows: Shows): ComparedTable {
  const table = tableKey(outcome.name);
  const none = { missing: { blue: 0, green: 0 }, different: 0, rows: [], truncated: false, causes: [] };
  if (outcome.outcome === 'equal') return { table, outcome: 'equal', ...none };
  if (outcome.outcome !== 'differs') return { table, outcome: outcome.outcome, reason: outcome.reason, ...none };
  const { missingOnLive, missingOnOther, different, kept, truncated } = outcome.differences;
  const missing =
    live === 'blue' ? { blue: missingOnLive, green: missingOnOther } : { blue: missingOnOther, green: missingOnLive };
  const pair = outcome.pair;
  const rows = pair === undefined ? [] : kept.map((row) => differentRow(pair.live, row, live));
  const causes = toldCauses(outcome, live, shows);
  return { table, outcome: 'differs', missing, different, rows, truncated, causes };
}

function differentRow(table: DigestTable, row: RowDifference, live: Side): DifferentRow {
  const key = keyRecord(table, row.key);
  if (row.kind === 'different') return { key, what: 'different', columns: row.columns };
  return { key, what: `missing on ${row.on === 'live' ? live : otherSide(live)}`, columns: [] };
}
