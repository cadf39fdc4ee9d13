import type { AbortedTransaction } from './fetch.ts';
import type { RecordBatch } from './record-batch.ts';

export interface DecidedBatch {
  readonly batch: RecordBatch;
  /** Its records are to be seen: neither of an aborted transaction nor the server's own. */
  readonly isCommitted: boolean;
}

/**
 * What a reader of committed records sees of the batches of one answer, which the server cut off where transactions are open. It must be told apart here because the
 * server sends everything, and beside it where aborted transactions begin (KIP-98, "Consumer").
 *
 * A control batch ends the transaction that its producer has, whatever it says: one that compaction has emptied, and that nobody could read, does so too.
 */
export function* decideBatches(
  batches: Iterable<RecordBatch>,
  aborted: readonly AbortedTransaction[],
): Generator<DecidedBatch> {
  const coming = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const abortedNow = new Set<bigint>();
  let next = 0;
  for (const batch of batches) {
    for (let begun = coming[next]; begun !== undefined && begun.firstOffset <= batch.lastOffset; begun = coming[next]) {
      abortedNow.add(begun.producerId);
      next += 1;
    }
    if (batch.isControl) abortedNow.delete(batch.producerId);
    yield {
      batch,
      isCommitted: !batch.isControl && !(batch.isTransactional && abortedNow.has(batch.producerId)),
    };
  }
}
