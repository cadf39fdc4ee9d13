import type { Side } from '../../../src/model/catalog.ts';
import { lockName } from '../../../src/systems/mysql/named-lock.ts';
import type { DoorMove, Leftover } from '../../../src/testing/checker/invariants.ts';
import type { OwnerState } from '../../../src/testing/checker/owner-state.ts';
import { nowUs, opening, toastNumber, toastText } from '../run/tables.ts';
import type { Schedule } from '../schedule.ts';
import type { OwnerRow, Store } from './store.ts';
import { numberOf, openMysqlSession, withMysql, type Ask } from './with-mysql.ts';

/** Where the workload's tables are. */
export const database = 'shop';
/** As whom clients connect: somebody whom the fence stops. */
export const account = { user: 'app', password: 'not-to-be-found' };

/** The address of a server for clients; without a port the same address elsewhere. */
export function clientUrlOf(port: number): string {
  return `mysql://${account.user}:${account.password}@127.0.0.1:${port}/${database}`;
}

/** On both sides, before Teal comes: accounts do not move. */
export async function makeAccount(rootUrl: string): Promise<void> {
  await withMysql(rootUrl, async (ask) => {
    await ask(`create user ${account.user}@'%' identified by '${account.password}'`);
    await ask(`grant select, insert, update, delete, create temporary tables on ${database}.* to ${account.user}@'%'`);
  });
}

/** `url`: of `root`, without a database. The observer may write past the fence and does not. */
export function mysqlStore(url: string, side: Side): Store {
  const ownUrl = clientUrlOf(Number(new URL(url).port));
  return {
    load: async (schedule, rows) => withMysql(url, async (ask) => load(ask, schedule, rows)),
    ownerRow: async () => withMysql(url, ownerRow),
    readState: async (epoch) => withMysql(url, async (ask) => readState(ask, side, epoch)),
    doorMoves: async () => withMysql(url, async (ask) => doorMoves(ask, side)),
    accepts: async () => accepts(ownUrl),
    leftovers: async (isClosed) => withMysql(url, async (ask) => leftovers(ask, side, isClosed)),
    outside: async () => withMysql(url, outside),
    openWriter: async (through = ownUrl) => openWriter(through),
    writeRogue: async () =>
      withMysql(url, async (ask) => {
        await ask(`update ${database}.ballast set filler = 'rogue' where id = 2`);
      }),
    spoil: async (sql) =>
      withMysql(url, async (ask) => {
        await ask(`use ${database}`);
        await ask('set session sql_log_bin = 0');
        await ask(sql);
      }),
  };
}

/** A list is a text with a comma behind each element. `toast` may be NULL though nobody writes one: a value that is lost on its way must get through to be seen. */
const tables: readonly string[] = [
  'create table lists (k int primary key, elements longtext not null)',
  'create table accounts (account int primary key, balance int not null)',
  'create table claims (`by` int primary key, value int not null unique)',
  'create table ids (id bigint auto_increment primary key, at timestamp(6) not null default current_timestamp(6))',
  'create table `rows` (`key` int primary key, `row` int not null unique, version int not null, toast longtext)',
  'create table graves (`row` int primary key, `key` int not null, version int not null)',
  'create table bag (v int not null)',
  'create table side (v int not null)',
  'create table tokens (token bigint primary key)',
  'create table ballast (id int primary key, filler varchar(100), key (filler, id))',
];

const rowsAtOnce = 1_000;

type Value = string | number;

async function load(ask: Ask, { sizes }: Schedule, rows: Parameters<Store['load']>[1]): Promise<void> {
  await ask(`create database ${database} character set utf8mb4 collate utf8mb4_bin`);
  await ask(`use ${database}`);
  for (const sql of tables) await ask(sql);
  const numbered = (count: number, row: (n: number) => readonly Value[]): readonly (readonly Value[])[] =>
    Array.from({ length: count }, (_, at) => row(at + 1));
  const all: Readonly<Record<string, readonly (readonly Value[])[]>> = {
    'lists (k, elements)': numbered(sizes.lists, (n) => [n, '']),
    'accounts (account, balance)': numbered(sizes.accounts, (n) => [n, opening]),
    '`rows` (`row`, `key`, version, toast)': rows.map(({ row, key, version, toast }) => [
      row,
      key,
      version,
      toastText(toast, sizes.toastBytes),
    ]),
    'ballast (id, filler)': numbered(sizes.ballast, (n) => [n, 'x'.repeat(100)]),
  };
  for (const [into, values] of Object.entries(all)) {
    for (let at = 0; at < values.length; at += rowsAtOnce) {
      const some = values.slice(at, at + rowsAtOnce);
      const tuples = some.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ');
      await ask(`insert into ${into} values ${tuples}`, some.flat());
    }
  }
}

async function isTealThere(ask: Ask): Promise<boolean> {
  const sql = `select count(*) from information_schema.tables where table_schema = 'teal' and table_name = 'owner'`;
  return (await ask(sql))[0]?.[0] === '1';
}

async function ownerRow(ask: Ask): Promise<OwnerRow | undefined> {
  if (!(await isTealThere(ask))) return undefined;
  const [row] = await ask('select owner, epoch from teal.owner order by epoch desc limit 1');
  return row === undefined ? undefined : { side: row[0] === 'green' ? 'green' : 'blue', epoch: Number(row[1]) };
}

async function readState(ask: Ask, side: Side, epoch: number): Promise<OwnerState> {
  await ask(`use ${database}`);
  await ask('set transaction isolation level repeatable read');
  const askedUs = nowUs();
  await ask('start transaction with consistent snapshot, read only');
  const takenUs = nowUs();
  const pair = ([a, b]: readonly string[]): readonly [number, number] => [Number(a), Number(b)];
  const state: OwnerState = {
    side,
    epoch,
    askedUs,
    takenUs,
    lists: (await ask('select k, elements from lists')).map(([k, elements = '']) => [
      Number(k),
      elements.split(',').slice(0, -1).map(Number),
    ]),
    balances: (await ask('select account, balance from accounts')).map(pair),
    claims: (await ask('select value, `by` from claims')).map(pair),
    ids: (await ask('select id from ids')).map(([id]) => ['ids', Number(id)]),
    rows: (await ask('select `row`, `key`, version, toast from `rows`')).map(([row, key, version, toast = '']) => ({
      row: Number(row),
      key: Number(key),
      version: Number(version),
      toast: toastNumber(toast),
    })),
    bag: (await ask('select v, count(*) from bag group by v')).map(pair),
    sideTable: (await ask('select v from side')).map(([v]) => Number(v)),
  };
  await ask('commit');
  return state;
}

/**
 * No server of this family tells when a transaction was committed; Teal's own rows say when they were written. The fence's is written when the server is closed already, the
 * decision's before the server is opened: so a side is said to be open for longer than it was, and still may not be while the other one is. Rows of the other side's fences have come here
 * too: an odd epoch takes the data from blue.
 */
async function doorMoves(ask: Ask, side: Side): Promise<readonly DoorMove[]> {
  if (!(await isTealThere(ask))) return [];
  const loses = side === 'blue' ? 1 : 0;
  const rows = await ask(
    `select what, accepts, cast(unix_timestamp(at) * 1000000 as unsigned) from (
       select concat('fence of cut ', cut) as what, kind = 'reopened' as accepts, at from teal.cut where epoch % 2 = ?
       union all select concat('decision of cut ', cut), 1, at from teal.owner where owner = ?) moves order by at`,
    [loses, side],
  );
  const moves = rows.map(([what = '', accepts, atUs]) => ({
    side,
    accepts: accepts === '1',
    notBeforeUs: Number(atUs),
    notAfterUs: Number(atUs),
    what,
  }));
  // Blue takes writes before anything else is.
  return side === 'blue'
    ? [{ side, accepts: true, notBeforeUs: 0, notAfterUs: 0, what: 'the beginning' }, ...moves]
    : moves;
}

/** Closed (`read_only`), and a table or a database that an abort has taken away. */
const refusals: ReadonlySet<number> = new Set([1290, 1836, 1146, 1049]);

async function accepts(url: string): Promise<boolean> {
  try {
    return await withMysql(url, async (ask) => {
      await ask('start transaction');
      await ask('insert into side (v) values (0)');
      await ask('rollback');
      return true;
    });
  } catch (error) {
    if (refusals.has(numberOf(error) ?? 0)) return false;
    throw error;
  }
}

async function leftovers(ask: Ask, side: Side, isClosed: boolean): Promise<readonly Leftover[]> {
  const found: Leftover[] = [];
  const [schema] = await ask(`select count(*) from information_schema.schemata where schema_name = 'teal'`);
  if (schema?.[0] !== '0') found.push({ side, kind: 'schema', name: 'teal' });
  for (const name of [lockName('fence'), lockName('install')]) {
    const [holder] = await ask('select is_used_lock(?)', [name]);
    if (holder?.[0] !== '') found.push({ side, kind: 'session', name: `the holder of ${name}` });
  }
  if (isClosed) return found;
  const [closed] = await ask('select @@global.read_only');
  if (closed?.[0] !== '0') found.push({ side, kind: 'fence', name: 'read_only' });
  return [...found, ...(await persisted(ask)).map((name): Leftover => ({ side, kind: 'fence', name }))];
}

/** Of MySQL: what its next start would close again. */
async function persisted(ask: Ask): Promise<readonly string[]> {
  const [version] = await ask('select version()');
  if (/mariadb/i.test(version?.[0] ?? '')) return [];
  const rows = await ask(
    `select variable_name from performance_schema.persisted_variables where variable_name like '%read_only'`,
  );
  return rows.map(([name = '']) => `persisted ${name}`);
}

const outsideSql = `
  select concat('table ', table_schema, '.', table_name), coalesce(engine, '') from information_schema.tables
    where table_schema in ('${database}', 'teal')
  union all select distinct concat('index ', table_schema, '.', table_name, '.', index_name), '' from information_schema.statistics
    where table_schema = '${database}'
  union all select concat('event ', event_schema, '.', event_name), status from information_schema.events
  union all select concat('account ', user, '@', host), '' from mysql.user
  union all select 'read_only', @@global.read_only`;
const decidedSql = `
  select concat('token ', token), concat(kind, ' of ', cut) from teal.cut
  union all select concat('owner of epoch ', epoch), concat(owner, ' by ', cut) from teal.owner
  union all select concat('meta ', name), value from teal.meta`;

async function outside(ask: Ask): Promise<Readonly<Record<string, string>>> {
  const rows = [...(await ask(outsideSql)), ...((await isTealThere(ask)) ? await ask(decidedSql) : [])];
  return Object.fromEntries(rows.map(([name = '', value = '']) => [name, value]));
}

async function openWriter(url: string): Promise<{ commit(): Promise<void> }> {
  const session = await openMysqlSession(url);
  await session.ask('start transaction');
  await session.ask('update ballast set filler = uuid() where id = 1');
  return {
    async commit() {
      try {
        await session.ask('commit');
      } finally {
        await session.end();
      }
    },
  };
}
