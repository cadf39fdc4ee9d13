import { readFile, stat } from 'node:fs/promises';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../../../../test/support/mysql.ts';
import { startMysql } from '../../../../../tools/servers/mysql.ts';
import { compareLoads } from '../../../../model/load.ts';
import { replay, type Replayed } from '../../replay/replay.ts';
import { summarise, type CaptureSummary } from '../../replay/summary.ts';
import { capturePlace, captureTold } from '../../test-support/captures.ts';
import { startAsUsersDo } from '../../test-support/start-as-users-do.ts';
import { mysqlSessions } from '../replay/session.ts';
import { readMysqlTarget } from '../target.ts';
import { direct, proxiedMysql, proxiedMysqlBy, type Servers } from '../test-support/proxied.ts';

const redactKey = 'ab'.repeat(32);
const orders = `create table shop.orders (id int primary key, name varchar(60), at datetime)`;
const rows = `insert into shop.orders values (1, 'order 1', now()), (2, 'order 2', null), (3, 'order 3', null), (7, 'order 7', null)`;

async function tableOf(server: Connection): Promise<readonly RowDataPacket[]> {
  const [found] = await server.query<RowDataPacket[]>('select id, name from shop.orders order by id');
  return found;
}

describe.for(longSeries)('captures of $series', ({ series, tested }) => {
  let servers: Servers;
  let green: Connection;

  beforeAll(async () => {
    if (!tested) return;
    const [blue, other] = await Promise.all([startMysql({ series }), startMysql({ series })]);
    servers = { blue, green: other };
    for (const server of [blue, other]) {
      await using admin = await direct(server);
      await admin.query('create database shop');
      await admin.query(orders);
      await admin.query(rows);
      await admin.query('set global log_bin_trust_function_creators = on');
      await admin.query(`create function shop.writes() returns int begin delete from shop.orders; return 1; end`);
      await admin.query(`create user clerk@'%'`);
      await admin.query(`grant all on shop.* to clerk@'%'`);
    }
    green = await direct(other);
  });
  afterAll(async () => {
    green?.destroy();
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
  });

  async function replayed(
    path: string,
    part: { readonly writes?: boolean; readonly speed?: number } = {},
  ): Promise<{ readonly summary: CaptureSummary; readonly replayed: Replayed }> {
    const summary = await summarise(path);
    const { signal } = new AbortController();
    const open = mysqlSessions(readMysqlTarget('green', `mysql://root@127.0.0.1:${servers.green.port}/`));
    const usual = { speed: 5, connections: 10, writes: false, limitMs: 10_000, signal };
    return { summary, replayed: await replay({ path, summary, open, ...usual, ...part }) };
  }

  test.skipIf(!tested)(
    'what clients of two processes ask is recorded into one file, and asked of green: planted faults are told, and nothing is written there',
    async () => {
      await using at = await proxiedMysqlBy(startAsUsersDo, servers, { processes: 2, clientAuth: 'trust' });
      const before = await at.connect({ user: 'clerk', multipleStatements: true });
      await before.query('use shop');
      await before.query(`set time_zone = '+03:00', @n = 3`);
      await before.execute('select id from orders where name = ?', ['order 1']);
      const loose = await at.connect({ database: 'shop' });
      await loose.query('set autocommit = 0');
      const { path, atMs } = await capturePlace(2);
      await at.router.capture.begin({ path, atMs, forMs: 600_000, limitBytes: 1e8 });
      await expect(at.router.capture.begin({ path, atMs, forMs: 1, limitBytes: 1e8 })).rejects.toMatchObject({
        code: 'TEAL-TRAFFIC-038',
      });
      await captureTold(at, 'those that were there to be recorded', ({ sessions }) => sessions === 2);
      const client = await at.connect({ database: 'shop' });

      for (let times = 0; times < 20; times += 1) {
        await before.execute('select id from orders where name = ?', [`order ${times % 5}`]);
        await client.query('select name from orders where id = 3');
      }
      await before.query('select id from orders where id = @n');
      await client.query('select nothing from orders').catch(() => undefined);
      await client.query('start transaction read write');
      await client.query(`insert into orders values (100, 'new', now())`);
      await client.query('select count(*) from orders');
      await client.query('commit');
      for (const sql of [
        'select id from orders for update',
        'select @n from orders for update',
        'select writes()',
        'create table shop.more (a int)',
        'drop table shop.more',
        'set session transaction read write',
        'set @@session.transaction_read_only = 0',
        `select get_lock('till', 1)`,
      ]) {
        // MariaDB knows one of them by another name.
        await client.query(sql).catch(() => undefined);
      }
      await loose.query('select writes() + 1');
      await loose.query('rollback');
      await before.query('select 1; delete from orders');
      await client.query(`select '${'x'.repeat(70_000)}'`);
      await client.end();
      await at.router.capture.end();

      const tally = await at.router.capture.tally();
      expect(tally).toMatchObject({ running: false, ended: ['asked'], sessions: 3, dropped: 0 });
      expect(tally.leftOut).toEqual({ 'too long': 1 });
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const there = await tableOf(green);
      const equal = await replayed(path);
      expect(equal.summary).toMatchObject({ isWhole: true, sessions: 3, sessionsAtMost: 3, asks: tally.asks });
      expect(equal.replayed).toMatchObject({ sessions: 3, sessionsLost: {}, otherRoles: ['clerk'] });
      expect(equal.replayed.skipped).toMatchObject({
        'a write': 5,
        'locks rows': 2,
        'several statements': 1,
        'locks or waits': 1,
      });
      const of = (text: string) => equal.replayed.statements.find(({ statement }) => statement === text);
      expect(of('select nothing from orders')?.errors).toEqual({ '1054': 1 });
      expect(of('select id from orders where id = @n')).toMatchObject({ count: 1, errors: {} });
      expect(of('select id from orders where name = ?')).toMatchObject({ count: 20, errors: {} });
      // The transaction refuses what a function would write.
      expect(of('select writes()')?.errors).toEqual({ '1792': 1 });
      expect(of('select writes() + ?')?.errors).toEqual({ '1792': 1 });
      const faults = compareLoads(equal.summary.statements, equal.replayed.statements, 2, new Set(['1792']));
      expect(faults.flatMap((it) => Object.keys(it.newErrors))).toEqual([]);
      expect(await tableOf(green)).toEqual(there);

      await green.query('rename table shop.orders to shop.hidden');
      await green.query('create view shop.orders as select id, name, at from shop.hidden where sleep(0.05) = 0');
      try {
        const slow = await replayed(path, { speed: 1 });
        const compared = compareLoads(slow.summary.statements, slow.replayed.statements, 2);
        expect(
          compared
            .filter(({ slower }) => slower)
            .map(({ statement }) => statement)
            .toSorted(),
        ).toEqual(['select id from orders where name = ?', 'select name from orders where id = ?']);
      } finally {
        await green.query('drop view shop.orders');
        await green.query('rename table shop.hidden to shop.orders');
      }
    },
  );

  test.skipIf(!tested)(
    'a capture ends at its size, records no value where it is redacted, and on a copy that nobody follows also writes are asked',
    async () => {
      await using at = await proxiedMysql(servers);
      const client = await at.connect({ database: 'shop' });
      const small = await capturePlace(2);
      await at.router.capture.begin({ ...small, forMs: 600_000, limitBytes: 4_000 });
      await captureTold(at, 'the one that was there', ({ sessions }) => sessions === 1);
      for (let times = 0; times < 100; times += 1) await client.query('select 1');
      expect(await captureTold(at, 'its size to be reached', ({ running }) => !running)).toMatchObject({
        ended: ['size'],
      });
      await at.router.capture.end();
      expect(await summarise(small.path)).toMatchObject({ isWhole: true });

      await client.query(`set @secret = 'Lovelace'`);
      await client.query(`prepare kept from 'select ''Lovelace'''`);
      const secret = await capturePlace(2);
      await at.router.capture.begin({ ...secret, forMs: 600_000, limitBytes: 1e6, redactKey });
      await captureTold(at, 'the one that was there', ({ sessions }) => sessions === 1);
      await client.query('select @secret');
      const other = await at.connect({ database: 'shop', user: 'root' });
      await other.execute('select id from orders where name = ? and id < ? and at < ?', [
        'Ada Lovelace',
        4711,
        new Date('1815-12-10T01:02:03Z'),
      ]);
      await other.query(`select id from orders where name = "Ada Lovelace" /* Ada */ and hex(name) <> x'416461'`);
      await other.query(`set sql_mode = 'NO_BACKSLASH_ESCAPES'`);
      await other.query(`select 'Ada\\', id from orders`);
      await at.router.capture.end();
      const text = await readFile(secret.path, 'utf8');
      expect(text).not.toMatch(/Ada|Lovelace|4711|416461|1815/i);
      expect(text).toContain('select id from orders where name = ? and id < ?');
      expect((await replayed(secret.path)).replayed).toMatchObject({ sessionsLost: {} });

      const whole = await capturePlace(2);
      await at.router.capture.begin({ ...whole, forMs: 600_000, limitBytes: 1e6 });
      const writer = await at.connect({ database: 'shop', user: 'root' });
      await writer.execute('update orders set name = ?, at = ? where id = ?', ['Ada', new Date(), 7]);
      await writer.query('delete from orders where id = 1');
      await at.router.capture.end();
      const { replayed: all } = await replayed(whole.path, { writes: true });
      expect(all).toMatchObject({ skipped: {}, sessionsLost: {} });
      expect(await tableOf(green)).toMatchObject([{ id: 2 }, { id: 3 }, { id: 7, name: 'Ada' }]);
    },
  );
});
