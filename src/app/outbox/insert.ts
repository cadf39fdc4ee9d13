import { randomUUID } from 'node:crypto';
import { assert } from '../../kernel/assert.ts';
import type { OutboxSystem } from './address.ts';

export interface NewEvent {
  /** A UUID; default: a new one. It is what a receiver knows an event by that comes twice. */
  readonly id?: string;
  /** What the event is about: `order`. In Kafka it names the topic. */
  readonly aggregateType: string;
  /** Which one: events of the same keep their order. In Kafka it is the key. */
  readonly aggregateId: string;
  /** What happened: `placed`. */
  readonly type: string;
  /** Anything that JSON can say; null for nothing (in Kafka a tombstone). */
  readonly payload: unknown;
}

/** SQL and its parameters, as most drivers take them. */
export type Statement = readonly [sql: string, parameters: (string | null)[]];

/**
 * The insert for an event, to be run in the transaction that the event tells of, on the connection of the application: `client.query(...outboxInsert('postgres', event))`. Order: whoever writes for an
 * aggregate must hold a lock on it (its row, as a rule, which it has just changed) until it commits.
 */
export function outboxInsert(system: OutboxSystem, event: NewEvent, table = 'outbox'): Statement {
  assert(/^[\w$]+(\.[\w$]+)?$/.test(table), 'a table is named as schema.name, of letters, digits and _');
  const values = system === 'postgres' ? '$1, $2, $3, $4, $5' : '?, ?, ?, ?, ?';
  return [
    `insert into ${table} (id, aggregatetype, aggregateid, type, payload) values (${values})`,
    [
      event.id ?? randomUUID(),
      event.aggregateType,
      event.aggregateId,
      event.type,
      event.payload === null ? null : JSON.stringify(event.payload),
    ],
  ];
}

/**
 * The same event as a message of PostgreSQL's log, without a row: for an outbox that is followed by its log. `table` is the outbox, by its schema and name as they are in the database. Run in the transaction that
 * the event tells of; order as of `outboxInsert`.
 */
export function outboxMessage(event: NewEvent, table = 'public.outbox'): Statement {
  assert(/^[^.]+\.[^.]+$/.test(table), 'an outbox is named as schema.name');
  const content = {
    id: event.id ?? randomUUID(),
    aggregatetype: event.aggregateType,
    aggregateid: event.aggregateId,
    type: event.type,
    payload: event.payload === null ? null : JSON.stringify(event.payload),
  };
  return ['select pg_logical_emit_message(true, $1, $2)', [table, JSON.stringify(content)]];
}
