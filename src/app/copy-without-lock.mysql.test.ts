import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { longSeries } from '../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { must } from '../kernel/assert.ts';
import { isTealError } from '../kernel/errors.ts';
import { actingKeysOf, linkedTables } from '../model/acting-keys.ts';
import type { MysqlTable } from '../model/mysql-catalog.ts';
import { copyInEpochs } from '../sync/epochs.ts';
import { mysqlCopyTarget } from '../systems/mysql/copy-target.ts';
import { mysqlSide } from '../systems/mysql/digest/side.ts';
import { connect } from '../systems/mysql/connection.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import { mysqlSnapshotKeeper } from '../systems/mysql/snapshot.ts';
import type { TakenSnapshot } from '../systems/mysql/snapshot-sessions.ts';
import { beginInWindow } from '../systems/mysql/snapshot-window.ts';
import { familyPolicy } from '../systems/mysql/values/policy.ts';
import { columnWriter } from '../systems/mysql/values/to-sql.ts';
import { verifySamePosition } from '../verify/same-position.ts';
import { mysqlEnd, patienceMs, unlikePair, type End } from './test-support/mysql-carrier-pair.ts';

const signal = new AbortController().signal;
const accounts = 400;

const tables = [
  `create table shop.account (id int primary key, balance bigint not null, note varchar(400), place int unique,
     twice bigint as (balance * 2) virtual, thrice bigint as (balance * 3) stored)`,
  'create table shop.word (k varchar(20) primary key, n int)',
  'create table shop.parent (id int primary key)',
  'create table shop.child (id int primary key, parent int, foreign key (parent) references parent (id) on delete cascade)',
  'create table shop.bare (v int)',
];

async function fill(end: End): Promise<void> {
  const rows = Array.from({ length: accounts }, (_, id) => `(${id * 10}, 1000, repeat('x', 300), ${id})`);
  await end.query(`insert into shop.account (id, balance, note, place) values ${rows.join(', ')}`);
  await end.query(`insert into shop.word values ('a', 0), ('b', 0), ('c', 0)`);
  await end.query('insert into shop.parent values (1), (2), (3)');
  await end.query('insert into shop.child values (1, 1), (2, 2), (3, null)');
  await end.query('insert into shop.bare values (1), (1)');
}

/** Transfers, keys that move, rows that go and come again, and texts that stay one key; never at rest. Answers how often. */
async function write(end: End, writer: number, stop: AbortSignal): Promise<number> {
  await using client = await end.client();
  let n = 0;
  const once = async (): Promise<void> => {
    const own = (at: number): number => (((n * at) % (accounts / 4)) * 4 + writer) * 10;
    await client.query('begin');
    await client.query(`update shop.account set balance = balance - ${n} where id = ${own(7)}`);
    await client.query(`update shop.account set balance = balance + ${n}, note = null where id = ${own(3)}`);
    await client.query('commit');
    // Over the ends of ranges, and back.
    const away = own(11) + 5 - (n % 2) * 4_000;
    await client.query(`update shop.account set id = ${away} where id = ${own(11)}`);
    await client.query(`update shop.account set id = ${own(11)} where id = ${away}`);
    await client.query(`delete from shop.account where id = ${100_000 + writer}`);
    const place = 1_000 + writer * 4 + (n % 4);
    await client.query(`insert into shop.account (id, balance, place) values (${100_000 + writer}, ${n}, ${place})`);
    if (writer === 0)
      await client.query(`update shop.word set k = '${n % 2 === 0 ? 'A' : 'a'}', n = ${n} where k = 'a'`);
    if (writer === 1) await client.query(`insert into shop.parent values (${10 + n})`);
  };
  for (; !stop.aborted; n += 1) {
    try {
      await once();
    } catch (error) {
      // Two of them waited for each other. What was not committed is gone, and the next round makes all of it good.
      if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
      await client.query('rollback');
    }
  }
  return n;
}

describe.for(longSeries)('where the account may not lock, with $series', ({ series, tested }) => {
  let first: MysqlServer;
  let second: MysqlServer;
  beforeAll(async () => {
    if (!tested) return;
    first = await startMysql({ series });
    second = await startMysql({ series, settings: { 'server-id': '2' } });
  });
  afterAll(async () => {
    await first?.[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
  });

  /** An account with what following needs, and without RELOAD. */
  async function limited(end: End): Promise<string> {
    const [may, name] = [
      first.flavour === 'mariadb' ? 'binlog monitor, replication slave' : 'replication client, replication slave',
      `'limited'@'%'`,
    ];
    await end.query(`drop user if exists ${name}`);
    await end.query(`create user ${name} identified by 'pass'`);
    await end.query(`grant ${may} on *.* to ${name}`);
    await end.query(`grant select on shop.* to ${name}`);
    await end.query(`grant select, insert, update on teal.* to ${name}`);
    return `mysql://limited:pass@127.0.0.1:${first.port}/shop`;
  }

  async function catalogOf(end: End): Promise<readonly MysqlTable[]> {
    await using session = await connect({ url: end.url, applicationName: 'teal test' });
    return (await readCatalog(session, 'shop')).tables;
  }

  test.skipIf(!tested)(
    'a copy and a comparison are exact, while others write all the time',
    { timeout: 3 * patienceMs },
    async () => {
      await using pair = await unlikePair(
        await mysqlEnd(first, 'blue', tables),
        await mysqlEnd(second, 'green', tables),
      );
      const { blue, green } = pair.ends;
      await fill(blue);
      await blue.query('analyze table shop.account');
      const url = await limited(blue);
      const moved = await catalogOf(blue);
      const window = { side: 'blue', tables: moved, policy: familyPolicy } as const;
      const taken: TakenSnapshot[] = [];
      await using keeper = mysqlSnapshotKeeper({
        url,
        tables: moved,
        sessions: 3,
        policy: familyPolicy,
        window,
        stretchBytes: 16_384,
        attemptsWithoutLock: 0,
        onTaken: (each) => taken.push(each),
      });
      const stop = new AbortController();
      const writing = Promise.all([0, 1, 2, 3].map(async (writer) => write(blue, writer, stop.signal)));
      // It is awaited below.
      writing.catch(() => undefined);
      try {
        const target = mysqlCopyTarget({ url: green.url, literals: columnWriter });
        const linked = linkedTables(actingKeysOf(moved));
        await copyInEpochs({ keeper, target, tables: moved, linked, workers: 3, minRangeBytes: 1, signal });
        await keeper.letGo(signal);
        expect(taken.map(({ how, blockedMs }) => [how, blockedMs])).toEqual([['window', 0]]);
        const ranges = await target.done(moved);
        expect(ranges.filter(({ table }) => table.name === 'account').length).toBeGreaterThan(3);
        await pair.carrier.deploy('forward');
        const side = (name: 'blue' | 'green') =>
          mysqlSide({
            side: name,
            url: name === 'blue' ? url : green.url,
            readCatalog: async (session) => readCatalog(session, 'shop'),
            policy: familyPolicy,
            ...(name === 'blue' ? { tables: moved, attemptsWithoutLock: 0 } : {}),
          });
        for (let n = 0; n < 2; n += 1) {
          const { certificate } = await verifySamePosition({
            migration: pair.migration,
            flow: 'forward',
            live: side('blue'),
            other: side('green'),
            tables: moved,
            stopAt: async (position, leaseMs, until) => pair.carrier.stopAt('forward', position, leaseMs, until),
            resume: async () => pair.carrier.resume('forward'),
            signal,
          });
          expect(certificate.result, JSON.stringify(certificate.tables)).toBe('equal');
          expect(certificate.tables.find(({ name }) => name === 'account')?.rows?.blue).not.toBe('0');
        }
      } finally {
        stop.abort();
        await writing.catch(() => undefined);
      }
      expect(Math.min(...(await writing))).toBeGreaterThan(20);
      await pair.caughtUp('forward');
      const contents = 'select * from shop.account order by id';
      expect(await green.query(contents)).toEqual(await blue.query(contents));
    },
  );

  test.skipIf(!tested)(
    'what the log does not tell whole is begun again, and at last refused',
    { timeout: patienceMs },
    async () => {
      await using end = await mysqlEnd(first, 'blue', tables);
      await fill(end);
      const url = await limited(end);
      const moved = await catalogOf(end);
      const take = async (names: readonly string[]): Promise<TakenSnapshot['how'] | readonly unknown[]> => {
        const some = moved.filter(({ name }) => names.includes(name));
        const hows: TakenSnapshot['how'][] = [];
        await using keeper = mysqlSnapshotKeeper({
          url,
          tables: some,
          sessions: 2,
          window: { side: 'blue', tables: some },
          attemptsWithoutLock: 0,
          onTaken: ({ how }) => void hows.push(how),
        });
        try {
          await keeper.take(2, signal);
          return must(hows[0], 'a snapshot');
        } catch (error) {
          return isTealError(error) ? [error.code, error.facts['table']] : [String(error)];
        }
      };
      expect(await take(['account', 'word'])).toBe('window');
      {
        await using looker = await connect({ url, applicationName: 'teal test' });
        await using session = await connect({ url, applicationName: 'teal test' });
        const begin = session.query.bind(session);
        vi.spyOn(session, 'query').mockImplementation(async (sql) => {
          // Between the two ends of each window.
          await end.query('update shop.bare set v = v + 1');
          return begin(sql);
        });
        const window = { side: 'blue', tables: moved } as const;
        await expect(beginInWindow(url, window, looker, [session], signal)).rejects.toMatchObject({
          code: 'TEAL-SYSTEMS-671',
          facts: { table: 'shop.bare' },
        });
      }
      if (first.flavour === 'mysql') {
        await end.query('set global binlog_order_commits = off');
        expect(await take(['account'])).toEqual(['TEAL-SYSTEMS-670', undefined]);
        await end.query('set global binlog_order_commits = on');
      }
    },
  );
});
