import { TealError } from '../../../kernel/errors.ts';
import { decideBatches } from '../../../wire/kafka/committed.ts';
import { readBatches } from '../../../wire/kafka/record-batch.ts';
import { readRecords, type CarriedRecord } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import { codecsOf, type Codecs } from '../mirror/codecs.ts';
import { answerOf } from '../mirror/refusals.ts';

export interface LogReaderOptions {
  readonly cluster: Cluster;
  readonly place: LedPartition;
  readonly from: bigint;
  /** Of one answer, compressed as it is; one is held. */
  readonly fetchBytes: number;
}

/** Committed records of one partition, one after the other, as far as there are any. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #codecs: Codecs;
  #records: readonly CarriedRecord[] = [];
  #at = 0;
  #next: bigint;
  #stable: bigint | undefined;
  #isAtEnd = false;
  #isAtRest = false;
  #bytes = 0;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#codecs = codecsOf(options.cluster.connection.library);
    this.#next = options.from;
  }

  /** The next record; undefined where another answer is to be asked for. */
  get head(): CarriedRecord | undefined {
    return this.#records[this.#at];
  }

  /** Every committed record below it was taken. */
  get reached(): bigint {
    return this.head?.offset ?? this.#next;
  }

  /** Where committed records ended by the last answer. */
  get stable(): bigint | undefined {
    return this.#stable;
  }

  /** The last answer had nothing. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** And nothing of a transaction that is yet to be decided lies behind it. */
  get isAtRest(): boolean {
    return this.#isAtEnd && this.#isAtRest;
  }

  /** Fetched since it was asked last. */
  takeBytes(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  }

  take(): void {
    this.#at += 1;
  }

  /** Passes over what lies below. */
  seek(offset: bigint): void {
    while (this.head !== undefined && this.head.offset < offset) this.take();
    if (this.head !== undefined || this.#next >= offset) return;
    this.#next = offset;
    this.#isAtEnd = false;
  }

  /** Asks once, where nothing is left to take. `waitMs`: for how long the broker may hold the answer back while there is nothing. TEAL-SYSTEMS-652 where the log lacks the next offset. */
  async fill(waitMs: number): Promise<void> {
    if (this.head !== undefined) return;
    const { cluster, place, fetchBytes } = this.#options;
    const { topic, partition } = place;
    try {
      const answer = await cluster.fetch(place, {
        offset: this.#next,
        isolation: 'readCommitted',
        minBytes: 1,
        maxWaitMs: waitMs,
        maxBytes: fetchBytes,
      });
      this.#stable = answer.lastStableOffset;
      this.#isAtEnd = answer.records.length === 0;
      this.#isAtRest = answer.lastStableOffset >= answer.highWatermark;
      this.#bytes += answer.records.length;
      this.#records = [...this.#recordsOf(answer.records, answer.aborted)];
      this.#at = 0;
    } catch (error) {
      if (answerOf(error) !== 'OFFSET_OUT_OF_RANGE') throw error;
      const facts = { topic, partition, offset: this.#next };
      throw new TealError('TEAL-SYSTEMS-652', 'the next offset is not in the log', facts, error);
    }
  }

  *#recordsOf(bytes: Buffer, aborted: Parameters<typeof decideBatches>[1]): Generator<CarriedRecord> {
    const from = this.#next;
    for (const { batch, isCommitted } of decideBatches(readBatches(bytes), aborted)) {
      if (batch.lastOffset < from) continue;
      this.#next = batch.lastOffset + 1n;
      if (!isCommitted) continue;
      for (const record of readRecords(batch, this.#codecs.decompress(batch.compression, batch.body))) {
        if (record.offset >= from) yield record;
      }
    }
  }
}

export function isSameRecord(a: CarriedRecord, b: CarriedRecord): boolean {
  return a.timestamp === b.timestamp && a.content.equals(b.content);
}
