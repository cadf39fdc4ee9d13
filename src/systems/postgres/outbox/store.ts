import { within } from '../../../kernel/clock.ts';
import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type {
  Aggregate,
  Lease,
  OutboxEvent,
  OutboxStore,
  RelayHolder,
  Settled,
  TakeLimit,
} from '../../../ports/outbox.ts';
import type { PgConnection, PgRow } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { quoteLiteral } from '../quote.ts';
import { outboxNames, type OutboxNames } from './names.ts';

export interface OutboxStoreOptions {
  readonly url: string;
  readonly table: TableName;
}

/** For one question, the wait for those before it too. */
const longestMs = 30_000;

/** See the port. */
export function postgresOutboxStore({ url, table }: OutboxStoreOptions): OutboxStore {
  const session = new KeptSession({ url, applicationName: 'teal outbox relay' });
  const names = outboxNames(table);
  const ask = async <T>(work: (connection: PgConnection) => Promise<T>): Promise<T> => {
    const late = (): Error =>
      new TealError('TEAL-SYSTEMS-006', 'the database of the outbox does not answer', { longestMs });
    return within(longestMs, late, async (signal) => session.use(work, signal));
  };
  return {
    lease: async (holder, forMs, takeFrom) =>
      ask(async (connection) => lease(connection, names, holder, forMs, takeFrom)),
    rows: async (limit) => ask(async (connection) => take(connection, rowsSql(names), limit, 'outbox')),
    dueLetters: async (limit) => ask(async (connection) => take(connection, lettersSql(names), limit, 'letters')),
    held: async (aggregates) => ask(async (connection) => held(connection, names, aggregates)),
    settle: async (holder, settled, place) =>
      ask(async (connection) => connection.transaction(async () => settle(connection, names, holder, settled, place))),
    [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
  };
}

async function lease(
  connection: PgConnection,
  { relay }: OutboxNames,
  { name, host, pid }: RelayHolder,
  forMs: number,
  takeFrom = '',
): Promise<Lease> {
  const { rowCount } = await connection.query(
    `update ${relay} set holder = $1, host = $2, pid = $3, until = clock_timestamp() + $4::float8 * interval '1 ms'
      where holder in ($1, $5) or until < clock_timestamp()`,
    [name, host, pid, forMs, takeFrom],
  );
  if (rowCount > 0) return { state: 'mine' };
  const { rows } = await connection.query(
    `select holder, host, pid, greatest(0, extract(epoch from until - clock_timestamp()) * 1000)::int8 as left from ${relay}`,
  );
  const row = rows[0];
  if (row === undefined) throw new TealError('TEAL-OUTBOX-001', `the row of ${relay} is not there`);
  return {
    state: 'taken',
    by: { name: row['holder'] ?? '', host: row['host'] ?? '', pid: Number(row['pid']) },
    forMs: Number(row['left']),
  };
}

const columns = `id, aggregatetype, aggregateid, type, payload, (extract(epoch from created) * 1000)::int8 as created_ms`;

/** Text, and bytes where the column is of bytes: told apart by the server, as a text may look like bytes. */
const payloadBytes = `octet_length(payload::text)`;

function rowsSql({ outbox }: OutboxNames): string {
  return `select ${columns}, pg_typeof(payload) = 'bytea'::regtype as is_bytes, ${payloadBytes} as bytes, seq as ord from ${outbox} order by seq limit $1`;
}

/**
 * Rows that were there when the log began: those that its snapshot shows. A row tells 32 bits of its transaction's number: the rest is that of the number nearest to the snapshot's end. What a
 * savepoint wrote may be taken for older than it is, and then comes by the log too; it is never taken for younger.
 */
function backlogSql({ outbox }: OutboxNames, shows: string): string {
  const snapshot = `${quoteLiteral(shows)}::pg_snapshot`;
  const end = `pg_snapshot_xmax(${snapshot})::text::bigint`;
  const low = `(xmin::text::bigint - (${end} & 4294967295))`;
  const nearest = `case when ${low} > 2147483648 then ${low} - 4294967296 when ${low} < -2147483648 then ${low} + 4294967296 else ${low} end`;
  return `select ${columns}, pg_typeof(payload) = 'bytea'::regtype as is_bytes, ${payloadBytes} as bytes, seq as ord from ${outbox}
    where pg_visible_in_snapshot(greatest(0, ${end} + ${nearest})::text::xid8, ${snapshot}) order by seq limit $1`;
}

/** Undelivered rows that the snapshot shows, in the order of `seq`. */
export async function backlogRows(
  connection: PgConnection,
  table: TableName,
  shows: string,
  limit: TakeLimit,
): Promise<readonly OutboxEvent[]> {
  return take(connection, backlogSql(outboxNames(table), shows), limit, 'outbox');
}

function lettersSql({ letters }: OutboxNames): string {
  return `select ${columns}, reason, true as is_bytes, ${payloadBytes} as bytes, place as ord from ${letters} where is_due order by place limit $1`;
}

/** The server counts the bytes before it sends them. */
async function take(
  connection: PgConnection,
  sql: string,
  { events, bytes }: TakeLimit,
  from: OutboxEvent['from'],
): Promise<readonly OutboxEvent[]> {
  const { rows } = await connection.query(
    `select * from (select *, sum(bytes) over until_here as sum, row_number() over until_here as number from (${sql}) t
        window until_here as (order by ord rows unbounded preceding)) s
      where sum <= $2 or number = 1 or sum is null order by ord`,
    [events, bytes],
  );
  return rows.map((row) => eventOf(row, from));
}

function eventOf(row: PgRow, from: OutboxEvent['from']): OutboxEvent {
  const payload = row['payload'] ?? null;
  return {
    id: must(row['id'], 'the id of an event'),
    aggregateType: row['aggregatetype'] ?? '',
    aggregateId: row['aggregateid'] ?? '',
    type: row['type'] ?? '',
    payload: payload === null ? null : payloadOf(payload, row['is_bytes'] === 't'),
    createdMs: Number(row['created_ms']),
    from,
    ...(row['reason']?.startsWith(`${unreadableCode}: `) === true
      ? { unreadable: row['reason'].slice(unreadableCode.length + 2) }
      : {}),
  };
}

/** A letter that was buried for this reason stays what it is when it is asked for again. */
const unreadableCode = 'TEAL-OUTBOX-062';

/** A value in text form. Bytes are written as `\x…`. */
export function payloadOf(text: string, isBytes: boolean): Buffer {
  return isBytes ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text, 'utf8');
}

async function held(
  connection: PgConnection,
  { letters }: OutboxNames,
  aggregates: readonly Aggregate[],
): Promise<readonly Aggregate[]> {
  const { rows } = await connection.query(
    `select distinct l.aggregatetype, l.aggregateid from ${letters} l
       join unnest($1::text[], $2::text[]) a (type, id) on l.aggregatetype = a.type and l.aggregateid = a.id`,
    [aggregates.map(({ aggregateType }) => aggregateType), aggregates.map(({ aggregateId }) => aggregateId)],
  );
  return rows.map((row) => ({ aggregateType: row['aggregatetype'] ?? '', aggregateId: row['aggregateid'] ?? '' }));
}

async function settle(
  connection: PgConnection,
  names: OutboxNames,
  holder: RelayHolder,
  settled: readonly Settled[],
  place: string | undefined,
): Promise<void> {
  const delivered = settled.filter(({ outcome }) => outcome === 'delivered');
  // A place is told to the server once it is kept: a commit that a crash may take back would be too little.
  if (place !== undefined) {
    await connection.query(
      `select set_config('synchronous_commit', 'local', true) where current_setting('synchronous_commit') = 'off'`,
    );
  }
  // Also the lock under which letters change: see the desk.
  const { rowCount } = await connection.query(
    `update ${names.relay} set delivered = delivered + $2, place = coalesce($3, place),
       delivered_at = case when $2 > 0 then clock_timestamp() else delivered_at end where holder = $1`,
    [holder.name, delivered.length, place ?? null],
  );
  if (rowCount === 0) throw new TealError('TEAL-OUTBOX-004', 'the lease is another relay’s');
  for (const each of settled) {
    if (each.outcome === 'dead') await bury(connection, names, each);
    if (each.outcome === 'behind' && each.event.from === 'outbox') await putBehind(connection, names, each.event);
  }
  const ids = (from: OutboxEvent['from'], of: readonly Settled[]): readonly string[] =>
    of.filter(({ event }) => event.from === from).map(({ event }) => event.id);
  await connection.query(`delete from ${names.letters} where id = any($1::uuid[])`, [ids('letters', delivered)]);
  await connection.query(`delete from ${names.outbox} where id = any($1::uuid[])`, [ids('outbox', settled)]);
}

/** With it all letters of its aggregate wait until somebody asks for them. */
async function bury(
  connection: PgConnection,
  { letters }: OutboxNames,
  { event, attempts, reason }: Extract<Settled, { readonly outcome: 'dead' }>,
): Promise<void> {
  await connection.query(`update ${letters} set is_due = false where aggregatetype = $1 and aggregateid = $2`, [
    event.aggregateType,
    event.aggregateId,
  ]);
  await connection.query(
    `insert into ${letters} (id, aggregatetype, aggregateid, type, payload, created, is_dead, is_due, attempts, reason)
     values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), true, false, $7, $8)
     on conflict (id) do update set is_dead = true, is_due = false, attempts = ${letters}.attempts + excluded.attempts,
       reason = excluded.reason, at = excluded.at`,
    [...valuesOf(event), attempts, reason],
  );
}

/** Due where those before it are. */
async function putBehind(connection: PgConnection, { letters }: OutboxNames, event: OutboxEvent): Promise<void> {
  await connection.query(
    `insert into ${letters} (id, aggregatetype, aggregateid, type, payload, created, is_dead, is_due, attempts, reason)
     select $1::uuid, $2::text, $3::text, $4::text, $5::bytea, to_timestamp($6::float8 / 1000), false,
       coalesce((select bool_and(l.is_due) from ${letters} l where l.aggregatetype = $2::text and l.aggregateid = $3::text), true), 0, ''
     on conflict (id) do nothing`,
    valuesOf(event),
  );
}

function valuesOf(event: OutboxEvent): readonly (string | number | Buffer | null)[] {
  return [event.id, event.aggregateType, event.aggregateId, event.type, event.payload, event.createdMs];
}
