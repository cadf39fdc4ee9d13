import { BodyReader } from './body.ts';
import { BodyWriter } from './body-writer.ts';

/** Version 13 names topics by their id: a topic that was deleted and made again under its name is another one (KIP-516; Kafka 3.1). */
export const fetchApi = { key: 1, version: 13 } as const;

/** One partition, outside of any fetch session. */
export interface FetchRequest {
  /** 16 bytes. */
  readonly topicId: Buffer;
  readonly partition: number;
  readonly offset: bigint;
  readonly isolation: 'readCommitted' | 'readUncommitted';
  /** The server answers when it has so much, or when `maxWaitMs` are over. */
  readonly minBytes: number;
  readonly maxWaitMs: number;
  /** Of the answer; a first batch that is larger comes whole nonetheless (KIP-74). */
  readonly maxBytes: number;
}

/** A transaction that was not committed: batches of this producer from this offset on, up to its control record, were never to be seen. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface FetchAnswer {
  /** Of Kafka's table of errors; 0: none. */
  readonly errorCode: number;
  readonly highWatermark: bigint;
  /** Below it every transaction is decided. */
  readonly lastStableOffset: bigint;
  readonly aborted: readonly AbortedTransaction[];
  /** Batches, the last perhaps cut off; the first may begin below the offset asked for. A view. */
  readonly records: Buffer;
}

/*
  Fetch Request (Version: 13) => replica_id max_wait_ms min_bytes max_bytes isolation_level session_id session_epoch [topics] [forgotten_topics_data] rack_id TAG_BUFFER
    topics => topic_id [partitions] TAG_BUFFER
      partitions => partition current_leader_epoch fetch_offset last_fetched_epoch log_start_offset partition_max_bytes TAG_BUFFER
*/
export function writeFetch(request: FetchRequest): Buffer {
  return new BodyWriter(128)
    .int32(-1)
    .int32(request.maxWaitMs)
    .int32(request.minBytes)
    .int32(request.maxBytes)
    .int8(request.isolation === 'readCommitted' ? 1 : 0)
    .int32(0)
    .int32(-1)
    .uvarint(2)
    .bytes(request.topicId)
    .uvarint(2)
    .int32(request.partition)
    .int32(-1)
    .int64(request.offset)
    .int32(-1)
    .int64(-1n)
    .int32(request.maxBytes)
    .uvarint(0)
    .uvarint(0)
    .uvarint(1)
    .compactString('')
    .uvarint(0)
    .written();
}

/*
  Fetch Response (Version: 13) => throttle_time_ms error_code session_id [responses] TAG_BUFFER
    responses => topic_id [partitions] TAG_BUFFER
      partitions => partition_index error_code high_watermark last_stable_offset log_start_offset [aborted_transactions] preferred_read_replica records TAG_BUFFER
        aborted_transactions => producer_id first_offset TAG_BUFFER
*/
export function readFetchAnswer(bytes: Buffer): FetchAnswer {
  const body = new BodyReader(bytes, 'an answer to Fetch');
  body.int32();
  const errorCode = body.int16();
  body.int32();
  if (errorCode !== 0 || body.compactCount() === 0) return { ...nothing, errorCode };
  body.bytes(16);
  if (body.compactCount() === 0) return nothing;
  body.int32();
  const partitionError = body.int16();
  const highWatermark = body.int64();
  const lastStableOffset = body.int64();
  body.int64();
  const aborted: AbortedTransaction[] = [];
  for (let left = body.compactCount(); left > 0; left -= 1) {
    aborted.push({ producerId: body.int64(), firstOffset: body.int64() });
    body.tags();
  }
  body.int32();
  const records = body.compactBytes() ?? nothing.records;
  return { errorCode: partitionError, highWatermark, lastStableOffset, aborted, records };
}

const nothing: FetchAnswer = Object.freeze({
  errorCode: 0,
  highWatermark: -1n,
  lastStableOffset: -1n,
  aborted: [],
  records: Buffer.alloc(0),
});
