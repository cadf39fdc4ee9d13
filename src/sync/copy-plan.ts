import { tableKey, type Table } from '../model/catalog.ts';
import { gapsBetween, type Gap } from '../model/gaps.ts';
import type { CopyRange, DoneRange, TableExtent } from '../ports/snapshot-source.ts';

/** A range with its share of the work, for order, progress and the time left. */
export interface PlannedRange extends CopyRange {
  readonly estimatedBytes: number;
}

export interface CopyPlan {
  /** In the order in which they should be begun. */
  readonly ranges: readonly PlannedRange[];
  /** Tables of which nothing is left to copy. */
  readonly finished: readonly Table[];
}

export interface PlanOptions {
  readonly workers: number;
  /** Default 16 MiB: below it the round trips of a range are felt. */
  readonly minRangeBytes?: number;
  /** Default 256 MiB: what a crash costs at most, for each worker. */
  readonly maxRangeBytes?: number;
}

/** How many ranges each worker should get of the whole: enough that the last one to end does not keep the others waiting for long. */
const rangesPerWorker = 6;

/**
 * What is left to copy, split so that the workers end together. Covers each table's [0, ∞) exactly once together with what is done, whatever the extents say:
 * an extent only decides where to split, so a wrong one costs time and never rows.
 */
export function planCopy(extents: readonly TableExtent[], done: readonly DoneRange[], options: PlanOptions): CopyPlan {
  const doneByTable = Map.groupBy(done, (range) => tableKey(range.table));
  const rangeBytes = chooseRangeBytes(extents, options);
  const finished: Table[] = [];
  const ranges: PlannedRange[] = [];
  // The biggest table first: its ranges fill the time in which the small ones would leave workers idle at the end.
  for (const extent of [...extents].sort((a, b) => b.bytes - a.bytes)) {
    const gaps = gapsBetween(doneByTable.get(tableKey(extent.table)) ?? []);
    if (gaps.length === 0) finished.push(extent.table);
    else ranges.push(...gaps.flatMap((gap) => splitGap(extent, gap, rangeBytes)));
  }
  return Object.freeze({ ranges, finished });
}

function chooseRangeBytes(extents: readonly TableExtent[], options: PlanOptions): number {
  const total = extents.reduce((sum, extent) => sum + extent.bytes, 0);
  const even = total / (Math.max(1, options.workers) * rangesPerWorker);
  const [min, max] = [options.minRangeBytes ?? 16 << 20, options.maxRangeBytes ?? 256 << 20];
  return Math.min(Math.max(even, min), max);
}

/** Even pieces of at most `rangeBytes` (by the table's mean), the last one open when the gap is. */
function splitGap(extent: TableExtent, gap: Gap, rangeBytes: number): PlannedRange[] {
  const end = gap.to ?? Math.max(extent.units, gap.from);
  const units = end - gap.from;
  const bytesPerUnit = extent.units === 0 ? 0 : extent.bytes / extent.units;
  const pieces = Math.max(1, Math.min(units, Math.ceil((units * bytesPerUnit) / rangeBytes)));
  return Array.from({ length: pieces }, (_, index) => {
    const from = gap.from + Math.floor((units * index) / pieces);
    const to = index === pieces - 1 ? gap.to : gap.from + Math.floor((units * (index + 1)) / pieces);
    const estimatedBytes = Math.round(((to ?? Math.max(end, from)) - from) * bytesPerUnit);
    return { table: extent.table, from, ...(to === undefined ? {} : { to }), estimatedBytes };
  });
}
