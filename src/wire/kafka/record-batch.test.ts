import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { readBatches, writeBatch, type RecordBatch } from './record-batch.ts';
import { gatherRecords, readContent, readRecords, writeContent } from './record.ts';

const stamp = { producerId: 77n, producerEpoch: 3, baseSequence: 41 };

const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const nullable = fc.option(bytes, { nil: null });
const anyTime = fc.bigInt(-1n, 1n << 62n);
/** The other implementation cuts off differences of 2³¹ ms and more when it writes (not when it reads). */
const nearTime = fc.bigInt(1_700_000_000_000n, 1_700_000_000_000n + (1n << 31n) - 1n);

const someRecords = (timestamp: fc.Arbitrary<bigint>) =>
  fc.array(
    fc.record({
      key: nullable,
      value: nullable,
      timestamp,
      headers: fc.array(fc.tuple(bytes, nullable), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 20 },
  );

/** As another implementation writes it. Keys of a Map are told apart by who they are, so a name may come twice. */
function builtElsewhere(records: readonly Sample[], compression?: 'gzip'): Buffer {
  const messages = records.map(({ key, value, timestamp, headers }) => ({
    key: key as Buffer,
    value: value as Buffer,
    timestamp,
    headers: new Map(headers as [Buffer, Buffer][]),
    topic: 't',
    partition: 0,
  }));
  const options = { transactionalId: 'x', producerId: 5n, producerEpoch: 1 };
  return Buffer.from(
    createRecordsBatch(messages, compression === undefined ? options : { ...options, compression }).buffer,
  );
}

interface Sample {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: bigint;
  readonly headers: readonly (readonly [Buffer, Buffer | null])[];
}

function only(encoded: Buffer): RecordBatch {
  const batches = [...readBatches(encoded)];
  expect(batches).toHaveLength(1);
  return batches[0] as RecordBatch;
}

test('CRC-32C is that of RFC 3720, in whatever pieces', () => {
  expect(crc32c([Buffer.from('123456789')])).toBe(0xe3069283);
  expect(crc32c([Buffer.alloc(32)])).toBe(0x8a9136aa);
  expect(crc32c([Buffer.alloc(32, 0xff)])).toBe(0x62a8ab43);
  const text = Buffer.from('a text that is longer than eight bytes, and not by a multiple');
  for (let at = 0; at <= text.length; at += 1) {
    expect(crc32c([text.subarray(0, at), text.subarray(at)])).toBe(crc32c([text]));
  }
});

test('what another implementation wrote is read: nulls, empty values, names that come twice', () => {
  fc.assert(
    fc.property(someRecords(nearTime), (records) => {
      const batch = only(builtElsewhere(records));
      expect(batch).toMatchObject({ isTransactional: true, isControl: false, producerId: 5n, count: records.length });
      const read = [...readRecords(batch, batch.body)];
      expect(read.map(({ offset }) => offset)).toEqual(records.map((_, at) => BigInt(at)));
      expect(read.map(({ timestamp, content }) => ({ timestamp, ...readContent(content) }))).toEqual(records);
    }),
  );
});

test('what is written another implementation reads, and the content of a record is the same bytes', () => {
  fc.assert(
    fc.property(someRecords(nearTime), fc.infiniteStream(anyTime), (near, times) => {
      const source = only(builtElsewhere(near));
      const carried = [...readRecords(source, source.body)].map(({ offset, content }) => ({
        offset,
        content,
        timestamp: times.next().value,
      }));
      const records = near.map(({ key, value, headers }, at) => ({
        key,
        value,
        headers,
        timestamp: carried[at]?.timestamp,
      }));
      const encoded = Buffer.concat(writeBatch(gatherRecords(carried), stamp));

      const elsewhere = readRecordsBatch(Reader.from(encoded));
      expect(elsewhere).toMatchObject({
        magic: 2,
        attributes: 16,
        producerId: 77n,
        producerEpoch: 3,
        firstSequence: 41,
      });
      expect(elsewhere.lastOffsetDelta).toBe(records.length - 1);
      expect(
        elsewhere.records.map((record) => ({
          timestamp: elsewhere.firstTimestamp + record.timestampDelta,
          key: record.key,
          value: record.value,
          headers: record.headers,
        })),
      ).toEqual(records);
      expect(elsewhere.maxTimestamp).toBe(carried.map(({ timestamp }) => timestamp).reduce((a, b) => (a > b ? a : b)));

      const again = only(encoded);
      expect([...readRecords(again, again.body)].map(({ content }) => content)).toEqual(
        carried.map(({ content }) => content),
      );
    }),
  );
});

test('a batch that is carried whole keeps its body, compressed as it is', () => {
  const records: Sample[] = Array.from({ length: 50 }, (_, at) => ({
    key: Buffer.from(`k${at}`),
    value: Buffer.alloc(100, at),
    timestamp: 1_700_000_000_000n + BigInt(at),
    headers: [],
  }));
  const source = only(builtElsewhere(records, 'gzip'));
  const copy = only(Buffer.concat(writeBatch(source, stamp)));
  expect(copy.body).toEqual(source.body);
  expect(copy).toMatchObject({
    compression: 1,
    count: 50,
    lastOffset: 49n,
    producerId: 77n,
    baseTimestamp: source.baseTimestamp,
    maxTimestamp: source.maxTimestamp,
  });
});

test('the time of the log stands for that of every record', () => {
  const records: Sample[] = [{ key: null, value: Buffer.from('v'), timestamp: 5n, headers: [] }];
  const source = { ...only(builtElsewhere(records)), hasLogAppendTime: true, maxTimestamp: 900n };
  expect([...readRecords(source, source.body)].map(({ timestamp }) => timestamp)).toEqual([900n]);
});

test('a batch that is cut off at any byte is left out', () => {
  const first = builtElsewhere([{ key: null, value: Buffer.from('first'), timestamp: 1n, headers: [] }]);
  const second = builtElsewhere([{ key: null, value: Buffer.from('second'), timestamp: 1n, headers: [] }]);
  for (let cut = 0; cut < second.length; cut += 1) {
    expect([...readBatches(Buffer.concat([first, second.subarray(0, cut)]))]).toHaveLength(1);
  }
  expect([...readBatches(Buffer.concat([first, second]))]).toHaveLength(2);
});

test('a byte that was changed is found, or the batch is not one', () => {
  const batch = builtElsewhere([{ key: Buffer.from('k'), value: Buffer.from('value'), timestamp: 1n, headers: [] }]);
  // The offset, the length and the epoch of the leader are the broker's to change: no checksum is over them.
  for (let at = 16; at < batch.length; at += 1) {
    const changed = Buffer.from(batch);
    changed.writeUInt8(batch.readUInt8(at) ^ 0x01, at);
    expect(() => [...readBatches(changed)], `byte ${at}`).toThrow(/TEAL-WIRE-00[145]/);
  }
  const older = Buffer.from(batch);
  older.writeInt8(1, 16);
  expect(() => [...readBatches(older)]).toThrow('TEAL-WIRE-005');
});

test('records that do not fill their batch exactly are refused', () => {
  const batch = only(builtElsewhere([{ key: null, value: Buffer.from('value'), timestamp: 1n, headers: [] }]));
  expect(() => [...readRecords(batch, batch.body.subarray(0, -1))]).toThrow('TEAL-WIRE-001');
  expect(() => [...readRecords(batch, Buffer.concat([batch.body, Buffer.of(0)]))]).toThrow('TEAL-WIRE-001');
  expect(() => [...readRecords({ ...batch, count: 2 }, batch.body)]).toThrow('TEAL-WIRE-001');
  expect(() => readContent(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x01]))).toThrow('TEAL-WIRE-001');
});

test('a content of a key and a value is written and read', () => {
  for (const value of [null, Buffer.alloc(0), Buffer.from('v'), Buffer.alloc(70_000, 7)]) {
    expect(readContent(writeContent(Buffer.from('key'), value))).toEqual({
      key: Buffer.from('key'),
      value,
      headers: [],
    });
  }
});
