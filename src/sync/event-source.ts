import type { StreamEvent } from '../model/change.ts';
import type { Position } from '../model/position.ts';

/**
 * Where an applier reads the changes of one flow, decoded, in commit order and from a commit's end onwards. It is behind a disk spool, or a moment ahead of it; whole transactions only are
 * ever in it.
 *
 * After a restart it begins at or before the last `trimmed` position, so transactions that were applied already come again: the reader drops
 * those whose `commit.end` is not above what it has applied (correctness.md §2.1).
 */
export interface EventSource {
  /**
   * As many events as are ready: at least one, at most about a megabyte of them. Waits when there are none; a commit may come in a later batch than its
   * begin. One call at a time. Rejects with the signal's reason when aborted, with TEAL-SYNC-0xx when the spool cannot be read, and with the
   * receiver's error once everything that it spooled has been read.
   */
  next(signal: AbortSignal): Promise<readonly StreamEvent[]>;
  /** True when a further `next` would not wait: the applier may make its group larger. */
  hasMore(): boolean;
  /** Everything up to and including the transaction that ends here is durable on the target: the spool may forget it. Never waits. */
  trimmed(position: Position): void;
}
