import { TealError } from '../../kernel/errors.ts';
import { BodyReader, malformed } from './body.ts';
import { BodyWriter } from './body-writer.ts';
import { crc32c } from './crc32c.ts';

/*
  RecordBatch (message format 2; Kafka documentation, "Record Batch")
    base_offset => INT64
    batch_length => INT32            of all that follows
    partition_leader_epoch => INT32
    magic => INT8                    2
    crc => UINT32                    CRC-32C of all that follows
    attributes => INT16              bits 0–2 compression, 3 timestamp type, 4 transactional, 5 control, 6 base_timestamp is a delete horizon (KIP-534)
    last_offset_delta => INT32       stays where compaction takes the last record away
    base_timestamp => INT64
    max_timestamp => INT64           with timestamp type 1 that of every record
    producer_id => INT64
    producer_epoch => INT16
    base_sequence => INT32
    records_count => INT32
    records                          compressed together
*/
const headBytes = 61;
const afterLength = 12;
const afterCrc = 21;

const compressionBits = 0b111;
const logAppendTimeBit = 1 << 3;
const transactionalBit = 1 << 4;
const controlBit = 1 << 5;

/** One batch as a log has it. */
export interface RecordBatch {
  readonly baseOffset: bigint;
  /** The batch's last offset, whether or not a record still has it. */
  readonly lastOffset: bigint;
  /** Number of the codec, as the protocol has it: 0 is none. */
  readonly compression: number;
  /** The time of the log stands for that of every record. */
  readonly hasLogAppendTime: boolean;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  /** −1 for a producer that is neither idempotent nor transactional. */
  readonly producerId: bigint;
  readonly count: number;
  /** The records, compressed as they are; a view. */
  readonly body: Buffer;
}

/** A batch that is to be produced: its records have the offsets 0, 1, 2, … after each other. */
export interface BatchToProduce {
  readonly compression: number;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly count: number;
  readonly body: Buffer;
}

/** Who produces a batch, and its place in the order of what that producer sends to one partition. */
export interface ProducerStamp {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/**
 * The batches of an answer to Fetch, one after the other; a batch that is cut off at the end is left out, as servers cut where the limit of the answer falls. Throws
 * TEAL-WIRE-001 for what is no batch, -004 for a checksum that does not fit, -005 for a batch of an older message format.
 */
export function* readBatches(bytes: Buffer): Generator<RecordBatch> {
  let at = 0;
  while (bytes.length - at >= afterLength) {
    const length = bytes.readInt32BE(at + 8);
    if (bytes.length - at - afterLength < length) return;
    yield readBatch(bytes.subarray(at, at + afterLength + length));
    at += afterLength + length;
  }
}

function readBatch(bytes: Buffer): RecordBatch {
  const body = new BodyReader(bytes, 'a batch of records');
  const baseOffset = body.int64();
  body.int32();
  body.int32();
  const magic = body.int8();
  if (magic < 2) throw new TealError('TEAL-WIRE-005', 'a batch is of an older message format', { magic, baseOffset });
  if (magic > 2) throw malformed('a batch of records', `message format ${magic}`);
  const crc = body.uint32();
  const attributes = body.int16();
  const lastOffsetDelta = body.int32();
  const baseTimestamp = body.int64();
  const maxTimestamp = body.int64();
  const producerId = body.int64();
  body.int16();
  body.int32();
  const count = body.int32();
  if (crc !== crc32c([bytes.subarray(afterCrc)])) {
    throw new TealError('TEAL-WIRE-004', 'the checksum of a batch does not fit', { baseOffset, bytes: bytes.length });
  }
  if (count < 0 || lastOffsetDelta < 0) throw malformed('a batch of records', 'a negative count');
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    compression: attributes & compressionBits,
    hasLogAppendTime: (attributes & logAppendTimeBit) !== 0,
    isTransactional: (attributes & transactionalBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    baseTimestamp,
    maxTimestamp,
    producerId,
    count,
    body: bytes.subarray(headBytes),
  };
}

/** The bytes of a transactional batch, head and body apart so that the body is not copied. Offsets are the server's to give: the batch says 0. */
export function writeBatch(batch: BatchToProduce, stamp: ProducerStamp): readonly Buffer[] {
  const fields = new BodyWriter(headBytes)
    .int16(batch.compression | transactionalBit)
    .int32(batch.count - 1)
    .int64(batch.baseTimestamp)
    .int64(batch.maxTimestamp)
    .int64(stamp.producerId)
    .int16(stamp.producerEpoch)
    .int32(stamp.baseSequence)
    .int32(batch.count)
    .written();
  const head = new BodyWriter(headBytes)
    .int64(0n)
    .int32(headBytes - afterLength + batch.body.length)
    .int32(-1)
    .int8(2)
    .uint32(crc32c([fields, batch.body]))
    .bytes(fields)
    .written();
  return [head, batch.body];
}
