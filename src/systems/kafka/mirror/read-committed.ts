import { waitFor } from '../../../kernel/clock.ts';
import { decideBatches } from '../../../wire/kafka/committed.ts';
import { readBatches } from '../../../wire/kafka/record-batch.ts';
import { readRecords, type CarriedRecord } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from './cluster.ts';
import { codecsOf } from './codecs.ts';

export interface ReadLimits {
  /** How long a transaction of somebody else may hold back what lies after its begin. */
  readonly openTransactionsMs: number;
  readonly signal: AbortSignal;
}

/** Of one answer. */
const fetchBytes = 4 * 2 ** 20;
const fetchWaitMs = 250;

/**
 * Committed records of a log from an offset on and below an end, which may hold transactions that are yet to be decided. What is handed out is a view, good until the next one is asked for
 * but one. Errors: TEAL-KERNEL-002 a transaction stays open, those of a connection.
 */
export async function* readCommitted(
  cluster: Cluster,
  place: LedPartition,
  { from, end }: { readonly from: bigint; readonly end: bigint },
  limits: ReadLimits,
): AsyncGenerator<CarriedRecord> {
  const codecs = codecsOf(cluster.connection.library);
  let at = from;
  while (at < end) {
    const offset = at;
    const asked = { offset, minBytes: 1, maxBytes: fetchBytes, maxWaitMs: fetchWaitMs } as const;
    const waiting = {
      what: `transactions on ${place.topic}/${place.partition} to end`,
      timeoutMs: limits.openTransactionsMs,
      signal: limits.signal,
    };
    const answer = await waitFor(waiting, async () => {
      const { lastStableOffset, ...got } = await cluster.fetch(place, { ...asked, isolation: 'readCommitted' });
      // Nothing but what was compacted away may lie up to the end.
      return got.records.length > 0 || lastStableOffset >= end ? got : undefined;
    });
    let next = offset;
    for (const { batch, isCommitted } of decideBatches(readBatches(answer.records), answer.aborted)) {
      next = batch.lastOffset + 1n;
      if (!isCommitted) continue;
      for (const record of readRecords(batch, codecs.decompress(batch.compression, batch.body))) {
        if (record.offset >= offset && record.offset < end) yield record;
      }
    }
    if (next === offset) return;
    at = next;
  }
}
