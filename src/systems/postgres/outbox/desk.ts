import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { DeadLetter, OutboxDesk, OutboxLook, OutboxSpan } from '../../../ports/outbox.ts';
import type { PgConnection, PgRow } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { outboxDdl } from './ddl.ts';
import { lookAtLog } from './log-setup.ts';
import { outboxNames, type OutboxNames } from './names.ts';
import type { OutboxStoreOptions } from './store.ts';

const countLimit = 100_000;

/** See the port. */
export function postgresOutboxDesk({ url, table }: OutboxStoreOptions): OutboxDesk {
  const session = new KeptSession({ url, applicationName: 'teal outbox' });
  const names = outboxNames(table);
  const ask = async <T>(work: (connection: PgConnection) => Promise<T>): Promise<T> =>
    session.use(async (connection) => {
      await refuseUnlike(connection, table);
      return work(connection);
    });
  return {
    async install() {
      await session.use(async (connection) =>
        connection.transaction(async () => {
          for (const statement of outboxDdl(table)) await connection.query(statement);
        }),
      );
      await session.use(async (connection) => refuseUnlike(connection, table));
    },
    look: async () =>
      ask(async (connection) => {
        const log = await lookAtLog(connection, table);
        return { ...(await look(connection, names)), ...(log === undefined ? {} : { log }) };
      }),
    letters: async (limit) => ask(async (connection) => letters(connection, names, limit)),
    retry: async (ids) =>
      ask(async (connection) => locked(connection, names, async () => retry(connection, names, ids))),
    discard: async (ids) =>
      ask(async (connection) => locked(connection, names, async () => discard(connection, names, ids))),
    stateOf: async (id) => ask(async (connection) => stateOf(connection, names, id)),
    span: async () => ask(async (connection) => span(connection, names)),
    [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
  };
}

const wanted: readonly (readonly [ending: string, columns: Readonly<Record<string, readonly string[] | 'any'>>])[] = [
  [
    '',
    {
      id: ['uuid'],
      aggregatetype: 'any',
      aggregateid: 'any',
      type: 'any',
      payload: ['jsonb', 'json', 'text', 'bytea', 'character varying'],
      seq: ['bigint'],
      created: ['timestamp with time zone'],
    },
  ],
  ['_dead_letters', { place: 'any', is_due: 'any' }],
  ['_relay', { holder: 'any', until: 'any', place: 'any' }],
];

async function refuseUnlike(connection: PgConnection, { schema, name }: TableName): Promise<void> {
  for (const [ending, columns] of wanted) {
    const { rows } = await connection.query(
      `select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped`,
      [schema, name + ending],
    );
    const types = new Map(rows.map((row) => [row['name'], row['type'] ?? '']));
    const wrong = Object.entries(columns).flatMap(([column, allowed]) => {
      const type = types.get(column);
      if (type === undefined) return [`${column} is missing`];
      return allowed === 'any' || allowed.includes(type) ? [] : [`${column} is ${type}, not ${allowed.join(' or ')}`];
    });
    if (wrong.length > 0) {
      throw new TealError(
        'TEAL-OUTBOX-001',
        types.size === 0 ? `the table ${name + ending} is not there` : `of ${name + ending}: ${wrong.join(', ')}`,
        { schema, table: name + ending },
      );
    }
  }
}

async function look(connection: PgConnection, names: OutboxNames): Promise<OutboxLook> {
  const { rows } = await connection.query(
    `select (select count(*) from (select from ${names.outbox} limit ${countLimit}) t) as pending,
       (select extract(epoch from clock_timestamp() - created) * 1000 from ${names.outbox} order by seq limit 1)::int8 as oldest_ms,
       count(*) filter (where is_dead and not is_due) as dead, count(*) filter (where not is_dead and not is_due) as behind,
       count(*) filter (where is_due) as due from ${names.letters}`,
  );
  const { rows: relays } = await connection.query(
    `select host, pid, until > clock_timestamp() as runs, delivered,
       (extract(epoch from clock_timestamp() - delivered_at) * 1000)::int8 as ago_ms from ${names.relay} where holder <> ''`,
  );
  return lookOf(rows[0] ?? {}, relays[0]);
}

function lookOf(row: PgRow, relay: PgRow | undefined): OutboxLook {
  const number = (name: string): number => Number(row[name] ?? 0);
  const ago = relay?.['ago_ms'];
  return {
    pending: number('pending'),
    countLimit,
    ...(typeof row['oldest_ms'] === 'string' ? { oldestMs: Math.max(0, number('oldest_ms')) } : {}),
    dead: number('dead'),
    behind: number('behind'),
    due: number('due'),
    ...(relay === undefined
      ? {}
      : {
          relay: {
            host: relay['host'] ?? '',
            pid: Number(relay['pid']),
            runs: relay['runs'] === 't',
            delivered: BigInt(relay['delivered'] ?? '0'),
            ...(typeof ago === 'string' ? { deliveredAgoMs: Math.max(0, Number(ago)) } : {}),
          },
        }),
  };
}

async function letters(connection: PgConnection, names: OutboxNames, limit: number): Promise<readonly DeadLetter[]> {
  const { rows } = await connection.query(
    `select id, aggregatetype, aggregateid, type, attempts, reason, at,
       case when is_due then 'due' when is_dead then 'dead' else 'behind' end as state
     from ${names.letters} order by place limit $1`,
    [limit],
  );
  return rows.map((row) => ({
    id: row['id'] ?? '',
    aggregateType: row['aggregatetype'] ?? '',
    aggregateId: row['aggregateid'] ?? '',
    type: row['type'] ?? '',
    state: row['state'] as DeadLetter['state'],
    attempts: Number(row['attempts']),
    reason: row['reason'] ?? '',
    at: row['at'] ?? '',
  }));
}

/** The relay's row is what a relay changes when it settles: between the two no letter is put behind others that are becoming due. */
async function locked<T>(connection: PgConnection, { relay }: OutboxNames, work: () => Promise<T>): Promise<T> {
  return connection.transaction(async () => {
    await connection.query(`select from ${relay} for update`);
    return work();
  });
}

async function retry(connection: PgConnection, names: OutboxNames, ids: readonly string[] | 'all'): Promise<number> {
  const set = `update ${names.letters} set is_due = true`;
  if (ids === 'all') return (await connection.query(`${set} where not is_due`)).rowCount;
  const { rowCount } = await connection.query(
    `${set} where not is_due and (aggregatetype, aggregateid) in
       (select aggregatetype, aggregateid from ${names.letters} where id = any($1::uuid[]))`,
    [ids],
  );
  return rowCount;
}

async function discard(connection: PgConnection, names: OutboxNames, ids: readonly string[]): Promise<number> {
  const { rows, rowCount } = await connection.query(
    `delete from ${names.letters} where id = any($1::uuid[]) and is_dead returning aggregatetype, aggregateid`,
    [ids],
  );
  await connection.query(
    `update ${names.letters} l set is_due = true from unnest($1::text[], $2::text[]) a (type, id)
      where l.aggregatetype = a.type and l.aggregateid = a.id
        and not exists (select from ${names.letters} d where d.aggregatetype = a.type and d.aggregateid = a.id and d.is_dead and not d.is_due)`,
    [rows.map((row) => row['aggregatetype'] ?? ''), rows.map((row) => row['aggregateid'] ?? '')],
  );
  return rowCount;
}

async function stateOf(connection: PgConnection, names: OutboxNames, id: string): Promise<'waits' | 'letter' | 'gone'> {
  // In one look: a row goes from the one table to the other.
  const { rows } = await connection.query(
    `select 'waits' as state from ${names.outbox} where id = $1 union all select 'letter' from ${names.letters} where id = $1`,
    [id],
  );
  return (rows[0]?.['state'] ?? 'gone') as 'waits' | 'letter' | 'gone';
}

async function span(connection: PgConnection, { outbox }: OutboxNames): Promise<OutboxSpan> {
  const { rows } = await connection.query(`select min(seq) as low, max(seq) as high from ${outbox}`);
  const { low, high } = rows[0] ?? {};
  return typeof low === 'string' && typeof high === 'string' ? { first: BigInt(low), last: BigInt(high) } : {};
}
