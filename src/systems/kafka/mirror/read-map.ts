import { waitFor } from '../../../kernel/clock.ts';
import { decideBatches } from '../../../wire/kafka/committed.ts';
import { readBatches } from '../../../wire/kafka/record-batch.ts';
import { readContent, readRecords, type RecordContent } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from './cluster.ts';
import { codecsOf } from './codecs.ts';
import { mergeBlocks, type MapBlock, type MapOwner } from './map-block.ts';

export interface ReadLimits {
  /** How long a transaction of somebody else may hold back what lies after its begin. */
  readonly openTransactionsMs: number;
  readonly signal: AbortSignal;
}

/** Of one answer. */
const fetchBytes = 4 * 2 ** 20;
const fetchWaitMs = 250;

/**
 * What is committed of one partition's map at the moment of the call, whoever writes into the same partition of the map's topic: it is read to the end of that moment, not to
 * where transactions that are open hold it back. Errors: TEAL-SYSTEMS-651 the topic says something else, TEAL-KERNEL-002 a transaction stays open, those of a connection.
 */
export async function readMapBlocks(
  cluster: Cluster,
  place: LedPartition,
  owner: MapOwner,
  limits: ReadLimits,
): Promise<readonly MapBlock[]> {
  const end = await cluster.offsetOf(place, 'latest');
  const records: RecordContent[] = [];
  for await (const record of readCommitted(cluster, place, end, limits)) records.push(record);
  return mergeBlocks(owner, records);
}

/** Committed records from the beginning of a log up to this end, which may hold transactions that are yet to be decided. */
async function* readCommitted(
  cluster: Cluster,
  place: LedPartition,
  end: bigint,
  limits: ReadLimits,
): AsyncGenerator<RecordContent> {
  const codecs = codecsOf(cluster.connection.library);
  let at = await cluster.offsetOf(place, 'earliest');
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
        yield readContent(record.content);
      }
    }
    if (next === offset) return;
    at = next;
  }
}
