import { otherSide, tableKey, type Side } from '../model/catalog.ts';
import type { Repairer } from '../ports/digester.ts';
import type { TableOutcome } from '../verify/outcome.ts';
import { differentRow, type DifferentRow } from './different-row.ts';
import { toldCauses, type ToldCause } from './told-causes.ts';
import { toldRepair, type ToldRepair } from './told-repair.ts';

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
  /** What would make some of them equal; absent where nothing can, or no row is short enough to be shown. */
  readonly repair?: ToldRepair;
}

/** What is asked of the sides beside the outcomes. */
export interface Sides {
  /** How each writes statements. */
  readonly repairer: (side: Side) => Pick<Repairer, 'show' | 'render'>;
  /** How many unique keys a table has on the side that is not live. */
  readonly uniqueKeys: (table: string) => number;
}

/** Pure: outcomes told by `live` and `other`, told by blue and green. */
export function comparedTables(outcomes: readonly TableOutcome[], live: Side, sides: Sides): readonly ComparedTable[] {
  return outcomes.map((outcome) => comparedTable(outcome, live, sides));
}

function comparedTable(outcome: TableOutcome, live: Side, sides: Sides): ComparedTable {
  const table = tableKey(outcome.name);
  const none = { missing: { blue: 0, green: 0 }, different: 0, rows: [], truncated: false, causes: [] };
  if (outcome.outcome === 'equal') return { table, outcome: 'equal', ...none };
  if (outcome.outcome !== 'differs') return { table, outcome: outcome.outcome, reason: outcome.reason, ...none };
  const { missingOnLive, missingOnOther, different, kept, truncated } = outcome.differences;
  const missing =
    live === 'blue' ? { blue: missingOnLive, green: missingOnOther } : { blue: missingOnOther, green: missingOnLive };
  const pair = outcome.pair;
  const rows = pair === undefined ? [] : kept.map((row) => differentRow(pair.live, row, live));
  const causes = toldCauses(outcome, live, sides.repairer);
  const told = { table, outcome: 'differs', missing, different, rows, truncated, causes } as const;
  if (pair === undefined) return told;
  const on = otherSide(live);
  const uniqueKeys = sides.uniqueKeys(table);
  const repair = toldRepair(
    { pair, kept, causes, on, uniqueKeys, of: missingOnLive + missingOnOther + different },
    sides.repairer(on),
  );
  return repair === undefined ? told : { ...told, repair };
}
