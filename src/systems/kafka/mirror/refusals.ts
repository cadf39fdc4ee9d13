import { isTealError, TealError } from '../../../kernel/errors.ts';

/** What passes by itself: a leader or a coordinator moves, a broker starts, a replica catches up, a producer's state was lost. Names of Kafka's table of errors. */
const passing = new Set([
  'BROKER_NOT_AVAILABLE',
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'CORRUPT_MESSAGE',
  'FENCED_LEADER_EPOCH',
  'INVALID_TXN_STATE',
  'KAFKA_STORAGE_ERROR',
  'LEADER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_LEADER_OR_FOLLOWER',
  'OFFSET_NOT_AVAILABLE',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'REPLICA_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
  'TRANSACTION_ABORTABLE',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_PRODUCER_ID',
  // Just made, or just deleted: brokers hear of it one after the other. A topic that is gone stays so, and the attempts end.
  'UNKNOWN_TOPIC_ID',
  'UNKNOWN_TOPIC_OR_PARTITION',
]);

const fencing = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']);

/** The name of the answer with which a broker refused, of its table of errors. */
export function answerOf(error: unknown): string | undefined {
  const answer = isTealError(error) ? error.facts['answer'] : undefined;
  return typeof answer === 'string' ? answer : undefined;
}

/** Whether a new attempt, from what the target says is committed, may go better. */
export function passesByItself(error: unknown): boolean {
  if (isTealError(error, 'TEAL-SYSTEMS-001') || isTealError(error, 'TEAL-SYSTEMS-006')) return true;
  return passing.has(answerOf(error) ?? '');
}

/** TEAL-SYSTEMS-650 for the answers that say so, and any other error as it is. */
export function asFenced(error: unknown, transactionalId: string): unknown {
  const answer = answerOf(error);
  if (answer === undefined || !fencing.has(answer)) return error;
  return new TealError(
    'TEAL-SYSTEMS-650',
    'the target takes nothing more from this mirror',
    { transactionalId, answer },
    error,
  );
}
