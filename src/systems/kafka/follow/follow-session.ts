import { orAborted } from '../../../kernel/abort.ts';
import { failpoint } from '../../../kernel/failpoints.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { OffsetRun } from '../../../model/offset-map.ts';
import type { CarriedRecord } from '../../../wire/kafka/record.ts';
import { keyOf, type LedPartition } from '../mirror/cluster.ts';
import { extendBlock, firstBlock, targetReached, type MapBlock } from '../mirror/map-block.ts';
import { MapWriter } from '../mirror/map-writer.ts';
import { requireSameTopics, type MirrorPlaces, type MirrorRun, type MirrorState } from '../mirror/mirror-session.ts';
import { addRun } from '../mirror/plan-batches.ts';
import { readMapBlocks } from '../mirror/read-map.ts';
import { Transactions, type ProducerIdentity } from '../mirror/transactions.ts';
import { CompactedLog } from './compacted.ts';
import { LogReader, isSameRecord } from './log-reader.ts';
import { Repeats } from './repeats.ts';
import type { Together } from './together.ts';

export interface FollowHooks {
  readonly together: Together;
  /** Of a topic of the source. */
  readonly isCompacted: (topic: string) => boolean;
}

/** How long a broker holds back an answer while there is nothing. */
const idleMs = 100;

/**
 * Follows a carrier that is not Teal's over one partition: reads both logs, finds for each record of the source its copy on the target, and keeps the same map of offsets that Teal's own mirror would
 * keep, under the same transactional id. So groups are translated, compared and carried back as if that one had carried. A copy that comes again is counted and stays out of the map; anything
 * else that is not the next record ends it.
 *
 * Every record of the source from the map's origin on is on the target, at a place that only grows: a reader that goes on at the translated place misses nothing, and may meet again what came twice.
 */
export class FollowSession implements AsyncDisposable {
  readonly #who: string;
  readonly #from: LedPartition;
  readonly #writer: MapWriter;
  readonly #source: LogReader;
  readonly #target: LogReader;
  readonly #repeats: Repeats;
  readonly #together: Together;
  /** Of a compacted source. */
  readonly #compacted: CompactedLog | undefined;
  #block: MapBlock;
  /** The last record that has its place in the map. */
  #lastPaired: bigint;
  /** Of which record the last copy was, while the carrier repeats. */
  #repeating: bigint | undefined;
  #records = 0;
  #repeated = 0;

  private constructor(
    places: MirrorPlaces,
    led: { readonly from: LedPartition; readonly to: LedPartition },
    { writer, block, hooks }: { writer: MapWriter; block: MapBlock; hooks: FollowHooks },
    signal: AbortSignal,
  ) {
    const { source, target, fetchBytes } = places;
    this.#who = keyOf(led.from.topic, led.from.partition);
    this.#from = led.from;
    this.#writer = writer;
    this.#block = block;
    this.#together = hooks.together;
    this.#lastPaired = lastOf(block);
    this.#source = new LogReader({ cluster: source, place: led.from, from: block.sourceReached, fetchBytes });
    this.#target = new LogReader({ cluster: target, place: led.to, from: targetReached(block), fetchBytes });
    const limits = { openTransactionsMs: 2 * places.transactionTimeoutMs, signal };
    this.#repeats = new Repeats({ cluster: source, place: led.from, start: 0n }, limits);
    this.#compacted = hooks.isCompacted(led.from.topic) ? new CompactedLog(source, led.from, limits) : undefined;
  }

  get state(): MirrorState {
    return {
      reached: { source: this.#block.sourceReached, target: targetReached(this.#block) },
      stable: this.#source.stable,
      carried: { records: 0, bytes: 0, repeated: 0 },
    };
  }

  /** Where nothing is known yet it begins at the first record of the source and after all that is on the target, and says so there before the carrier begins. Errors: as `mirrorPartition`. */
  static async open(
    places: MirrorPlaces,
    identity: { last: ProducerIdentity | undefined },
    signal: AbortSignal,
    hooks: FollowHooks,
  ): Promise<FollowSession> {
    const { source, target, owner } = places;
    const from = await source.partition(owner.topic, owner.partition);
    const to = await target.partition(places.targetTopic, owner.partition);
    const map = await target.partition(places.map.topic, places.map.partition);
    await using stack = new AsyncDisposableStack();
    const transactions = stack.use(await Transactions.open({ cluster: target, ...places, signal }, identity.last));
    identity.last = transactions.producer;
    const limits = { openTransactionsMs: 2 * places.transactionTimeoutMs, signal };
    const last = (await readMapBlocks(target, map, owner, limits)).at(-1);
    if (last !== undefined) requireSameTopics(last, from, to);
    const writer = new MapWriter(transactions, map, owner);
    const block =
      last ??
      firstBlock(
        { sourceTopicId: from.topicId, targetTopicId: to.topicId },
        { source: await source.offsetOf(from, 'earliest'), target: await target.offsetOf(to, 'latest') },
      );
    if (last === undefined) {
      await transactions.begin([map]);
      await writer.write([block]);
    }
    const session = new FollowSession(places, { from, to }, { writer, block, hooks }, signal);
    stack.move();
    return session;
  }

  /** Until the signal is aborted, or everything below the end has its copy and the carrier is halted. Errors: TEAL-SYSTEMS-672 a record that is no copy, -673, and those of `LogReader`. */
  async run({ signal, tell, until }: MirrorRun): Promise<void> {
    try {
      await orAborted(this.#together.opened(this.#who), signal);
      let isHalted = false;
      while (!signal.aborted) {
        const end = until();
        await orAborted(this.#look(), signal);
        await this.#note(end, tell);
        const isThere = end !== undefined && this.#block.sourceReached >= end && this.#target.isAtEnd;
        if (!isThere) continue;
        if (isHalted && this.#target.isAtRest) return this.#requireWhole();
        if (!isHalted) await orAborted(this.#together.arrived(this.#who), signal);
        isHalted = true;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }

  /** One answer of the target, and each of its records found in the source. */
  async #look(): Promise<void> {
    await this.#target.fill(idleMs);
    // After it: what the target had then the source has now.
    if (this.#source.head === undefined) await this.#source.fill(this.#target.head === undefined ? idleMs : 0);
  }

  async #note(end: bigint | undefined, tell: MirrorRun['tell']): Promise<void> {
    const runs: OffsetRun[] = [];
    const isIdle = this.#target.head === undefined;
    await this.#pair(runs);
    const reached = this.#reachedOf(end);
    if (runs.length > 0 || (isIdle && reached > this.#block.sourceReached)) {
      await this.#writer.begin();
      const blocks = extendBlock(this.#block, runs, reached);
      await this.#writer.write(blocks);
      failpoint('kafka.follow.noted');
      this.#block = blocks.at(-1) ?? this.#block;
    }
    const carried = { records: this.#records, bytes: this.#source.takeBytes(), repeated: this.#repeated };
    [this.#records, this.#repeated] = [0, 0];
    tell({ ...this.state, stable: this.#source.stable, seen: this.#target.reached, carried });
  }

  async #pair(runs: OffsetRun[]): Promise<void> {
    for (let copy = this.#target.head; copy !== undefined; copy = this.#target.head) {
      while (this.#source.head === undefined && !this.#source.isAtEnd) await this.#source.fill(0);
      const record = this.#source.head;
      if (record !== undefined && isSameRecord(record, copy)) {
        addRun(runs, { sourceStart: record.offset, targetStart: copy.offset, length: 1n });
        this.#source.take();
        this.#compacted?.passed(record);
        this.#records += 1;
        this.#lastPaired = record.offset;
        this.#repeating = undefined;
      } else if (this.#compacted === undefined) await this.#passRepeat(copy);
      else if (await this.#passCompacted(copy, this.#compacted)) continue;
      this.#target.take();
    }
  }

  async #passRepeat(copy: CarriedRecord): Promise<void> {
    this.#repeating = await this.#repeats.of(copy, this.#source.reached);
    if (this.#repeating === undefined) throw this.#noCopy(copy.offset);
    this.#repeated += 1;
  }

  /** True: the source was moved to the record of this copy, over some that compaction took before they were copied. Otherwise it came again, or the source has it no more. */
  async #passCompacted(copy: CarriedRecord, log: CompactedLog): Promise<boolean> {
    const { reached, stable = 0n } = this.#source;
    const recent = log.recent(copy);
    if (recent !== undefined) {
      this.#repeating = recent;
      this.#repeated += 1;
      return false;
    }
    const ahead = await log.ahead(copy, reached, stable);
    if (ahead !== undefined) this.#source.seek(ahead);
    return ahead !== undefined;
  }

  /** Offsets of the source without a record, up to the end, are passed too: compaction may have taken the last ones with their batches. */
  #reachedOf(end: bigint | undefined): bigint {
    const { reached, head, isAtEnd, stable = 0n } = this.#source;
    const hasTail = end !== undefined && head === undefined && isAtEnd && stable >= end;
    return hasTail && reached < end ? end : reached;
  }

  /** A carrier that was halted while it repeated has left the newest copies of some records behind older ones. It is let go on, and halted again. */
  #requireWhole(): void {
    if (this.#repeating === undefined || this.#repeating >= this.#lastPaired) return;
    const { topic, partition } = this.#from;
    throw new TealError('TEAL-SYSTEMS-673', 'it was halted while it sent again what had come', {
      topic,
      partition,
      at: this.#repeating,
    });
  }

  #noCopy(offset: bigint): TealError {
    const { topic, partition } = this.#from;
    const facts = { topic, partition, offset, next: this.#source.reached };
    return new TealError(
      'TEAL-SYSTEMS-672',
      `${topic}/${partition}: the record at ${offset} of the target is no copy of the one at ${this.#source.reached} of the source, nor of an earlier one`,
      facts,
    );
  }
}

/** Before the first: the one before where the map begins. */
function lastOf({ runs, from }: MapBlock): bigint {
  const last = runs.at(-1);
  return (last === undefined ? from.source : last.sourceStart + last.length) - 1n;
}
