import { orAborted } from '../../../kernel/abort.ts';
import { failpoint } from '../../../kernel/failpoints.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { OffsetPair } from '../../../model/offset-map.ts';
import type { FetchAnswer } from '../../../wire/kafka/fetch.ts';
import type { Cluster, LedPartition } from './cluster.ts';
import { codecsOf, type Codecs } from './codecs.ts';
import { extendBlock, firstBlock, targetReached, type MapBlock, type MapOwner } from './map-block.ts';
import { MapWriter } from './map-writer.ts';
import { planBatches, runsOf, type BatchPlan } from './plan-batches.ts';
import { readMapBlocks } from './read-map.ts';
import { answerOf } from './refusals.ts';
import { Transactions, type ProducerIdentity } from './transactions.ts';

export interface MirrorPlaces {
  readonly source: Cluster;
  readonly target: Cluster;
  readonly owner: MapOwner;
  readonly targetTopic: string;
  readonly map: { readonly topic: string; readonly partition: number };
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** The first offset of the source that is carried, where the mirror begins. Default: the first that the source has. */
  readonly origin?: bigint | undefined;
  /** Of one answer, compressed as it is, and so of one transaction. A mirror holds two: one is on its way in while the other is written. */
  readonly fetchBytes: number;
}

export interface MirrorState {
  /** What is committed on the target: every record of the source below `source` is there, the last of them below `target`. */
  readonly reached: OffsetPair;
  /** Where the source's committed records ended when it was last asked; undefined before. Behind by `stable − reached.source` offsets at most: not all hold a record. */
  readonly stable: bigint | undefined;
  /** How far the target was read, where somebody else carries: all below is accounted for. */
  readonly seen?: bigint;
  /** Since it was told before: what was carried, and how many bytes were fetched for it. */
  readonly carried: {
    readonly records: number;
    readonly bytes: number;
    /** Copies that came again, where somebody else carries. */
    readonly repeated?: number;
  };
}

export interface MirrorRun {
  readonly signal: AbortSignal;
  readonly tell: (state: MirrorState) => void;
  /** Where it ends, asked again and again: nothing from there on is carried. Undefined: nowhere for now. The source must take no more records then. */
  readonly until: () => bigint | undefined;
}

/** A transaction costs each side some work and the target an offset: the source waits this long, or for so much, before it answers. */
const fetchMinBytes = 64 * 1024;
const fetchWaitMs = 100;

/** One mirror at work, from the taking of its transactional id to the first error. */
export class MirrorSession implements AsyncDisposable {
  readonly #places: MirrorPlaces;
  readonly #from: LedPartition;
  readonly #to: LedPartition;
  readonly #map: LedPartition;
  readonly #transactions: Transactions;
  readonly #writer: MapWriter;
  readonly #codecs: Codecs;
  /** The last block of the map as it is committed. */
  #block: MapBlock;

  private constructor(
    places: MirrorPlaces,
    led: { readonly from: LedPartition; readonly to: LedPartition; readonly map: LedPartition },
    transactions: Transactions,
    block: MapBlock,
  ) {
    this.#places = places;
    this.#from = led.from;
    this.#to = led.to;
    this.#map = led.map;
    this.#transactions = transactions;
    this.#writer = new MapWriter(transactions, led.map, places.owner);
    this.#codecs = codecsOf(places.source.connection.library);
    this.#block = block;
  }

  /** As it is committed. */
  get state(): MirrorState {
    return {
      reached: { source: this.#block.sourceReached, target: targetReached(this.#block) },
      stable: undefined,
      carried: { records: 0, bytes: 0 },
    };
  }

  /** `identity`: who this mirror was in its session before; then who it is now, from the moment on when the target says it. */
  static async open(
    places: MirrorPlaces,
    identity: { last: ProducerIdentity | undefined },
    signal: AbortSignal,
  ): Promise<MirrorSession> {
    const { source, target, owner } = places;
    const from = await source.partition(owner.topic, owner.partition);
    const to = await target.partition(places.targetTopic, owner.partition);
    const map = await target.partition(places.map.topic, places.map.partition);
    if (from.partitionCount !== to.partitionCount) {
      const facts = { topic: owner.topic, source: from.partitionCount, target: to.partitionCount };
      throw new TealError('TEAL-SYSTEMS-653', 'the topic has another number of partitions on the target', facts);
    }
    await using stack = new AsyncDisposableStack();
    const transactions = stack.use(await Transactions.open({ cluster: target, ...places, signal }, identity.last));
    identity.last = transactions.producer;
    failpoint('kafka.mirror.fenced');
    // Only now: the one before, which could still have committed, is fenced.
    const limits = { openTransactionsMs: 2 * places.transactionTimeoutMs, signal };
    const blocks = await readMapBlocks(target, map, owner, limits);
    const last = blocks.at(-1);
    if (last !== undefined) requireSameTopics(last, from, to);
    const block = last ?? (await originOf(places, from, to));
    const session = new MirrorSession(places, { from, to, map }, transactions, block);
    if (last === undefined) {
      await transactions.begin([map]);
      await session.#note([block]);
    }
    stack.move();
    return session;
  }

  /**
   * Carries until the signal is aborted or everything up to the end is there, and then resolves, or until an error. What comes next is fetched while the transaction before is written;
   * no more than that.
   */
  async run({ signal, tell, until }: MirrorRun): Promise<void> {
    let next = this.#block.sourceReached;
    if (isThere(next, until())) return;
    let coming = this.#fetch(next);
    for (;;) {
      const answer = await untilAborted(coming, signal);
      if (answer === undefined) return;
      const end = until();
      const plan = withoutTail(planBatches(answer, next, this.#codecs, end), answer, end);
      const isIdle = plan.next === next;
      const isEnd = isThere(plan.next, end);
      next = plan.next;
      if (!isEnd) {
        coming = this.#fetch(next);
        // Its error is heard when it is awaited; one of the commit comes first.
        coming.catch(() => undefined);
      }
      // Offsets without a record are noted when nothing else is to be done, so that whoever stands behind the last of them can be told where that is.
      const mustNote = (isIdle || isEnd) && next > this.#block.sourceReached;
      if (plan.batches.length > 0 || mustNote) await this.#carry(plan);
      tell({
        reached: { source: this.#block.sourceReached, target: targetReached(this.#block) },
        stable: answer.lastStableOffset,
        carried: { records: countOf(plan), bytes: answer.records.length },
      });
      if (isEnd) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transactions[Symbol.asyncDispose]();
  }

  /** One transaction: the records, the map of them, and with it how far the mirror has come. */
  async #carry({ batches, next }: BatchPlan): Promise<void> {
    await this.#transactions.begin(batches.length === 0 ? [this.#map] : [this.#to, this.#map]);
    failpoint('kafka.mirror.begun');
    const sent = batches.map(async ({ batch }) => this.#transactions.produce(this.#to, batch));
    const runs = runsOf(batches, await Promise.all(sent));
    failpoint('kafka.mirror.carried');
    await this.#note(extendBlock(this.#block, runs, next));
  }

  /** Ends the transaction that is open with these blocks of the map. */
  async #note(blocks: readonly MapBlock[]): Promise<void> {
    await this.#writer.write(blocks, () => failpoint('kafka.mirror.mapped'));
    failpoint('kafka.mirror.committed');
    this.#block = blocks.at(-1) ?? this.#block;
  }

  async #fetch(offset: bigint): Promise<FetchAnswer> {
    try {
      return await this.#places.source.fetch(this.#from, {
        offset,
        isolation: 'readCommitted',
        minBytes: fetchMinBytes,
        maxWaitMs: fetchWaitMs,
        maxBytes: this.#places.fetchBytes,
      });
    } catch (error) {
      if (answerOf(error) !== 'OFFSET_OUT_OF_RANGE') throw error;
      const { owner } = this.#places;
      throw new TealError(
        'TEAL-SYSTEMS-652',
        'the next offset is not in the log of the source',
        { ...owner, offset },
        error,
      );
    }
  }
}

/** A mirror that begins: where it was told, or at the first record that the source still has; and after whatever the target has. */
async function originOf(
  { source, target, origin }: MirrorPlaces,
  from: LedPartition,
  to: LedPartition,
): Promise<MapBlock> {
  const ids = { sourceTopicId: from.topicId, targetTopicId: to.topicId };
  return firstBlock(ids, {
    source: origin ?? (await source.offsetOf(from, 'earliest')),
    target: await target.offsetOf(to, 'latest'),
  });
}

function isThere(next: bigint, end: bigint | undefined): boolean {
  return end !== undefined && next >= end;
}

/** Compaction may have taken the last offsets before the end away with their batches: an answer without anything says so where all up to the end is decided. */
function withoutTail(plan: BatchPlan, answer: FetchAnswer, end: bigint | undefined): BatchPlan {
  const hasTail = end !== undefined && answer.records.length === 0 && answer.lastStableOffset >= end;
  return hasTail && plan.next < end ? { ...plan, next: end } : plan;
}

function countOf({ batches }: BatchPlan): number {
  return batches.reduce((count, { batch }) => count + batch.count, 0);
}

export function requireSameTopics(block: MapBlock, from: LedPartition, to: LedPartition): void {
  for (const [id, led] of [
    [block.sourceTopicId, from],
    [block.targetTopicId, to],
  ] as const) {
    if (id.equals(led.topicId)) continue;
    const facts = { topic: led.topic, partition: led.partition };
    throw new TealError('TEAL-SYSTEMS-653', 'the topic was deleted and made again since it was mirrored', facts);
  }
}

/** Undefined when the signal is aborted first. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await orAborted(work, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
