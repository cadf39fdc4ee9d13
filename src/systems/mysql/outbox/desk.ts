import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { DeadLetter, OutboxDesk, OutboxLook, OutboxSpan } from '../../../ports/outbox.ts';
import type { MysqlConnection, MysqlRow } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { outboxDdl } from './ddl.ts';
import { outboxNames, type OutboxNames } from './names.ts';
import type { OutboxStoreOptions } from './store.ts';

const countLimit = 100_000;

/** See the port. */
export function mysqlOutboxDesk({ url, table }: OutboxStoreOptions): OutboxDesk {
  const session = new KeptSession({ url, applicationName: 'teal outbox' });
  const names = outboxNames(table);
  const ask = async <T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> =>
    session.use(async (connection) => {
      await refuseUnlike(connection, table);
      return work(connection);
    });
  return {
    async install() {
      await session.use(async (connection) => {
        for (const statement of outboxDdl(table)) await connection.query(statement);
        await refuseUnlike(connection, table);
      });
    },
    look: async () => ask(async (connection) => look(connection, names)),
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

const wanted: readonly (readonly [ending: string, columns: Readonly<Record<string, RegExp>>])[] = [
  [
    '',
    {
      id: /^(char|varchar|uuid)$/,
      aggregatetype: /./,
      aggregateid: /./,
      type: /./,
      payload: /^(json|.*text|.*blob|varchar|varbinary)$/,
      seq: /^bigint$/,
      created: /^(timestamp|datetime)$/,
    },
  ],
  ['_dead_letters', { place: /./, is_due: /./ }],
  ['_relay', { holder: /./, until: /./, place: /./ }],
];

async function refuseUnlike(connection: MysqlConnection, { schema, name }: TableName): Promise<void> {
  for (const [ending, columns] of wanted) {
    const { rows } = await connection.query(
      `select column_name as name, data_type as type from information_schema.columns where table_schema = ? and table_name = ?`,
      [schema, name + ending],
    );
    const types = new Map(rows.map((row) => [row['name'], row['type'] ?? '']));
    const wrong = Object.entries(columns).flatMap(([column, allowed]) => {
      const type = types.get(column);
      if (type === undefined) return [`${column} is missing`];
      return allowed.test(type) ? [] : [`${column} is ${type}`];
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

async function look(connection: MysqlConnection, names: OutboxNames): Promise<OutboxLook> {
  const { rows } = await connection.query(
    `select (select count(*) from (select 1 from ${names.outbox} limit ${countLimit}) t) as pending,
       (select timestampdiff(microsecond, created, now(6)) div 1000 from ${names.outbox} order by seq limit 1) as oldest_ms,
       coalesce(sum(is_dead and not is_due), 0) as dead, coalesce(sum(not is_dead and not is_due), 0) as behind,
       coalesce(sum(is_due), 0) as due from ${names.letters}`,
  );
  const { rows: relays } = await connection.query(
    `select host, pid, until > now(6) as runs, delivered, timestampdiff(microsecond, delivered_at, now(6)) div 1000 as ago_ms
       from ${names.relay} where holder <> ''`,
  );
  return lookOf(rows[0] ?? {}, relays[0]);
}

function lookOf(row: MysqlRow, relay: MysqlRow | undefined): OutboxLook {
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
            runs: relay['runs'] === '1',
            delivered: BigInt(relay['delivered'] ?? '0'),
            ...(typeof ago === 'string' ? { deliveredAgoMs: Math.max(0, Number(ago)) } : {}),
          },
        }),
  };
}

async function letters(connection: MysqlConnection, names: OutboxNames, limit: number): Promise<readonly DeadLetter[]> {
  const { rows } = await connection.query(
    `select id, aggregatetype, aggregateid, type, attempts, reason, at,
       case when is_due then 'due' when is_dead then 'dead' else 'behind' end as state
     from ${names.letters} order by place limit ${Math.trunc(limit)}`,
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
async function locked<T>(connection: MysqlConnection, { relay }: OutboxNames, work: () => Promise<T>): Promise<T> {
  return connection.transaction(async () => {
    await connection.query(`select holder from ${relay} for update`);
    return work();
  });
}

async function retry(connection: MysqlConnection, names: OutboxNames, ids: readonly string[] | 'all'): Promise<number> {
  if (ids === 'all')
    return (await connection.query(`update ${names.letters} set is_due = 1 where not is_due`)).affectedRows;
  const { affectedRows } = await connection.query(
    `update ${names.letters} l join (select distinct aggregatetype, aggregateid from ${names.letters} where id in (${places(ids)})) a
       on l.aggregatetype = a.aggregatetype and l.aggregateid = a.aggregateid set l.is_due = 1 where not l.is_due`,
    ids,
  );
  return affectedRows;
}

async function discard(connection: MysqlConnection, names: OutboxNames, ids: readonly string[]): Promise<number> {
  const { rows } = await connection.query(
    `select id, aggregatetype, aggregateid from ${names.letters} where is_dead and id in (${places(ids)})`,
    ids,
  );
  for (const { id = '', aggregatetype = '', aggregateid = '' } of rows) {
    await connection.query(`delete from ${names.letters} where id = ?`, [id]);
    const of = [aggregatetype, aggregateid];
    const { rows: others } = await connection.query(
      `select 1 from ${names.letters} where aggregatetype = ? and aggregateid = ? and is_dead and not is_due limit 1`,
      of,
    );
    if (others.length > 0) continue;
    await connection.query(`update ${names.letters} set is_due = 1 where aggregatetype = ? and aggregateid = ?`, of);
  }
  return rows.length;
}

function places(ids: readonly string[]): string {
  return ids.map(() => '?').join(', ');
}

async function stateOf(
  connection: MysqlConnection,
  names: OutboxNames,
  id: string,
): Promise<'waits' | 'letter' | 'gone'> {
  // In one look: a row goes from the one table to the other.
  const { rows } = await connection.query(
    `select 'waits' as state from ${names.outbox} where id = ? union all select 'letter' from ${names.letters} where id = ?`,
    [id, id],
  );
  return (rows[0]?.['state'] ?? 'gone') as 'waits' | 'letter' | 'gone';
}

async function span(connection: MysqlConnection, { outbox }: OutboxNames): Promise<OutboxSpan> {
  const { rows } = await connection.query(`select min(seq) as low, max(seq) as high from ${outbox}`);
  const { low, high } = rows[0] ?? {};
  return typeof low === 'string' && typeof high === 'string' ? { first: BigInt(low), last: BigInt(high) } : {};
}
