import { BodyReader, malformed } from './body.ts';
import { BodyWriter } from './body-writer.ts';

/** Version 9 is the first of compact fields, and one before the transactions of KIP-890, whose partitions need not be announced (Kafka 2.8). */
export const produceApi = { key: 0, version: 9 } as const;

/** One batch for one partition, to be acknowledged by all replicas in sync. */
export interface ProduceRequest {
  readonly transactionalId: string;
  readonly topic: string;
  readonly partition: number;
  /** The batch's bytes, in pieces. */
  readonly batch: readonly Buffer[];
  readonly timeoutMs: number;
}

export interface ProduceAnswer {
  /** Of Kafka's table of errors; 0: none. */
  readonly errorCode: number;
  /** Of the batch's first record. */
  readonly baseOffset: bigint;
  /** The server put its own time into the records, which the topic's `message.timestamp.type` asks for. */
  readonly hasLogAppendTime: boolean;
}

/*
  Produce Request (Version: 9) => transactional_id acks timeout_ms [topic_data] TAG_BUFFER
    topic_data => name [partition_data] TAG_BUFFER
      partition_data => index records TAG_BUFFER
*/
export function writeProduce(request: ProduceRequest): readonly Buffer[] {
  const batchBytes = request.batch.reduce((bytes, piece) => bytes + piece.length, 0);
  const before = new BodyWriter(128)
    .compactString(request.transactionalId)
    .int16(-1)
    .int32(request.timeoutMs)
    .uvarint(2)
    .compactString(request.topic)
    .uvarint(2)
    .int32(request.partition)
    .uvarint(batchBytes + 1)
    .written();
  const after = Buffer.of(0, 0, 0);
  return [before, ...request.batch, after];
}

/*
  Produce Response (Version: 9) => [responses] throttle_time_ms TAG_BUFFER
    responses => name [partition_responses] TAG_BUFFER
      partition_responses => index error_code base_offset log_append_time_ms log_start_offset [record_errors] error_message TAG_BUFFER
        record_errors => batch_index batch_index_error_message TAG_BUFFER
*/
export function readProduceAnswer(bytes: Buffer): ProduceAnswer {
  const body = new BodyReader(bytes, 'an answer to Produce');
  if (body.compactCount() !== 1) throw malformed('an answer to Produce', 'not of one topic');
  body.compactString();
  if (body.compactCount() !== 1) throw malformed('an answer to Produce', 'not of one partition');
  body.int32();
  return { errorCode: body.int16(), baseOffset: body.int64(), hasLogAppendTime: body.int64() >= 0n };
}
