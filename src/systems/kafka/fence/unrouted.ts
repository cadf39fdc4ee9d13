import type { Side } from '../../../model/catalog.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { readBatches } from '../../../wire/kafka/record-batch.ts';
import type { OpenSide } from '../both-sides.ts';
import { keyOf, type Cluster, type LedPartition } from '../mirror/cluster.ts';
import { answerOf } from '../mirror/refusals.ts';
import { mirrorIdOf } from '../names.ts';
import type { KafkaOffsets, UnroutedRecords } from '../roles.ts';

const fetchBytes = 2 ** 20;
const patienceMs = 30_000;

/**
 * Finds records that are not the mirror's in what was added to a side since it took none of clients. A batch says who wrote it, by the id that the coordinator gave to the writer; the mirror's are asked
 * of the coordinator by their names. Heads of batches are read, and what one look has seen the next one does not read again.
 */
export class UnroutedWatch {
  readonly #migration: string;
  readonly #side: Side;
  #since = '';
  readonly #next = new Map<string, bigint>();
  readonly #found = new Map<string, UnroutedRecords>();

  constructor(migration: string, side: Side) {
    this.#migration = migration;
    this.#side = side;
  }

  /** `from`: where the part begins that is all Teal's; another one than at the call before begins anew. */
  async look(
    { cluster }: OpenSide,
    topics: readonly string[],
    from: KafkaOffsets,
    signal: AbortSignal,
  ): Promise<readonly UnroutedRecords[]> {
    const since = JSON.stringify(from);
    if (since !== this.#since) {
      this.#since = since;
      this.#next.clear();
      this.#found.clear();
    }
    for (const places of (await cluster.partitionsOf(topics)).values()) {
      const ends = await cluster.offsetsOf(places, 'latest');
      for (const [at, place] of places.entries()) {
        await this.#read(cluster, place, { from, end: ends[at] ?? 0n }, signal);
      }
    }
    return [...this.#found.values()];
  }

  async #read(
    cluster: Cluster,
    place: LedPartition,
    { from, end }: { readonly from: KafkaOffsets; readonly end: bigint },
    signal: AbortSignal,
  ): Promise<void> {
    const key = keyOf(place.topic, place.partition);
    let next = this.#next.get(key) ?? BigInt(from[place.topic]?.[place.partition] ?? 0);
    if (next >= end) return;
    const first = await cluster.offsetOf(place, 'earliest');
    if (next < first) next = first;
    const own = await this.#mirrorOf(cluster, place);
    while (next < end) {
      const offset = next;
      const asked = {
        offset,
        minBytes: 1,
        maxBytes: fetchBytes,
        maxWaitMs: 100,
        isolation: 'readUncommitted',
      } as const;
      const answer = await waitFor({ what: 'an answer of the log', timeoutMs: patienceMs, signal }, async () => {
        const got = await cluster.fetch(place, asked);
        return got.records.length > 0 || got.highWatermark >= end ? got : undefined;
      });
      for (const { baseOffset, lastOffset, isControl, producerId, count } of readBatches(answer.records)) {
        next = lastOffset + 1n;
        if (isControl || producerId === own || lastOffset < offset) continue;
        const before = this.#found.get(key);
        const { topic, partition } = place;
        this.#found.set(key, {
          topic,
          partition,
          offset: before?.offset ?? baseOffset,
          records: (before?.records ?? 0) + count,
        });
      }
      // Nothing is left up to the end but what compaction took.
      if (next === offset) next = end;
    }
    this.#next.set(key, next);
  }

  /** −2: no mirror has written there. */
  async #mirrorOf(cluster: Cluster, { topic, partition }: LedPartition): Promise<bigint> {
    const flow = this.#side === 'green' ? 'forward' : 'reverse';
    const id = mirrorIdOf(this.#migration, flow, topic, partition);
    const { describeTransactionsV0 } = cluster.connection.library;
    try {
      const coordinator = await cluster.coordinator(id);
      const { transactionStates } = await cluster.connection.ask(coordinator, [describeTransactionsV0.api], [id]);
      return transactionStates[0]?.producerId ?? -2n;
    } catch (error) {
      if (answerOf(error) === 'TRANSACTIONAL_ID_NOT_FOUND') return -2n;
      throw error;
    }
  }
}
