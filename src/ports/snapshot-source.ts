import type { Table, TableName } from '../model/catalog.ts';

/**
 * `binary`: the fastest, but only where both sides write a type alike. `text`: understood by every version. The bytes themselves are the affair of the two
 * adapters: whoever moves them neither reads nor joins them.
 */
export type RowFormat = 'binary' | 'text';

/** A piece of a stored table by place, not by value: the unit of copying, of retry and of resuming. */
export interface CopyRange {
  readonly table: Table;
  /** First unit of the table's extent, 0-based. A unit is a page in PostgreSQL. */
  readonly from: number;
  /** First unit after it. Absent: everything from `from` on, so that a table that grew while it was measured is still copied whole. */
  readonly to?: number;
}

/** What a table takes at the time of asking; it may have grown since the snapshot, and grows on. */
export interface TableExtent {
  readonly table: Table;
  readonly units: number;
  /** With values that are stored out of line; without indexes. */
  readonly bytes: number;
  readonly estimatedRows: number;
}

/** The rows of one range on their way. */
export interface RowStream {
  readonly format: RowFormat;
  /** In order, once. Ends when the source has said that it sent all; throws otherwise. Leaving early makes the reader unusable. A span's bytes stand until the next one is asked for. */
  readonly spans: AsyncIterable<Buffer>;
  /** How many rows the source says it sent; known once `spans` has ended. */
  rowCount(): bigint;
}

/**
 * A snapshot of a source that somebody holds open: every reader sees the same rows, whenever it is opened.
 * All of it may be called concurrently, and again after a crash of the reading process.
 */
export interface SnapshotSource {
  /** The position at which it was taken, which names it: equal names, equal rows. Of later snapshots it is greater. Kept beside what was copied, because a range must never be resumed under another snapshot. */
  readonly snapshot: string;
  extents(tables: readonly Table[]): Promise<readonly TableExtent[]>;
  /** A reader of its own connection. TEAL-SYNC-203 when nobody holds the snapshot any more. */
  open(signal: AbortSignal): Promise<SnapshotReader>;
}

/** Reads one range at a time. An error whose entry says `auto` leaves nothing behind: dispose, open another, read the range again. */
export interface SnapshotReader extends AsyncDisposable {
  /** TEAL-SYNC-204 when the source cannot write this table in that format. */
  read(range: CopyRange, format: RowFormat): RowStream;
}

/** The snapshot of an epoch. */
export interface HeldEpoch {
  readonly epoch: number;
  readonly source: SnapshotSource;
}

/** Snapshots that outlive the process which asked for them. */
export interface SnapshotKeeper {
  /** The newest that somebody holds, with what was lost of its holders replaced; undefined when nobody holds one. */
  held(signal: AbortSignal): Promise<HeldEpoch | undefined>;
  /**
   * A snapshot of now, held when it resolves. What was received or is kept of the log is not touched: the stream still begins where it did. Waits, for a bounded
   * time, for transactions that write.
   */
  take(epoch: number, signal: AbortSignal): Promise<HeldEpoch>;
  /** Ends what is held, and its locks: nothing is held when it resolves. */
  letGo(signal: AbortSignal): Promise<void>;
}

/** A range that is on the target, durably. All ranges of a table are of one snapshot. */
export interface DoneRange {
  /** The one that the rows are of; see `SnapshotSource`. */
  readonly snapshot: string;
  readonly table: TableName;
  readonly from: number;
  readonly to?: number;
  readonly rows: bigint;
}

export interface CopyRun {
  /** Names one snapshot's copy; a new snapshot needs a higher one. */
  readonly epoch: number;
  readonly snapshot: string;
  readonly tables: readonly Table[];
  /**
   * Tables that have to be of one snapshot, by name, each group by itself; default: none. A change of the one changes rows of the other, and the log does not hold those: it must be in
   * the copy of both or of none.
   */
  readonly linked?: readonly ReadonlySet<string>[];
}

/**
 * Where a copy goes. A range and the record that it is there are one durable act, so that a crash leaves both or neither.
 */
export interface CopyTarget {
  /**
   * Begins a run or resumes it. Resolves when no writer of an earlier call can commit any more (also one whose process is dead and whose server is still at work),
   * and answers what is there. Tables that an earlier epoch completed keep their rows and their snapshot, those that
   * are linked if it completed all of them. Of all others with nothing of this epoch the rows are
   * thrown away; rows that no copy of Teal brought are an error (TEAL-SYNC-201). TEAL-SYNC-202 when this epoch was copied from another snapshot,
   * -206 when a later one has begun.
   */
  begin(run: CopyRun, signal: AbortSignal): Promise<readonly DoneRange[]>;
  /** What is there of these tables, whichever epoch brought it, asked of the target itself; of a target that no copy has reached, nothing. Changes nothing. */
  done(tables: readonly Table[]): Promise<readonly DoneRange[]>;
  /** The newest epoch that has begun here; 0 before the first. */
  epoch(): Promise<number>;
  open(run: CopyRun, signal: AbortSignal): Promise<CopyWriter>;
}

export type Written =
  | { readonly state: 'written'; readonly rows: bigint }
  /** An earlier attempt had committed although nobody heard of it. The rows were not read. */
  | { readonly state: 'already there' };

/** Writes one range at a time. */
export interface CopyWriter extends AsyncDisposable {
  /**
   * Resolves when the range and its record are durable. Compares its own row count with `rows.rowCount()` before it commits (TEAL-SYNC-205, nothing committed).
   * TEAL-SYNC-204 when the target does not take this table in that format. After an error nothing of the range is there, or all of it: write it again, by another writer. Rejects once the
   * run was begun again.
   */
  write(range: CopyRange, rows: RowStream): Promise<Written>;
}
