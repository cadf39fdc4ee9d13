import type { Side } from '../../../model/catalog.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { readBatches } from '../../../wire/kafka/record-batch.ts';
import type { OpenSide } from '../both-sides.ts';
import { keyOf, type Cluster, type LedPartition } from '../mirror/cluster.ts';
import { answerOf } from '../mirror/refusals.ts';
import { mirrorIdOf } from '../names.ts';
import type { UnroutedRecords } from '../roles.ts';

const fetchBytes = 2 ** 20;
const patienceMs = 30_000;

/**
 * Finds records that are not the mirror's in what was added to a side since it took none of clients. A batch says who wrote it, by the id that the coordinator gave to the writer; the mirror's are asked
 * of the coordinator by their names. Heads of batches are read, and what one look has seen the next one does not read again.
 */
export class UnroutedWatch {
  readonly #migration: string;
  readonly #side: Side;
  /** By topic: from where it was looked. */
  readonly #since = new Map<string, string>();
  readonly #next = new Map<string, bigint>();
  readonly #found = new Map<string, UnroutedRecords>();

  constructor(migration: string, side: Side) {
    this.#migration = migration;
    this.#side = side;
  }

  /** `from`: by topic and partition, where the part begins that is all Teal's; another one than at the call before begins anew. Topics that are not named are not looked at. */
  async look(
    { cluster }: OpenSide,
    from: ReadonlyMap<string, readonly string[]>,
    signal: AbortSignal,
  ): Promise<readonly UnroutedRecords[]> {
    const places = await cluster.partitionsOf([...from.keys()]);
    this.#forgetOthers(from);
    for (const [topic, ofTopic] of places) {
      const ends = await cluster.offsetsOf(ofTopic, 'latest');
      for (const [at, place] of ofTopic.entries()) {
        const first = BigInt(from.get(topic)?.[place.partition] ?? 0);
        await this.#read(cluster, place, { first, end: ends[at] ?? 0n }, signal);
      }
    }
    return [...this.#found.values()];
  }

  /** What was seen of a topic that is looked at no more, or from elsewhere. */
  #forgetOthers(from: ReadonlyMap<string, readonly string[]>): void {
    for (const [topic, since] of this.#since) {
      if (from.get(topic)?.join() === since) continue;
      this.#since.delete(topic);
      for (const key of [...this.#next.keys()].filter((it) => it.startsWith(`${topic}/`))) {
        this.#next.delete(key);
        this.#found.delete(key);
      }
    }
    for (const [topic, offsets] of from) this.#since.set(topic, offsets.join());
  }

  async #read(
    cluster: Cluster,
    place: LedPartition,
    { first: since, end }: { readonly first: bigint; readonly end: bigint },
    signal: AbortSignal,
  ): Promise<void> {
    const key = keyOf(place.topic, place.partition);
    let next = this.#next.get(key) ?? since;
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
