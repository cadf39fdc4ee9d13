import type { Holder } from './lock.ts';
import type { RawRecord } from './record.ts';

/** Where records are, for those who only read. */
export interface ReadStore extends Disposable {
  /** For people and messages. */
  readonly name: string;
  /** Who writes now, or who wrote last when it was killed. */
  readonly holder: Holder | undefined;
  /** Rows after a sequence number, oldest first; at most `limit` of them (default: all). */
  read(afterSeq: number, limit?: number): Iterable<RawRecord>;
}

/** The same for the one writer. Disposal gives its place back. */
export interface WriteStore extends Omit<ReadStore, 'holder'> {
  /** Aborted, with the error as its reason, when this process is not the writer any more. Never where the operating system keeps the lock. */
  readonly lost: AbortSignal;
  /** All rows or none; on disk when it returns where `synced`, else with the next that are. Errors: TEAL-JOURNAL-007, and of PostgreSQL -020 to -022. */
  write(rows: readonly RawRecord[], synced: boolean): void;
}
