import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../../../../test/support/mysql.ts';
import { startMysql } from '../../../../../tools/servers/mysql.ts';
import { monotonicMs, waitFor } from '../../../../kernel/clock.ts';
import type { ShadowTally } from '../../../../ports/shadow.ts';
import { direct, proxiedMysql, type ProxiedMysql, type Servers } from '../test-support/proxied.ts';

const soon = { timeoutMs: 60_000 };
const behindAll = '0000000099.000000000004';

/** The tally, once it looks as it should. */
async function told(at: ProxiedMysql, what: string, look: (tally: ShadowTally) => boolean): Promise<ShadowTally> {
  let last: ShadowTally | undefined;
  try {
    return await waitFor({ what, ...soon }, async () => {
      last = await at.router.shadow.tally();
      return look(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`not told: ${what}: ${JSON.stringify(last)}`, { cause: error });
  }
}

const of = (tally: ShadowTally, text: string): ShadowTally['statements'][number] | undefined =>
  tally.statements.find(({ statement }) => statement.includes(text));

describe.for(longSeries)('shadow reads of $series', ({ series, tested }) => {
  let servers: Servers;
  let green: Connection;

  beforeAll(async () => {
    if (!tested) return;
    const [one, other] = await Promise.all([startMysql({ series }), startMysql({ series })]);
    servers = { blue: one, green: other };
    for (const server of [one, other]) {
      await using admin = await direct(server);
      await admin.query('create database shop');
      await admin.query('create database teal');
      await admin.query('create table shop.orders (id int primary key, name varchar(50), total decimal(10,2))');
      await admin.query(`insert into shop.orders values (1, 'a', 1.5), (2, 'b', 2.5), (3, 'c', null)`);
      await admin.query('set global log_bin_trust_function_creators = on');
      await admin.query('create function shop.f() returns int return 1');
      await admin.query('create table teal.stream (name varchar(100) primary key, position text)');
      await admin.query('insert into teal.stream values (?, ?)', ['teal_test_fwd', behindAll]);
    }
    green = await direct(other);
  });
  afterAll(async () => {
    green?.destroy();
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
  });

  const applied = async (position: string): Promise<void> => {
    await green.query('update teal.stream set position = ?', [position]);
  };

  test.skipIf(!tested)(
    'equal ones, planted differences, volatile ones and rows that are late are told apart',
    async () => {
      await using at = await proxiedMysql(servers);
      const before = await at.connect({ database: 'shop' });
      // It has settings of its own from before: they are asked for, once.
      await before.query(`set time_zone = '+09:00'`);
      await expect(at.router.shadow.begin({ reads: 1, writes: 1 })).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-090' });
      await at.router.shadow.begin({ reads: 1, writes: 0 });
      await told(at, 'the session to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
      const client = await at.connect({ database: 'shop' });
      await told(at, 'the new session to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);

      await before.query('select from_unixtime(id) from orders where id = 1');
      await client.query('select * from orders order by id');
      await client.query('select name from orders where id = 2;');
      await client.execute('select total, name from orders where id = ?', [1]);
      await client.execute('select total, name from orders where id = ?', [3]);
      await client.query('select nothing from orders').catch(() => undefined);
      await client.beginTransaction();
      await client.query('select count(*) from orders');
      await client.commit();
      const equal = await told(at, 'seven equal reads', (tally) => tally.compared >= 7);
      expect(equal).toMatchObject({ compared: 7, equal: 7, real: 0 });

      await client.query(`insert into orders values (100, 'late', null)`);
      for (const sql of [
        'select now()',
        'select rand()',
        'select @x',
        'select id from orders for update',
        'select f()',
      ]) {
        await client.query(sql);
      }
      const left = await told(
        at,
        'what writes to be left out',
        ({ skipped }) => skipped['calls a volatile function'] === 3,
      );
      expect(left.skipped).toMatchObject({ 'depends on its session': 1, 'locks rows': 1, 'no read': 3 });
      expect(left.compared).toBe(7);

      // The function may have changed the session: it is asked for its state.
      await told(at, 'the session to be watched again', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
      // Late: blue has the row, green has not come so far yet.
      await applied('0000000000.000000000000');
      await client.query('select name from orders where id > 99');
      await told(at, 'green to have answered without it', (tally) => of(tally, 'id > ?') !== undefined);
      expect(await at.router.shadow.tally()).toMatchObject({ compared: 7, real: 0 });
      await green.query(`insert into shop.orders values (100, 'late', null)`);
      await applied(behindAll);
      expect(await told(at, 'the late row', ({ lag }) => lag === 1)).toMatchObject({ real: 0, lag: 1 });

      await green.query(`update shop.orders set name = 'wrong' where id = 2`);
      await client.query(`select id, name from orders where name <> 'secret' and id = 2`);
      const found = await told(at, 'a real difference', ({ real }) => real === 1);
      expect(of(found, 'where name <> ? and id = ?')).toMatchObject({
        example: { kind: 'rows', blue: '1 row', green: '1 of them differ, in name' },
      });
      expect(JSON.stringify(found)).not.toMatch(/secret|wrong/);
      expect(at.said.filter((line) => /gave no answer|not understood/.test(line))).toEqual([]);
      await green.query(`update shop.orders set name = 'b' where id = 2`);

      // What is a literal cannot be told there, so nothing of it may be kept.
      await before.query(`set sql_mode = 'NO_BACKSLASH_ESCAPES'`);
      await told(at, 'the session to be watched once more', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
      await before.query(`select 'x\\', name from orders where name <> ' secret '`);
      const unread = await told(at, 'it to be left out', ({ skipped }) => skipped['not understood'] === 1);
      expect(JSON.stringify(unread)).not.toContain('secret');
      await at.router.shadow.end();
    },
  );

  test.skipIf(!tested)('clients of a green that stands still get every answer as fast as before', async () => {
    await using at = await proxiedMysql(servers);
    const client = await at.connect({ database: 'shop' });
    const askOften = async (): Promise<number> => {
      const took: number[] = [];
      for (let round = 0; round < 400; round += 1) {
        const fromMs = monotonicMs();
        await client.query('select count(*) as n from orders');
        took.push(monotonicMs() - fromMs);
      }
      return took.toSorted((a, b) => a - b)[200] ?? Infinity;
    };
    await askOften();
    const aloneMs = await askOften();
    await at.router.shadow.begin({ reads: 1, writes: 0 });
    await told(at, 'the session to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
    await client.query('select 1');
    await told(at, 'one read', ({ compared }) => compared === 1);
    const pid = servers.green.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await askOften()).toBeLessThan(3 * aloneMs + 10);
      expect((await told(at, 'reads to be shed', ({ shed }) => shed > 0)).compared).toBe(1);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(await told(at, 'green to be asked again', ({ compared }) => compared > 1)).toMatchObject({ real: 0 });
  });
});
