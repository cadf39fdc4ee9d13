import { createHash } from 'node:crypto';
import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { InsertChange, Relation, StreamEvent } from '../../../model/change.ts';
import type { OutboxEvent } from '../../../ports/outbox.ts';
import { payloadOf } from './store.ts';

/** Where in the log an event lies: of the transaction that commits there it is number `index`. */
export interface EventSpot {
  readonly commitsAt: string;
  readonly index: number;
  readonly committedMs: number;
}

/** An insert into the outbox, or a message under its name (`schema.table`), as an event; undefined for everything else that a log tells. TEAL-OUTBOX-001 where the table lacks a column. */
export function outboxEventOf(event: StreamEvent, table: TableName, spot: EventSpot): OutboxEvent | undefined {
  if (event.kind === 'insert') return isOf(event.relation, table) ? rowEvent(event, spot) : undefined;
  if (event.kind !== 'message' || event.prefix !== messagePrefix(table)) return undefined;
  return messageEvent(event.content, spot);
}

/** The prefix of `pg_logical_emit_message` for events of an outbox. */
export function messagePrefix({ schema, name }: TableName): string {
  return `${schema}.${name}`;
}

function isOf(relation: Relation, { schema, name }: TableName): boolean {
  return relation.schema === schema && relation.name === name;
}

const byteaOid = 17;

function rowEvent({ relation, row }: InsertChange, { committedMs }: EventSpot): OutboxEvent {
  const valueOf = (column: string): { readonly text: string | null; readonly typeOid: number } => {
    const at = relation.columns.findIndex(({ name }) => name === column);
    const found = relation.columns[at];
    if (found === undefined) {
      throw new TealError('TEAL-OUTBOX-001', `of ${relation.name}: ${column} is missing`, { column });
    }
    return { text: row.at(at)?.toString('utf8') ?? null, typeOid: found.typeOid };
  };
  const payload = valueOf('payload');
  const created = valueOf('created').text;
  return {
    id: must(valueOf('id').text ?? undefined, 'the id of an event'),
    aggregateType: valueOf('aggregatetype').text ?? '',
    aggregateId: valueOf('aggregateid').text ?? '',
    type: valueOf('type').text ?? '',
    payload: payload.text === null ? null : payloadOf(payload.text, payload.typeOid === byteaOid),
    createdMs: created === null ? committedMs : msOfTimestamp(created, committedMs),
    from: 'outbox',
  };
}

/** `2026-01-31 10:00:00.123456+00`, as a session in UTC prints it; another form, as `infinity`, is taken for `otherwise`. */
export function msOfTimestamp(text: string, otherwise: number): number {
  const ms = Date.parse(text.replace(' ', 'T').replace(/\+00$/, 'Z'));
  return Number.isNaN(ms) ? otherwise : ms;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** As the columns of the tables take it: a name that they refuse could not even become a letter. */
const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 255 && !value.includes('\0');

/**
 * `{"id": …, "aggregatetype": …, "aggregateid": …, "type": …, "payload": …}`, all texts: the payload is the text that is delivered, so that no digit of a number is lost; without one there is none. What
 * cannot be read is an event too, which can only become a dead letter, under an id that it has whenever it comes again.
 */
function messageEvent(content: Buffer, spot: EventSpot): OutboxEvent {
  const value = objectOf(content);
  const { id, aggregatetype, aggregateid, type, payload = null } = value ?? {};
  const isReadable =
    typeof id === 'string' && uuid.test(id) && isName(aggregatetype) && isName(aggregateid) && isName(type);
  const text = payload === null || typeof payload === 'string' ? payload : undefined;
  if (!isReadable || text === undefined) return unreadable(content, spot);
  return {
    id: id.toLowerCase(),
    aggregateType: aggregatetype,
    aggregateId: aggregateid,
    type,
    payload: text === null ? null : Buffer.from(text, 'utf8'),
    createdMs: spot.committedMs,
    from: 'outbox',
  };
}

function objectOf(content: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(content: Buffer, { commitsAt, index, committedMs }: EventSpot): OutboxEvent {
  const hash = createHash('sha256').update(`${commitsAt}/${index}`).update(content).digest('hex');
  const id = hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return {
    id,
    aggregateType: 'unreadable',
    aggregateId: id,
    type: 'unreadable',
    payload: content,
    createdMs: committedMs,
    from: 'outbox',
    unreadable:
      'a message of the log is no event: an object of the texts id (a UUID), aggregatetype, aggregateid, type and payload',
  };
}
