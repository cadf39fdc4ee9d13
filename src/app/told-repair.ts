import { isTealError } from '../kernel/errors.ts';
import { otherSide, type Side } from '../model/catalog.ts';
import type { Repairer } from '../ports/digester.ts';
import { isShown, type RowDifference } from '../verify/differences.ts';
import type { TablePair } from '../verify/pair-tables.ts';
import { repairOfRows } from '../verify/repair.ts';
import { differentRow, type DifferentRow } from './different-row.ts';
import type { ToldCause } from './told-causes.ts';

/** What would make some rows of one table equal. As the examples of causes for its owner's eyes: it holds rows' values. */
export interface ToldRepair {
  /** Where it is to be run: the side that is not live. */
  readonly on: Side;
  /** The rows that it makes equal: the examples of the causes, then the first others. */
  readonly rows: readonly DifferentRow[];
  /** How many rows of the table differ. */
  readonly of: number;
  /** One transaction, in the words of that side. Where a row is not as it was compared any more, nothing is done to it. */
  readonly sql: string;
}

export interface RowsToRepair {
  readonly pair: TablePair;
  readonly kept: readonly RowDifference[];
  readonly causes: readonly Pick<ToldCause, 'examples'>[];
  readonly on: Side;
  /** Of the table on that side. */
  readonly uniqueKeys: number;
  readonly of: number;
}

const rowsShown = 20;

/** Undefined where no row can be shown or made equal. Pure. */
export function toldRepair(
  { pair, kept, causes, on, uniqueKeys, of }: RowsToRepair,
  repairer: Pick<Repairer, 'render'>,
): ToldRepair | undefined {
  const examples = new Set(causes.flatMap(({ examples: keys }) => keys.map((key) => JSON.stringify(key))));
  const live = otherSide(on);
  const all = kept.filter(isShown).map((row) => ({ row, told: differentRow(pair.live, row, live) }));
  const isExample = ({ told }: (typeof all)[number]): boolean => examples.has(JSON.stringify(told.key));
  const ordered = [...all.filter(isExample), ...all.filter((one) => !isExample(one))];
  const shown: typeof all = [];
  for (const one of ordered) {
    if (shown.length === rowsShown) break;
    if (isWritable(repairOfRows(pair, [one.row], uniqueKeys), repairer)) shown.push(one);
  }
  if (shown.length === 0) return undefined;
  const repairs = repairOfRows(
    pair,
    shown.map(({ row }) => row),
    uniqueKeys,
  );
  return { on, rows: shown.map(({ told }) => told), of, sql: repairer.render(repairs).join('\n') };
}

/** A value may have no form on that side (TEAL-SYNC-130), or be of a type that Teal does not write there (TEAL-SYSTEMS-304): such a row is not shown. */
function isWritable(repairs: ReturnType<typeof repairOfRows>, { render }: Pick<Repairer, 'render'>): boolean {
  try {
    return repairs.length > 0 && render(repairs).length > 0;
  } catch (error) {
    if (isTealError(error, 'TEAL-SYNC-130') || isTealError(error, 'TEAL-SYSTEMS-304')) return false;
    throw error;
  }
}
