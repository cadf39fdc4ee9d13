import { TealError } from '../kernel/errors.ts';
import type { Position } from '../model/position.ts';

/**
 * Where the stream begins for each table, by the relation's number in the stream. A copy that lost its snapshot brought some tables under a later one; those
 * show every transaction that ended at or before their own start already (correctness.md §1.4, mode H′).
 *
 * A start is the consistent point of a slot: the source begins with a slot's stream exactly there, and gave away exactly what was before as the snapshot. So a
 * transaction is in the snapshot when its commit's record begins before that point; since a point never lies inside a record, that is when it ends at or
 * before it. The first form is known when a transaction begins, the second is the one that progress is kept by; `refuseSplitCommit` holds them against each other.
 */
export type TableStarts = ReadonlyMap<number, Position>;

export const noStarts: TableStarts = new Map();

/** Those that a stream which has come to `position` still has to respect. */
export function startsAfter(starts: TableStarts, position: Position): TableStarts {
  return new Map([...starts].filter(([, start]) => start > position));
}

/** Whether a transaction's changes of this table are in the table already. `commitsAt`: where its commit's record begins. */
export function isInCopy(starts: TableStarts, relation: number, commitsAt: Position): boolean {
  const start = starts.get(relation);
  return start !== undefined && commitsAt < start;
}

/** A stream that has not come to here has passed none of them. */
export function firstStart(starts: TableStarts): Position | undefined {
  return [...starts.values()].sort()[0];
}

/** From here on the target is again a state that the source had. */
export function lastStart(starts: TableStarts): Position | undefined {
  return [...starts.values()].sort().at(-1);
}

/** TEAL-SYNC-117 when a start lies inside a commit's record: it is no consistent point of this log, and the two forms of the rule would differ. */
export function refuseSplitCommit(starts: TableStarts, commitsAt: Position, end: Position): void {
  for (const start of starts.values()) {
    if (commitsAt < start && start < end) {
      throw new TealError('TEAL-SYNC-117', 'a table begins in the middle of a commit', { start, commitsAt, end });
    }
  }
}

/** TEAL-SYNC-208 when a stream that begins at `first` has not the changes since an earlier table's snapshot: its slot was made anew after the copy. */
export function refuseLateStream(starts: TableStarts, first: Position): void {
  const earliest = firstStart(starts);
  if (earliest !== undefined && earliest < first) {
    throw new TealError('TEAL-SYNC-208', 'the stream begins after the copy', { copy: earliest, stream: first });
  }
}
