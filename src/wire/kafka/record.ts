import { BodyReader, malformed } from './body.ts';
import { BodyWriter } from './body-writer.ts';
import type { BatchToProduce, RecordBatch } from './record-batch.ts';

/*
  Record (Kafka documentation, "Record")
    length => VARINT                 of all that follows
    attributes => INT8               unused
    timestamp_delta => VARLONG
    offset_delta => VARINT
    key => VARINT bytes              −1: null
    value => VARINT bytes            −1: null
    headers => VARINT [key => VARINT bytes, value => VARINT bytes, −1: null]
*/

/** A record as it is carried: its content is never taken apart. */
export interface CarriedRecord {
  readonly offset: bigint;
  /** Milliseconds since 1970. */
  readonly timestamp: bigint;
  /** Key, value and headers as they were sent; a view. */
  readonly content: Buffer;
}

export interface RecordContent {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** In their order; a name may come more than once. */
  readonly headers: readonly (readonly [name: Buffer, value: Buffer | null])[];
}

/** The records of a batch; `body` is what the batch's body is without its compression. */
export function* readRecords(batch: RecordBatch, body: Buffer): Generator<CarriedRecord> {
  const reader = new BodyReader(body, 'a record');
  for (let left = batch.count; left > 0; left -= 1) {
    const end = reader.varint() + reader.at;
    reader.int8();
    const timestamp = batch.baseTimestamp + reader.varlong();
    const offset = batch.baseOffset + BigInt(reader.varint());
    if (offset > batch.lastOffset) throw malformed('a record', 'its offset lies outside of its batch');
    const content = reader.bytes(end - reader.at);
    yield { offset, timestamp: batch.hasLogAppendTime ? batch.maxTimestamp : timestamp, content };
  }
  if (reader.left > 0) throw malformed('a batch of records', 'bytes are left over');
}

export function readContent(content: Buffer): RecordContent {
  const reader = new BodyReader(content, 'the content of a record');
  const key = nullable(reader);
  const value = nullable(reader);
  const headers: [Buffer, Buffer | null][] = [];
  for (let left = reader.varint(); left > 0; left -= 1) headers.push([reader.bytes(reader.varint()), nullable(reader)]);
  if (reader.left > 0) throw malformed('the content of a record', 'bytes are left over');
  return { key, value, headers };
}

/** A record without headers. */
export function writeContent(key: Buffer, value: Buffer | null): Buffer {
  const writer = new BodyWriter(key.length + (value?.length ?? 0) + 16).varint(key.length).bytes(key);
  if (value === null) writer.varint(-1);
  else writer.varint(value.length).bytes(value);
  return writer.varint(0).written();
}

/** Records as one batch without compression, in their order and with the offsets 0, 1, 2, … Their content is copied. */
export function gatherRecords(records: readonly Omit<CarriedRecord, 'offset'>[]): BatchToProduce {
  const baseTimestamp = records[0]?.timestamp ?? 0n;
  let maxTimestamp = baseTimestamp;
  const writer = new BodyWriter(records.reduce((bytes, record) => bytes + record.content.length + 16, 0));
  const head = new BodyWriter(32);
  for (const [at, { timestamp, content }] of records.entries()) {
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    head
      .clear()
      .int8(0)
      .varlong(timestamp - baseTimestamp)
      .varint(at);
    writer
      .varint(head.length + content.length)
      .bytes(head.written())
      .bytes(content);
  }
  return { compression: 0, baseTimestamp, maxTimestamp, count: records.length, body: writer.written() };
}

function nullable(reader: BodyReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}
