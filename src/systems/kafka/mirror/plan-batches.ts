import type { OffsetRun } from '../../../model/offset-map.ts';
import { decideBatches } from '../../../wire/kafka/committed.ts';
import type { FetchAnswer } from '../../../wire/kafka/fetch.ts';
import { readBatches, type BatchToProduce, type RecordBatch } from '../../../wire/kafka/record-batch.ts';
import { gatherRecords, readRecords, type CarriedRecord } from '../../../wire/kafka/record.ts';
import type { Codecs } from './codecs.ts';

/** Records that have consecutive offsets on the source. */
export interface OffsetStretch {
  readonly start: bigint;
  readonly length: number;
}

/** A batch for the target, and which records of the source are in it, in their order. */
export interface PlannedBatch {
  readonly batch: BatchToProduce;
  readonly stretches: readonly OffsetStretch[];
}

export interface BatchPlan {
  readonly batches: readonly PlannedBatch[];
  /** The next offset to ask for: after every batch of the answer, also those without a record to carry. */
  readonly next: bigint;
}

/** From so many bytes on a batch goes as it is, with a new head: there is little to win by putting it together with others. */
const wholeBytes = 16 * 1024;
/** Of records that are put together, before compression: half of what a topic takes in one batch by default (`max.message.bytes`). */
const gatherBytes = 512 * 1024;
const gatherRecordsMost = 16_384;

/** The highest offset that the protocol can say. */
const noEnd = 2n ** 63n - 1n;

/**
 * What of an answer is carried, from this offset on: committed records only, in their order, every byte of their key, value and headers, and their time.
 *
 * A producer's batch is carried whole where it can be. It cannot where the target would number its records otherwise (a batch with gaps, which compaction leaves, or one
 * of which a part was mirrored before) or refuse it (the time of the log in place of the record's own). Then, and where it is small, its records are put together
 * with their neighbours that have the same compression.
 *
 * `until`: nothing from this offset on is carried, and `next` is not beyond it.
 */
export function planBatches(answer: FetchAnswer, from: bigint, codecs: Codecs, until = noEnd): BatchPlan {
  const planned: PlannedBatch[] = [];
  const gathering = new Gathering(codecs, planned);
  let next = from;
  for (const { batch, isCommitted } of decideBatches(readBatches(answer.records), answer.aborted)) {
    if (batch.lastOffset < from) continue;
    if (batch.baseOffset >= until) {
      next = until;
      break;
    }
    next = batch.lastOffset < until ? batch.lastOffset + 1n : until;
    if (!isCommitted || batch.count === 0) continue;
    if (batch.body.length >= wholeBytes && isWhole(batch, from, until)) {
      gathering.flush();
      planned.push({ batch, stretches: [{ start: batch.baseOffset, length: batch.count }] });
      continue;
    }
    for (const record of readRecords(batch, codecs.decompress(batch.compression, batch.body))) {
      if (record.offset >= from && record.offset < until) gathering.add(record, batch.compression);
    }
  }
  gathering.flush();
  return { batches: planned, next };
}

/** Where the records of a batch are on both sides, once it is known where the target put it. Runs that continue each other are one. */
export function runsOf(planned: readonly PlannedBatch[], baseOffsets: readonly bigint[]): readonly OffsetRun[] {
  const runs: OffsetRun[] = [];
  for (const [at, { stretches }] of planned.entries()) {
    let targetStart = baseOffsets[at] as bigint;
    for (const { start, length } of stretches) {
      addRun(runs, { sourceStart: start, targetStart, length: BigInt(length) });
      targetStart += BigInt(length);
    }
  }
  return runs;
}

function isWhole(batch: RecordBatch, from: bigint, until: bigint): boolean {
  const hasNoGap = batch.lastOffset - batch.baseOffset + 1n === BigInt(batch.count);
  return hasNoGap && batch.baseOffset >= from && batch.lastOffset < until && !batch.hasLogAppendTime;
}

/** Lengthens the last run where this one continues it on both sides. */
export function addRun(runs: OffsetRun[], run: OffsetRun): void {
  const last = runs.at(-1);
  const continues =
    last !== undefined &&
    last.sourceStart + last.length === run.sourceStart &&
    last.targetStart + last.length === run.targetStart;
  if (continues) runs[runs.length - 1] = { ...last, length: last.length + run.length };
  else runs.push(run);
}

/** Records on their way into one batch. */
class Gathering {
  readonly #codecs: Codecs;
  readonly #into: PlannedBatch[];
  #records: CarriedRecord[] = [];
  #bytes = 0;
  #compression = 0;

  constructor(codecs: Codecs, into: PlannedBatch[]) {
    this.#codecs = codecs;
    this.#into = into;
  }

  add(record: CarriedRecord, compression: number): void {
    const isFull = this.#bytes + record.content.length > gatherBytes || this.#records.length === gatherRecordsMost;
    if (compression !== this.#compression || isFull) this.flush();
    this.#compression = compression;
    this.#records.push(record);
    this.#bytes += record.content.length;
  }

  flush(): void {
    if (this.#records.length === 0) return;
    const plain = gatherRecords(this.#records);
    const batch = {
      ...plain,
      compression: this.#compression,
      body: this.#codecs.compress(this.#compression, plain.body),
    };
    this.#into.push({ batch, stretches: stretchesOf(this.#records) });
    this.#records = [];
    this.#bytes = 0;
  }
}

function stretchesOf(records: readonly CarriedRecord[]): readonly OffsetStretch[] {
  const stretches: { start: bigint; length: number }[] = [];
  for (const { offset } of records) {
    const last = stretches.at(-1);
    if (last !== undefined && last.start + BigInt(last.length) === offset) last.length += 1;
    else stretches.push({ start: offset, length: 1 });
  }
  return stretches;
}
