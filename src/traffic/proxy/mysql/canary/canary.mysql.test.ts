import { readFile } from 'node:fs/promises';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { longSeries } from '../../../../../test/support/mysql.ts';
import { startMysql } from '../../../../../tools/servers/mysql.ts';
import { monotonicMs, sleep, waitFor } from '../../../../kernel/clock.ts';
import type { CanaryTally } from '../../../../ports/canary.ts';
import { lotOf } from '../../canary/lot.ts';
import { direct, proxiedMysql, proxiedMysqlBy, type ProxiedMysql, type Servers } from '../test-support/proxied.ts';
import { startAsUsersDo } from '../../test-support/start-as-users-do.ts';
import type { RunningProxy } from '../../serve.ts';

const soon = { timeoutMs: 60_000 };
const leaseMs = 120_000;
const behindAll = '0000000099.000000000004';
const nowhere = '0000000000.000000000000';
type At = ProxiedMysql<RunningProxy>;

async function all(
  client: Connection,
  sql: string,
  values?: readonly (string | number)[],
): Promise<readonly RowDataPacket[]> {
  const [rows] =
    values === undefined
      ? await client.query<RowDataPacket[]>(sql)
      : await client.execute<RowDataPacket[]>(sql, [...values]);
  return rows;
}

async function sideOf(
  client: Connection,
  sql = 'select name from side order by name',
  values?: readonly (string | number)[],
): Promise<string> {
  return String((await all(client, sql, values))[0]?.['name']);
}

async function readsGreen(client: Connection): Promise<void> {
  await waitFor({ what: 'reads to go to green', ...soon }, async () => (await sideOf(client)) === 'green' || undefined);
}

async function failure(of: Promise<unknown>): Promise<number> {
  return of.then(
    () => 0,
    (error: unknown) => Number(Reflect.get(Object(error), 'errno')),
  );
}

async function told(at: At, what: string, look: (tally: CanaryTally) => boolean): Promise<CanaryTally> {
  let last: CanaryTally | undefined;
  try {
    return await waitFor({ what, ...soon }, async () => {
      last = await at.router.canary.tally();
      return look(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`not told: ${what}: ${JSON.stringify(last)}`, { cause: error });
  }
}

describe.for(longSeries)('a canary of $series', ({ series, tested }) => {
  let servers: Servers;
  let blue: Connection;
  let green: Connection;

  beforeAll(async () => {
    if (!tested) return;
    const [one, other] = await Promise.all([startMysql({ series }), startMysql({ series })]);
    servers = { blue: one, green: other };
    [blue, green] = await Promise.all([direct(one), direct(other)]);
    for (const admin of [blue, green]) {
      await admin.query('create database shop');
      await admin.query('create database teal');
      await admin.query('create table teal.stream (name varchar(100) primary key, position text)');
      await admin.query('set global log_bin_trust_function_creators = on');
    }
  });
  /** The same tables; one row tells which side it is read from. */
  beforeEach(async () => {
    if (!tested) return;
    for (const [name, admin] of [
      ['blue', blue],
      ['green', green],
    ] as const) {
      await admin.query('drop database shop');
      await admin.query('create database shop');
      await admin.query("create table shop.side (name varchar(20), at timestamp default '2026-01-01 00:00:00')");
      await admin.query('insert into shop.side (name) values (?)', [name]);
      await admin.query('create table shop.numbers (n int)');
      await admin.query(
        'create function shop.numbered() returns int begin insert into numbers values (1); return 1; end',
      );
      await admin.query('create view shop.numbering as select shop.numbered() as n');
    }
    await applied(behindAll);
  });
  afterAll(async () => {
    blue?.destroy();
    green?.destroy();
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
  });

  const applied = async (position: string): Promise<void> => {
    await green.query('replace into teal.stream values (?, ?)', ['teal_test_fwd', position]);
  };

  test.skipIf(!tested)(
    'reads go to green with the whole state of their session; writes, transactions and what only seems to read go to blue',
    async () => {
      await using at = await proxiedMysql(servers);
      const client = await at.connect({ database: 'shop' });
      await client.query("set time_zone = '+09:00'");
      await at.router.canary.set(1, leaseMs);
      await readsGreen(client);
      expect(await all(client, 'select cast(at as char) as t, name from side where at < now()')).toEqual([
        { t: expect.stringMatching(/^20/), name: 'green' },
      ]);
      const by = 'select name from side where name <> ?';
      for (const value of ['x', 'blue']) expect(await sideOf(client, by, [value])).toBe('green');
      client.unprepare(by);
      expect(await sideOf(client, by, ['x'])).toBe('green');

      await client.beginTransaction();
      expect(await sideOf(client)).toBe('blue');
      expect(await sideOf(client, by, ['x'])).toBe('blue');
      await client.commit();
      await readsGreen(client);
      // What it bound before on green, blue is told now.
      expect(await sideOf(client, by, ['y'])).toBe('green');
      await client.query('set autocommit = 0');
      expect(await sideOf(client)).toBe('blue');
      expect(await sideOf(client, by, ['y'])).toBe('blue');
      await client.query('set autocommit = 1');

      await readsGreen(client);
      expect(await all(client, 'select n from numbering')).toEqual([{ n: 1 }]);
      await readsGreen(client);
      expect(await all(client, 'select n from numbering')).toEqual([{ n: 1 }]);
      expect(await all(green, 'select n from shop.numbers')).toEqual([]);

      // Another state of the session: blue's until green has it too.
      await client.query("set time_zone = '+00:00'");
      await readsGreen(client);
      expect(await all(client, "select hour(at) as h from side where name = 'green'")).toEqual(
        await all(green, "select hour(at) as h from shop.side where name = 'green'"),
      );
      await client.query('create temporary table side (name int)');
      await client.query('insert into side values (1)');
      expect(await sideOf(client)).toBe('1');
      await client.query('drop temporary table side');
      await readsGreen(client);
      await client.query('use teal');
      await client.query('use shop');
      await readsGreen(client);

      const found = await at.router.canary.tally();
      expect(found).toMatchObject({ share: 1, errors: 0, unanswered: 0 });
      await at.router.canary.end();
      expect(await sideOf(client)).toBe('blue');
      expect(await at.router.canary.tally()).toMatchObject({ share: 0, reads: found.reads });
    },
  );

  test.skipIf(!tested)('what the read before has left behind is there, whoever answered it', async () => {
    await using at = await proxiedMysql(servers);
    const client = await at.connect({ database: 'shop' });
    await blue.query("insert into shop.side (name) values ('x'), ('y')");
    await green.query("insert into shop.side (name) values ('x'), ('y')");
    await at.router.canary.set(1, leaseMs);
    await readsGreen(client);
    expect(await all(client, 'select found_rows() as n')).toEqual([{ n: 3 }]);
    await readsGreen(client);
    expect(await sideOf(client, 'select name from side where name < ? limit 2', ['x'])).toBe('green');
    expect(await all(client, 'select found_rows() as n')).toEqual([{ n: 1 }]);
    await readsGreen(client);
    expect(await all(client, "select 'x' + 1 as n from side limit 1")).toEqual([{ n: 1 }]);
    expect(await all(client, 'show warnings')).toMatchObject([{ Code: 1292 }]);
    expect((await at.router.canary.tally()).statements.map(({ statement }) => statement)).toContain(
      'select ? + ? as n from side limit ?',
    );
    await readsGreen(client);
    expect(await sideOf(client, 'select sql_calc_found_rows name from side order by name limit 1')).toBe('blue');
    expect(await all(client, 'select found_rows() as n')).toEqual([{ n: 3 }]);
  });

  test.skipIf(!tested)(
    'where a connection attribute decides, all sessions that gave one value are in a share or none is',
    async () => {
      await using at = await proxiedMysql(servers);
      const by = 'app.tenant';
      const lot = (tenant: string): number =>
        lotOf({ key: { pid: 0, secret: Buffer.alloc(4) }, parameters: new Map([[by, tenant]]) }, by);
      const tenants = Array.from({ length: 20 }, (_, tenant) => String(tenant));
      const [inside, outside] = [tenants.find((each) => lot(each) < 0.5), tenants.find((each) => lot(each) >= 0.5)];
      const of = async (tenant = ''): Promise<Connection> =>
        at.connect({ database: 'shop', connectAttributes: { [by]: tenant } });
      const [theirs, others] = [
        [await of(inside), await of(inside)],
        [await of(outside), await of(outside)],
      ];
      await at.router.canary.set(0.5, leaseMs, by);
      for (const client of theirs) await readsGreen(client);
      expect(await at.router.canary.tally()).toMatchObject({ share: 0.5, sessions: 2, waiting: 0 });
      for (const client of others) expect(await sideOf(client)).toBe('blue');
    },
  );

  test.skipIf(!tested)(
    'a session reads on green only what it has written itself before, and one that only reads need not wait',
    async () => {
      await using at = await proxiedMysql(servers);
      const [client, other] = [await at.connect({ database: 'shop' }), await at.connect({ database: 'shop' })];
      await at.router.canary.set(1, leaseMs);
      await readsGreen(client);
      await readsGreen(other);
      await at.router.canary.set(0.000_001, leaseMs);
      await applied(nowhere);
      await client.query("insert into side (name) values ('written')");
      await other.query('start transaction read only');
      expect(await sideOf(other)).toBe('blue');
      await other.query('commit');
      expect(await sideOf(other)).toBe('blue');
      await at.router.canary.set(1, leaseMs);
      for (let read = 0; read < 20; read += 1) {
        expect(await all(client, 'select name from side order by name')).toEqual([
          { name: 'blue' },
          { name: 'written' },
        ]);
      }
      expect((await at.router.canary.tally()).behind).toBeGreaterThanOrEqual(20);
      expect(await sideOf(other)).toBe('green');
      await green.query("insert into shop.side (name) values ('written')");
      await applied(behindAll);
      await waitFor({ what: 'reads to go to green', ...soon }, async () => {
        const rows = await all(client, 'select name from side order by name');
        expect(rows).toHaveLength(2);
        return rows[0]?.['name'] === 'green' || undefined;
      });
    },
  );

  test.skipIf(!tested)(
    'what green refuses blue answers, and it counts only where blue does not refuse it too; a read on green can be ended',
    async () => {
      await using at = await proxiedMysql(servers);
      const client = await at.connect({ database: 'shop' });
      await blue.query("create table shop.only_on_blue as select 'blue' as name");
      await at.router.canary.set(1, leaseMs);
      await readsGreen(client);
      expect(await sideOf(client, 'select name from only_on_blue')).toBe('blue');
      await readsGreen(client);
      expect(await sideOf(client, 'select name from only_on_blue where name <> ?', ['x'])).toBe('blue');
      await readsGreen(client);
      expect(await failure(client.query('select nothing from side'))).toBe(1054);
      await readsGreen(client);
      expect(await at.router.canary.tally()).toMatchObject({
        errors: 2,
        statements: expect.arrayContaining([
          expect.objectContaining({ statement: 'select name from only_on_blue', errors: 1, lastError: '1146' }),
        ]),
      });
      const many = Array.from(
        { length: 8 },
        (_, at_) =>
          `(select 1 as n union all select 2 union all select 3 union all select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all select 9) t${at_}`,
      );
      const slow = failure(
        client.query(
          `select count(*), sum(sqrt(t0.n * t7.n)) from ${many.join(' cross join ')} where t1.n + t2.n * t3.n <> rand(t4.n)`.replace(
            ' <> rand(t4.n)',
            ' <> t4.n',
          ),
        ),
      );
      const running =
        "select id from information_schema.processlist where info like 'select count(*), sum(sqrt%' and db = 'shop'";
      await waitFor({ what: 'the read to run on green', ...soon }, async () => (await all(green, running))[0]);
      const other = await at.connect();
      await other.query(`kill query ${client.threadId}`);
      expect(await slow).toBe(1317);
      await readsGreen(client);
      // Longer than what is kept back: it is passed on as it comes.
      const rows = await all(
        client,
        "select repeat('x', 1000) as x, name from side, information_schema.collations limit 100".replace(
          'information_schema.collations',
          `${many[0]} cross join ${many[1]} cross join ${many[2]}`,
        ),
      );
      expect([rows.length, rows[99]?.['name']]).toEqual([100, 'green']);
      expect(await sideOf(client)).toBe('green');
    },
  );

  test.skipIf(!tested)(
    "a transaction that only reads is green's as a whole, until there is something in it that green cannot do",
    async () => {
      await using at = await proxiedMysql(servers);
      const client = await at.connect({ database: 'shop' });
      await blue.query("create table shop.only_on_blue as select 'blue' as name");
      await at.router.canary.set(1, leaseMs);
      await readsGreen(client);
      // One that sees a moment for as long as it lasts cannot go on elsewhere.
      await client.query('start transaction read only');
      expect(await sideOf(client)).toBe('blue');
      await client.query('commit');
      await client.query('set session transaction isolation level read committed');
      const by = 'select name from side where name <> ?';
      await sideOf(client, by, ['x']);
      const begin = async (): Promise<void> => {
        await waitFor({ what: 'a transaction to go to green', ...soon }, async () => {
          await client.query('start transaction read only');
          if ((await sideOf(client)) === 'green') return true;
          await client.query('rollback');
          return undefined;
        });
      };
      await begin();
      expect(await sideOf(client, by, ['x'])).toBe('green');
      expect(await sideOf(client, 'select name from side where ? = 1', [1])).toBe('green');
      expect(await at.router.read()).toMatchObject({ inFlight: 1 });
      await client.query('commit');
      expect(await at.router.read()).toMatchObject({ inFlight: 0 });

      for (const [sql, answer] of [
        ['select name from only_on_blue', 0],
        ["insert into side (name) values ('never')", 1792],
        ['savepoint s', 0],
      ] as const) {
        await begin();
        expect(await failure(client.query(sql))).toBe(answer);
        expect(await sideOf(client)).toBe('blue');
        expect(await failure(client.query("insert into side (name) values ('never')"))).toBe(1792);
        await client.query('rollback');
      }
      // Longer than what is looked at whole.
      await begin();
      expect(await sideOf(client, `select name from side where name <> '${'x'.repeat(100_000)}'`)).toBe('blue');
      await client.query('rollback');
      expect((await at.router.canary.tally()).errors).toBe(1);

      // A cut waits for it, and it goes on to its end.
      await begin();
      const cut = at.cut('green', 1);
      await waitFor(
        { what: 'the hold', ...soon },
        async () => (await at.router.read()).mode === 'holding' || undefined,
      );
      expect(await sideOf(client)).toBe('green');
      await client.query('savepoint s');
      await client.query('rollback');
      await cut;
      expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'green' });
      await client.query("insert into side (name) values ('zz')");
    },
  );

  test.skipIf(!tested)(
    'clients of a green that stands still, or ends their connections, have every answer',
    async () => {
      await using at = await proxiedMysql(servers);
      const clients = [await at.connect({ database: 'shop' }), await at.connect({ database: 'shop' })] as const;
      await at.router.canary.set(1, leaseMs);
      for (const client of clients) await readsGreen(client);
      for (let read = 0; read < 40; read += 1) await sideOf(clients[0]);
      for (const { id } of await all(green, "select id from information_schema.processlist where db = 'shop'"))
        await green.query(`kill ${String(id)}`);
      for (const client of clients) expect(await sideOf(client)).toMatch(/blue|green/);
      for (const client of clients) await readsGreen(client);

      const pid = servers.green.pid ?? 0;
      process.kill(pid, 'SIGSTOP');
      try {
        await waitFor({ what: 'green to stand still', ...soon }, async () =>
          (await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') T ') ? true : undefined,
        );
        // One each is left to blue when its time is over; then blue is asked at once.
        for (let round = 0; round < 20; round += 1)
          expect(await Promise.all(clients.map(async (client) => sideOf(client)))).toEqual(['blue', 'blue']);
        expect((await at.router.canary.tally()).unanswered).toBeGreaterThanOrEqual(2);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      for (const client of clients) await readsGreen(client);
    },
  );

  test.skipIf(!tested)('a session that is busy on green is not ended by blue for being idle there', async () => {
    await using at = await proxiedMysql(servers);
    const client = await at.connect({ database: 'shop' });
    await client.query('set session wait_timeout = 3');
    await at.router.canary.set(1, leaseMs);
    await readsGreen(client);
    const fromMs = monotonicMs();
    while (monotonicMs() - fromMs < 4_000) {
      expect(await sideOf(client)).toBe('green');
      await sleep(100);
    }
    await client.query("insert into side (name) values ('zz')");
  });

  test.skipIf(!tested)(
    'it ends with its lease, and with a cut; of two processes each moves reads of its own clients',
    async () => {
      await using at = await proxiedMysqlBy(startAsUsersDo, servers, { processes: 2 });
      const clients = [await at.connect({ database: 'shop' }), await at.connect({ database: 'shop' })];
      await at.router.canary.set(1, leaseMs);
      for (const client of clients) await readsGreen(client);
      expect(await at.router.canary.tally()).toMatchObject({ share: 1, sessions: 2, waiting: 0 });
      await at.router.canary.set(1, 500);
      await told(at, 'the lease to be over', ({ share }) => share === 0);
      // The least share is told: the other process may be a moment behind.
      for (const client of clients) {
        await waitFor(
          { what: 'reads to go to blue', ...soon },
          async () => (await sideOf(client)) === 'blue' || undefined,
        );
      }
      await at.router.canary.set(1, leaseMs);
      for (const client of clients) await readsGreen(client);
      await at.cut('green', 1);
      await told(at, 'the cut to have ended it', ({ share }) => share === 0);
      for (const client of clients) {
        await client.query("insert into side (name) values ('zz')");
        expect(await sideOf(client, 'select max(name) as name from side')).toBe('zz');
      }
    },
  );
});
