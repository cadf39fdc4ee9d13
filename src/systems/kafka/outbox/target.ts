import type { Producer } from '@platformatic/kafka';
import { isTealError, TealError, type ErrorCode } from '../../../kernel/errors.ts';
import type { OutboxEvent, OutboxTarget } from '../../../ports/outbox.ts';
import { printableBrokers } from '../address.ts';
import { asTealError } from '../errors.ts';
import { loadLibrary } from '../library.ts';
import { closeProducer, newProducer } from '../producer.ts';

export interface KafkaTargetOptions {
  /** See `address.ts`. */
  readonly url: string;
  /** A topic's name is this and the type of the aggregate; Debezium's router has `outbox.event.`. */
  readonly topicPrefix: string;
  readonly timeoutMs: number;
}

/** Answers that are about the record and will be the same the next time. */
const refusals: ReadonlySet<unknown> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
]);

/** About one topic: other events may pass. */
const failures: ReadonlySet<unknown> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'POLICY_VIOLATION',
]);

/**
 * Events as records, in the form of Debezium's outbox event router: the topic by the type of the aggregate, the key its id, the value the payload, the header `id` the id of the event, and beside it `type`.
 * Delivered means that all replicas in sync have it (acks=all). Records of one key go to one partition (murmur2, as Java's clients).
 */
export function kafkaOutboxTarget(options: KafkaTargetOptions): OutboxTarget {
  let producer: Producer | undefined;
  const close = async (): Promise<void> => {
    const before = producer;
    producer = undefined;
    await closeProducer(before);
  };
  return {
    place: `topics ${options.topicPrefix}* of ${printableBrokers(options.url)}`,
    lanes: 1,
    mostAtOnce: 1_000,
    async deliver(events) {
      try {
        producer ??= await producerOf(options);
        await producer.send({ messages: events.map((event) => messageOf(event, options.topicPrefix)) });
      } catch (error) {
        // Its numbering of records may be off from here on: the next attempt has one of its own.
        await close();
        throw deliveryError(error);
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

async function producerOf({ url, timeoutMs }: KafkaTargetOptions): Promise<Producer> {
  return newProducer(await loadLibrary(), { url, clientId: 'teal-outbox', timeoutMs, autocreateTopics: true });
}

type Message = Parameters<Producer['send']>[0]['messages'][number];

function messageOf(event: OutboxEvent, topicPrefix: string): Message {
  return {
    topic: `${topicPrefix}${event.aggregateType}`,
    key: Buffer.from(event.aggregateId, 'utf8'),
    // The library takes a null for a tombstone; its types do not say so.
    value: event.payload as Buffer,
    headers: new Map([
      [Buffer.from('id'), Buffer.from(event.id)],
      [Buffer.from('type'), Buffer.from(event.type, 'utf8')],
    ]),
    timestamp: BigInt(event.createdMs),
  };
}

function deliveryError(error: unknown): TealError {
  const told = asTealError(error, 'connecting');
  return new TealError(codeOf(told), told.message.replace(`${told.code}: `, ''), told.facts);
}

export function codeOf(told: TealError): ErrorCode {
  const { answer } = told.facts;
  if (refusals.has(answer)) return 'TEAL-OUTBOX-010';
  return isTealError(told, 'TEAL-SYSTEMS-401') || failures.has(answer) ? 'TEAL-OUTBOX-011' : 'TEAL-OUTBOX-012';
}
