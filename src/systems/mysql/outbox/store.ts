import { must } from '../../../kernel/assert.ts';
import { within } from '../../../kernel/clock.ts';
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
import type { MysqlConnection, MysqlParameter, MysqlRow } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { outboxNames, type OutboxNames } from './names.ts';

export interface OutboxStoreOptions {
  readonly url: string;
  readonly table: TableName;
}

/** For one question, the wait for those before it too. */
const longestMs = 30_000;

/** See the port. */
export function mysqlOutboxStore({ url, table }: OutboxStoreOptions): OutboxStore {
  const session = new KeptSession({ url, applicationName: 'teal outbox relay' });
  const names = outboxNames(table);
  const ask = async <T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> => {
    const late = (): Error =>
      new TealError('TEAL-SYSTEMS-006', 'the database of the outbox does not answer', { longestMs });
    return within(longestMs, late, async (signal) => session.use(work, signal));
  };
  return {
    lease: async (holder, forMs, takeFrom) =>
      ask(async (connection) => lease(connection, names, holder, forMs, takeFrom)),
    rows: async (limit) => ask(async (connection) => take(connection, names.outbox, limit, 'outbox')),
    dueLetters: async (limit) => ask(async (connection) => take(connection, names.letters, limit, 'letters')),
    held: async (aggregates) => ask(async (connection) => held(connection, names, aggregates)),
    settle: async (holder, settled, place) =>
      ask(async (connection) => connection.transaction(async () => settle(connection, names, holder, settled, place))),
    [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
  };
}

async function lease(
  connection: MysqlConnection,
  { relay }: OutboxNames,
  { name, host, pid }: RelayHolder,
  forMs: number,
  takeFrom = '-',
): Promise<Lease> {
  const { affectedRows } = await connection.query(
    `update ${relay} set holder = ?, host = ?, pid = ?, until = now(6) + interval ? microsecond
      where holder in (?, ?) or until < now(6)`,
    [name, host, pid, forMs * 1_000, name, takeFrom],
  );
  if (affectedRows > 0) return { state: 'mine' };
  const { rows } = await connection.query(
    `select holder, host, pid, greatest(0, timestampdiff(microsecond, now(6), until) div 1000) as rest from ${relay}`,
  );
  const row = rows[0];
  if (row === undefined) throw new TealError('TEAL-OUTBOX-001', `the row of ${relay} is not there`);
  return {
    state: 'taken',
    by: { name: row['holder'] ?? '', host: row['host'] ?? '', pid: Number(row['pid']) },
    forMs: Number(row['rest']),
  };
}

/** Parameters go as text, which LIMIT does not take. The payload goes as hexadecimal digits: it may be of bytes. The server counts them before it sends them. */
async function take(
  connection: MysqlConnection,
  table: string,
  { events, bytes }: TakeLimit,
  from: OutboxEvent['from'],
): Promise<readonly OutboxEvent[]> {
  const [order, where] = from === 'outbox' ? ['seq', ''] : ['place', 'where is_due'];
  const { rows } = await connection.query(
    `select id, aggregatetype, aggregateid, type, hex(payload) as payload, floor(unix_timestamp(created) * 1000) as created_ms
       from (select *, sum(bytes) over (order by ord rows unbounded preceding) as total, row_number() over (order by ord) as number
         from (select *, length(payload) as bytes, ${order} as ord from ${table} ${where} order by ${order} limit ${Math.trunc(events)}) t) s
      where total <= ? or number = 1 or total is null order by ord`,
    [bytes],
  );
  return rows.map((row) => eventOf(row, from));
}

function eventOf(row: MysqlRow, from: OutboxEvent['from']): OutboxEvent {
  const payload = row['payload'] ?? null;
  return {
    id: must(row['id'], 'the id of an event'),
    aggregateType: row['aggregatetype'] ?? '',
    aggregateId: row['aggregateid'] ?? '',
    type: row['type'] ?? '',
    payload: payload === null ? null : Buffer.from(payload, 'hex'),
    createdMs: Number(row['created_ms']),
    from,
  };
}

async function held(
  connection: MysqlConnection,
  { letters }: OutboxNames,
  aggregates: readonly Aggregate[],
): Promise<readonly Aggregate[]> {
  const { rows } = await connection.query(
    `select distinct aggregatetype, aggregateid from ${letters} where (aggregatetype, aggregateid) in (${aggregates.map(() => '(?, ?)').join(', ')})`,
    aggregates.flatMap(({ aggregateType, aggregateId }) => [aggregateType, aggregateId]),
  );
  return rows.map((row) => ({ aggregateType: row['aggregatetype'] ?? '', aggregateId: row['aggregateid'] ?? '' }));
}

async function settle(
  connection: MysqlConnection,
  names: OutboxNames,
  holder: RelayHolder,
  settled: readonly Settled[],
  place: string | undefined,
): Promise<void> {
  const delivered = settled.filter(({ outcome }) => outcome === 'delivered');
  // Also the lock under which letters change: see the desk.
  const { affectedRows } = await connection.query(
    `update ${names.relay} set delivered = delivered + ?, place = coalesce(?, place),
       delivered_at = if(? > 0, now(6), delivered_at) where holder = ?`,
    [delivered.length, place ?? null, delivered.length, holder.name],
  );
  if (affectedRows === 0) throw new TealError('TEAL-OUTBOX-004', 'the lease is another relay’s');
  for (const each of settled) {
    if (each.outcome === 'dead') await bury(connection, names, each);
    if (each.outcome === 'behind' && each.event.from === 'outbox') await putBehind(connection, names, each.event);
  }
  const ids = (from: OutboxEvent['from'], of: readonly Settled[]): readonly string[] =>
    of.filter(({ event }) => event.from === from).map(({ event }) => event.id);
  await remove(connection, names.letters, ids('letters', delivered));
  await remove(connection, names.outbox, ids('outbox', settled));
}

/** One by one: for several the optimizer scans a small table, and a delete that scans waits for rows that others have not committed yet. */
async function remove(connection: MysqlConnection, table: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) await connection.execute(`delete from ${table} where id = ?`, [id]);
}

/** With it all letters of its aggregate wait until somebody asks for them. */
async function bury(
  connection: MysqlConnection,
  { letters }: OutboxNames,
  { event, attempts, reason }: Extract<Settled, { readonly outcome: 'dead' }>,
): Promise<void> {
  await connection.query(`update ${letters} set is_due = 0 where aggregatetype = ? and aggregateid = ?`, [
    event.aggregateType,
    event.aggregateId,
  ]);
  await connection.query(
    `insert into ${letters} (id, aggregatetype, aggregateid, type, payload, created, is_dead, is_due, attempts, reason)
     values (?, ?, ?, ?, ?, from_unixtime(? / 1000), 1, 0, ?, ?)
     on duplicate key update is_dead = 1, is_due = 0, attempts = attempts + ?, reason = ?, at = now(6)`,
    [...valuesOf(event), attempts, reason, attempts, reason],
  );
}

/** Due where those before it are. */
async function putBehind(connection: MysqlConnection, { letters }: OutboxNames, event: OutboxEvent): Promise<void> {
  const { rows } = await connection.query(
    `select coalesce(min(is_due), 1) as due from ${letters} where aggregatetype = ? and aggregateid = ?`,
    [event.aggregateType, event.aggregateId],
  );
  await connection.query(
    `insert ignore into ${letters} (id, aggregatetype, aggregateid, type, payload, created, is_dead, is_due, attempts, reason)
     values (?, ?, ?, ?, ?, from_unixtime(? / 1000), 0, ?, 0, '')`,
    [...valuesOf(event), Number(rows[0]?.['due'])],
  );
}

function valuesOf(event: OutboxEvent): readonly MysqlParameter[] {
  return [event.id, event.aggregateType, event.aggregateId, event.type, event.payload, event.createdMs];
}
