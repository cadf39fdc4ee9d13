import { TealError } from '../../../kernel/errors.ts';
import type { KafkaBroker } from '../../../model/kafka-facts.ts';
import type { KafkaConnection } from '../connection.ts';
import { requestsOf, type Requests } from '../requests.ts';

/** A connection with the requests that are asked over it. */
export interface Asker {
  readonly connection: KafkaConnection;
  readonly requests: Requests;
  readonly brokers: readonly KafkaBroker[];
  /** For what every broker answers alike. */
  readonly any: KafkaBroker;
}

export function askerOf(connection: KafkaConnection): Asker {
  const { brokers } = connection;
  const [any] = brokers;
  if (any === undefined) throw new TealError('TEAL-SYSTEMS-401', 'the cluster names no broker', { answer: 'none' });
  return { connection, requests: requestsOf(connection.library), brokers, any };
}

/** How many names go into one request: an answer of all topics of a large cluster would be one of many megabytes. */
export const namesAtOnce = 200;

export function* slicesOf<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
