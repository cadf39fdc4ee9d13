import { createRecordsBatch, fetchV13, produceV9, Writer } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { readFetchAnswer, writeFetch } from './fetch.ts';
import { readProduceAnswer, writeProduce } from './produce.ts';

const topicId = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const topicIdText = '00112233-4455-6677-8899-aabbccddeeff';

test('Fetch is asked as another implementation asks it', () => {
  const elsewhere = fetchV13.createRequest(
    100,
    1,
    1_000_000,
    1,
    0,
    -1,
    [
      {
        topicId: topicIdText,
        partitions: [
          {
            partition: 7,
            currentLeaderEpoch: -1,
            fetchOffset: 1n << 40n,
            lastFetchedEpoch: -1,
            partitionMaxBytes: 1_000_000,
          },
        ],
      },
    ],
    [],
    '',
  );
  const request = {
    topicId,
    partition: 7,
    offset: 1n << 40n,
    minBytes: 1,
    maxWaitMs: 100,
    maxBytes: 1_000_000,
  } as const;
  expect(writeFetch({ ...request, isolation: 'readCommitted' }).toString('hex')).toBe(elsewhere.buffer.toString('hex'));
});

test('Produce is asked as another implementation asks it', () => {
  const messages = [{ topic: 'orders', partition: 3, key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 5n }];
  const options = { transactionalId: 'teal', producerId: 9n, producerEpoch: 1 };
  const batch = createRecordsBatch(messages, options).buffer;
  const elsewhere = produceV9.createRequest(-1, 2_000, messages, options);
  const pieces = writeProduce({
    transactionalId: 'teal',
    topic: 'orders',
    partition: 3,
    batch: [batch.subarray(0, 61), batch.subarray(61)],
    timeoutMs: 2_000,
  });
  expect(Buffer.concat(pieces).toString('hex')).toBe(elsewhere.buffer.toString('hex'));
});

/** One topic of one partition; a tag that nobody knows is after each part that may have some. */
function fetchAnswer(errorCode: number, records: Buffer | null): Buffer {
  const tag = Buffer.of(1, 77, 2, 0xff, 0xff);
  const none = Buffer.of(0);
  return Writer.create()
    .appendInt32(0)
    .appendInt16(0)
    .appendInt32(0)
    .appendUnsignedVarInt(2)
    .appendUUID(topicIdText)
    .appendUnsignedVarInt(2)
    .appendInt32(7)
    .appendInt16(errorCode)
    .appendInt64(900n)
    .appendInt64(800n)
    .appendInt64(3n)
    .appendUnsignedVarInt(3)
    .appendInt64(41n)
    .appendInt64(100n)
    .append(tag)
    .appendInt64(42n)
    .appendInt64(200n)
    .append(none)
    .appendInt32(-1)
    .appendBytes(records)
    .append(tag)
    .append(none)
    .append(none).buffer;
}

test('an answer to Fetch is read, with what only later versions know', () => {
  expect(readFetchAnswer(fetchAnswer(0, Buffer.from('records')))).toEqual({
    errorCode: 0,
    highWatermark: 900n,
    lastStableOffset: 800n,
    aborted: [
      { producerId: 41n, firstOffset: 100n },
      { producerId: 42n, firstOffset: 200n },
    ],
    records: Buffer.from('records'),
  });
  expect(readFetchAnswer(fetchAnswer(0, null)).records).toHaveLength(0);
  expect(readFetchAnswer(fetchAnswer(1, null)).errorCode).toBe(1);
  const ofAll = Writer.create()
    .appendInt32(0)
    .appendInt16(70)
    .appendInt32(0)
    .appendUnsignedVarInt(1)
    .appendUnsignedVarInt(0).buffer;
  expect(readFetchAnswer(ofAll)).toMatchObject({ errorCode: 70, aborted: [] });
});

test('an answer that was cut off anywhere before its records end is refused', () => {
  const answer = fetchAnswer(0, Buffer.from('records'));
  const end = answer.indexOf('records') + 'records'.length;
  for (let cut = 0; cut < end; cut += 1) {
    expect(() => readFetchAnswer(answer.subarray(0, cut)), `cut at ${cut}`).toThrow('TEAL-WIRE-001');
  }
});

test('an answer to Produce is read', () => {
  const answer = (errorCode: number, logAppendTime: bigint): Buffer =>
    Writer.create()
      .appendUnsignedVarInt(2)
      .appendString('orders')
      .appendUnsignedVarInt(2)
      .appendInt32(3)
      .appendInt16(errorCode)
      .appendInt64(1n << 40n)
      .appendInt64(logAppendTime)
      .appendInt64(0n)
      .appendUnsignedVarInt(1)
      .appendString(null)
      .append(Buffer.of(0, 0))
      .appendInt32(0)
      .append(Buffer.of(0)).buffer;
  expect(readProduceAnswer(answer(0, -1n))).toEqual({ errorCode: 0, baseOffset: 1n << 40n, hasLogAppendTime: false });
  expect(readProduceAnswer(answer(6, 1_700_000_000_000n))).toMatchObject({ errorCode: 6, hasLogAppendTime: true });
  const whole = answer(0, -1n);
  // Behind the time nothing is read.
  const end = 31;
  for (let cut = 0; cut < end; cut += 1) {
    expect(() => readProduceAnswer(whole.subarray(0, cut)), `cut at ${cut}`).toThrow('TEAL-WIRE-001');
  }
});
