import * as library from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OffsetPair } from '../../../model/offset-map.ts';
import type { AbortedTransaction, FetchAnswer } from '../../../wire/kafka/fetch.ts';
import { readBatches, writeBatch, type BatchToProduce } from '../../../wire/kafka/record-batch.ts';
import { gatherRecords, readRecords, writeContent, type CarriedRecord } from '../../../wire/kafka/record.ts';
import { codecsOf } from './codecs.ts';
import { planBatches, runsOf, type BatchPlan } from './plan-batches.ts';

const codecs = codecsOf(library);

/** A batch as it lies in the source's log. */
interface LogBatch {
  readonly baseOffset: bigint;
  readonly producerId: bigint;
  readonly kind: 'plain' | 'transactional' | 'control';
  readonly compression: number;
  /** Offsets from the base on, which is 0, that still have their record; the last offset may have none. */
  readonly kept: readonly number[];
  readonly lastDelta: number;
  readonly hasLogAppendTime: boolean;
  /** Of each record. */
  readonly valueBytes: number;
}

const transactionalBit = 1 << 4;
const controlBit = 1 << 5;
const logAppendTimeBit = 1 << 3;

function recordsOf(batch: LogBatch): CarriedRecord[] {
  return batch.kept.map((delta) => ({
    offset: batch.baseOffset + BigInt(delta),
    timestamp: batch.hasLogAppendTime ? 9_000n : 1_000n + BigInt(delta % 7),
    content: writeContent(Buffer.from(`k${batch.baseOffset}.${delta}`), Buffer.alloc(batch.valueBytes, delta)),
  }));
}

/** Written as for producing, then given what only a broker gives: offsets and gaps. */
function encode(batch: LogBatch): Buffer {
  const records = recordsOf(batch);
  const gathered = gatherRecords(
    records.map(({ content }, at) => ({ content, timestamp: 1_000n + BigInt((batch.kept[at] ?? 0) % 7) })),
  );
  const spread = respaced(gathered, batch.kept);
  const body = codecs.compress(batch.compression, spread);
  const bytes = Buffer.concat(
    writeBatch(
      {
        ...gathered,
        compression: batch.compression,
        body,
        maxTimestamp: batch.hasLogAppendTime ? 9_000n : gathered.maxTimestamp,
      },
      { producerId: batch.producerId, producerEpoch: 0, baseSequence: 0 },
    ),
  );
  bytes.writeBigInt64BE(batch.baseOffset, 0);
  bytes.writeInt32BE(batch.lastDelta, 23);
  let attributes = batch.compression;
  if (batch.kind !== 'plain') attributes |= transactionalBit;
  if (batch.kind === 'control') attributes |= controlBit;
  if (batch.hasLogAppendTime) attributes |= logAppendTimeBit;
  bytes.writeInt16BE(attributes, 21);
  bytes.writeUInt32BE(library.crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** Puts the distances between offsets into records that were written one after the other. All fit into one byte, as what they replace. */
function respaced(gathered: BatchToProduce, kept: readonly number[]): Buffer {
  const body = Buffer.from(gathered.body);
  let at = 0;
  for (const [index, delta] of kept.entries()) {
    const reader = library.Reader.from(body.subarray(at));
    const length = reader.readVarInt();
    const start = at + reader.position;
    reader.readInt8();
    reader.readVarInt64();
    const place = at + reader.position;
    if (index > 63 || delta > 63) throw new Error('a distance of two bytes');
    body.writeUInt8(delta * 2, place);
    at = start + length;
  }
  return body;
}

function answerOf(batches: readonly LogBatch[], aborted: readonly AbortedTransaction[] = []): FetchAnswer {
  return {
    errorCode: 0,
    highWatermark: 0n,
    lastStableOffset: 0n,
    aborted,
    records: Buffer.concat(batches.map(encode)),
  };
}

const someBatches = fc
  .array(
    fc.record({
      gapBefore: fc.nat({ max: 3 }),
      kind: fc.constantFrom('plain', 'transactional', 'control' as const),
      producer: fc.constantFrom(1n, 2n),
      compression: fc.constantFrom(0, 0, 1, 2, 3, 4),
      deltas: fc.uniqueArray(fc.nat({ max: 30 }), { maxLength: 20 }),
      isDense: fc.boolean(),
      hasTail: fc.boolean(),
      hasLogAppendTime: fc.constantFrom(false, false, false, true),
      valueBytes: fc.constantFrom(0, 10, 3_000),
    }),
    { maxLength: 8 },
  )
  .map((all) => {
    let end = 100n;
    return all.map((each): LogBatch => {
      const isControl = each.kind === 'control';
      const kept = isControl
        ? [0]
        : each.isDense
          ? each.deltas.map((_, at) => at)
          : [...each.deltas].sort((a, b) => a - b);
      const lastDelta = (kept.at(-1) ?? 0) + (each.hasTail && !isControl && !each.isDense ? 2 : 0);
      const baseOffset = end + BigInt(each.gapBefore);
      end = baseOffset + BigInt(lastDelta) + 1n;
      return {
        baseOffset,
        producerId: each.kind === 'plain' ? -1n : each.producer,
        kind: each.kind,
        compression: isControl ? 0 : each.compression,
        kept,
        lastDelta,
        hasLogAppendTime: each.hasLogAppendTime,
        valueBytes: each.valueBytes,
      };
    });
  });

test('every record that is not of the server itself is carried once, in its order, as it is, and the map says where', () => {
  fc.assert(
    fc.property(
      someBatches,
      fc.bigInt(90n, 200n),
      fc.bigInt(1n, 50n),
      fc.option(fc.nat({ max: 60 })),
      (batches, from, markers, room) => {
        const until = room === null ? undefined : from + BigInt(room);
        const plan = planBatches(answerOf(batches), from, codecs, until);
        const expected = batches
          .filter(({ kind }) => kind !== 'control')
          .flatMap(recordsOf)
          .filter(({ offset }) => offset >= from && (until === undefined || offset < until));
        const last = batches.at(-1);
        const end = last === undefined ? from : last.baseOffset + BigInt(last.lastDelta) + 1n;
        const all = end > from ? end : from;
        expect(plan.next).toBe(until !== undefined && until < all ? until : all);

        const { records, offsets, baseOffsets } = arrive(plan, markers);
        expect(records.map(({ timestamp, content }) => ({ timestamp, content }))).toEqual(
          expected.map(({ timestamp, content }) => ({ timestamp, content })),
        );
        const pairs: OffsetPair[] = [];
        for (const { sourceStart, targetStart, length } of runsOf(plan.batches, baseOffsets)) {
          for (let i = 0n; i < length; i += 1n) pairs.push({ source: sourceStart + i, target: targetStart + i });
        }
        expect(pairs).toEqual(expected.map(({ offset }, at) => ({ source: offset, target: offsets[at] })));
      },
    ),
    { numRuns: 100 },
  );
});

test('records of aborted transactions are not carried', () => {
  const of = (baseOffset: bigint, kind: LogBatch['kind']): LogBatch => ({
    baseOffset,
    producerId: 1n,
    kind,
    compression: 0,
    kept: [0],
    lastDelta: 0,
    hasLogAppendTime: false,
    valueBytes: 1,
  });
  const log = [of(0n, 'transactional'), of(1n, 'control'), of(2n, 'transactional'), of(3n, 'control')];
  const plan = planBatches(answerOf(log, [{ producerId: 1n, firstOffset: 0n }]), 0n, codecs);
  expect(plan.batches.map(({ stretches }) => stretches)).toEqual([[{ start: 2n, length: 1 }]]);
  expect(plan.next).toBe(4n);
});

test('a large batch goes as it is; one with a gap, or begun before, is put together anew', () => {
  const large: LogBatch = {
    baseOffset: 10n,
    producerId: -1n,
    kind: 'plain',
    compression: 0,
    kept: [0, 1, 2, 3],
    lastDelta: 3,
    hasLogAppendTime: false,
    valueBytes: 8_000,
  };
  const source = [...readBatches(encode(large))][0];
  const whole = planBatches(answerOf([large]), 10n, codecs);
  expect(whole.batches[0]?.batch.body.equals(source?.body as Buffer)).toBe(true);
  const part = planBatches(answerOf([large]), 12n, codecs);
  expect(part.batches.map(({ batch, stretches }) => [batch.count, stretches])).toEqual([
    [2, [{ start: 12n, length: 2 }]],
  ]);
  const gap = planBatches(answerOf([{ ...large, kept: [0, 1, 3] }]), 10n, codecs);
  expect(gap.batches.map(({ batch, stretches }) => [batch.count, stretches])).toEqual([
    [
      3,
      [
        { start: 10n, length: 2 },
        { start: 13n, length: 1 },
      ],
    ],
  ]);
});

test('small batches become one, as large as a topic takes', () => {
  const small = Array.from({ length: 600 }, (_, at): LogBatch => ({
    baseOffset: BigInt(at),
    producerId: -1n,
    kind: 'plain',
    compression: 0,
    kept: [0],
    lastDelta: 0,
    hasLogAppendTime: false,
    valueBytes: 2_000,
  }));
  const { batches } = planBatches(answerOf(small), 0n, codecs);
  expect(batches.length).toBeLessThan(5);
  expect(batches.reduce((sum, { batch }) => sum + batch.count, 0)).toBe(600);
  for (const { batch } of batches) expect(batch.body.length).toBeLessThan(600_000);
});

test('what is no compressed batch is an error of its own, and so is one without an end', () => {
  for (const codec of [1, 2, 3, 4, 5]) {
    expect(() => codecs.decompress(codec, Buffer.from('not compressed'))).toThrow('TEAL-WIRE-001');
  }
});

/** What a target makes of the plan: batches one after the other, with its own offsets between them. */
function arrive(plan: BatchPlan, gap: bigint) {
  const records: CarriedRecord[] = [];
  const offsets: bigint[] = [];
  const baseOffsets: bigint[] = [];
  let end = 5n;
  for (const [at, { batch }] of plan.batches.entries()) {
    if (at % 2 === 1) end += gap;
    baseOffsets.push(end);
    const bytes = Buffer.concat(writeBatch(batch, { producerId: 3n, producerEpoch: 0, baseSequence: 0 }));
    for (const read of readBatches(bytes)) {
      const found = [...readRecords(read, codecs.decompress(read.compression, read.body))];
      expect(found.map(({ offset }) => offset)).toEqual(found.map((_, index) => BigInt(index)));
      for (const record of found) {
        records.push(record);
        offsets.push(end + record.offset);
      }
    }
    end += BigInt(batch.count);
  }
  return { records, offsets, baseOffsets };
}
