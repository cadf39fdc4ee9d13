import { createConnection, type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../../../../test/support/mysql.ts';
import { startMysql } from '../../../../../tools/servers/mysql.ts';
import { monotonicMs, waitFor } from '../../../../kernel/clock.ts';
import type { ShadowTally } from '../../../../ports/shadow.ts';
import type { MysqlCredential } from '../connector.ts';
import { MysqlDesk } from '../desk.ts';
import { readMysqlTarget } from '../target.ts';
import { direct, proxiedMysql, type ProxiedMysql, type Servers } from '../test-support/proxied.ts';
import { dropScratchAccount, makeScratchAccount } from './scratch.ts';

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

describe.for(longSeries)('shadow reads and writes of $series', ({ series, tested }) => {
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

  test.skipIf(!tested)(
    'writes are tried in a copy on the closed server of green: what it refuses is found, and nothing of it comes to green',
    async () => {
      for (const server of [servers.blue, servers.green]) {
        await using admin = await direct(server);
        for (const database of server === servers.green ? ['sale', 'sale_copy'] : ['sale']) {
          await admin.query(`create database ${database}`);
          await admin.query(
            `create table ${database}.orders (id int primary key auto_increment, name varchar(50) not null unique, note text, rate int)`,
          );
          await admin.query(
            `create table ${database}.line (id int primary key auto_increment, order_id int not null, foreign key (order_id) references ${database}.orders (id))`,
          );
          await admin.query(`insert into ${database}.orders (id, name) values (1, 'one'), (2, 'two')`);
        }
      }
      await green.query('alter table sale_copy.orders drop column note, modify rate tinyint');
      await green.query(`insert into sale_copy.orders (id, name) values (900, 'taken')`);
      await green.query(
        'create trigger sale_copy.spill after insert on sale_copy.orders for each row insert into sale.line (order_id) values (1)',
      );
      await green.query('create view sale_copy.lines as select * from sale.line');
      await green.query(
        'create function sale_copy.g() returns int reads sql data return (select count(*) from sale.line)',
      );
      await green.query(
        'create table sale_copy.child (id int primary key, foreign key (id) references sale.orders (id) on delete cascade)',
      );
      await green.query('create database none_copy');
      await green.query('set global read_only = on');
      await using at = await proxiedMysql(servers);
      const { shadow } = at.router;
      const begin = async (scratch: string): Promise<void> => shadow.begin({ reads: 0, writes: 1, scratch });
      await expect(begin('sale')).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-140' });
      await expect(begin('nowhere')).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-140' });
      const leading = await begin('sale_copy').catch((error: unknown) => error);
      expect(leading).toMatchObject({ code: 'TEAL-TRAFFIC-141' });
      for (const what of ['trigger spill', 'view lines', 'function g', 'foreign key child_ibfk_1']) {
        expect(String(leading)).toContain(`${what} `);
      }
      for (const what of ['trigger', 'view', 'function', 'table']) {
        const name = { trigger: 'spill', view: 'lines', function: 'g', table: 'child' }[what];
        await green.query(`drop ${what} sale_copy.${name}`);
      }
      await expect(begin('none_copy')).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-142' });
      const endOfLog = async (): Promise<unknown> => (await green.query('show master status'))[0];
      const before = await endOfLog();
      await begin('sale_copy');

      const client = await at.connect({ database: 'sale' });
      await told(at, 'the session to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
      await client.query(`insert into orders (name) values ('three'), ('four')`);
      await client.execute('update orders set name = ? where id = ?', ['TWO', 2]);
      await client.beginTransaction();
      await client.query(`insert into orders (name) values ('five')`);
      await client.query('select count(*) from orders');
      await client.query('insert into line (order_id) values (last_insert_id())');
      await client.execute('insert into line (order_id) values (?)', [5]);
      await client.commit();
      await client.beginTransaction();
      await client.query(`insert into orders (name) values ('never')`);
      await client.rollback();
      await client.query('set autocommit = 0');
      await client.query(`insert into orders (name) values ('six')`);
      await client.commit();
      await client.query('set autocommit = 1');
      const equal = await told(at, 'six equal writes', ({ writes }) => writes.compared >= 6);
      expect(equal.writes).toMatchObject({ compared: 6, equal: 6, real: 0 });
      const rowsOf = async (database: string): Promise<unknown> =>
        (
          await green.query(
            `select o.id, o.name, count(l.id) as n from ${database}.orders o left join ${database}.line l on l.order_id = o.id where o.id < 900 group by o.id, o.name order by o.id`,
          )
        )[0];
      const [onBlue] = await client.query(
        'select o.id, o.name, count(l.id) as n from orders o left join line l on l.order_id = o.id group by o.id, o.name order by o.id',
      );
      expect(await rowsOf('sale_copy'), 'with the numbers that blue gave').toEqual(onBlue);

      await client.query(`insert into sale.orders (name) values ('qualified')`);
      await client.query('delete from line where id = last_insert_id()');
      await client.query('start transaction');
      await client.query(`update orders set rate = 2 where id = 1`);
      await client.query('savepoint a');
      await client.query('commit');
      const left = await told(
        at,
        'three to be left out',
        ({ writes }) => Object.values(writes.skipped).reduce((sum, count) => sum + count, 0) >= 3,
      );
      expect(left.writes.skipped).toEqual({
        'names another database': 1,
        'depends on its session': 1,
        'a part of its transaction is not repeated': 1,
      });

      await client.query(`insert into orders (name, note) values ('seven', ' secret ')`);
      await client.query(`insert into orders (name, rate) values ('eight', 1000)`);
      await client.query(`insert into orders (name) values ('taken')`);
      await client.query(`update orders set rate = 3 where name in ('taken', 'seven')`);
      const found = await told(
        at,
        'what differs',
        ({ writes }) => writes.real === 2 && writes.lag === 1 && writes.unsettled === 1,
      );
      const example = (text: string): unknown =>
        found.writes.statements.find(({ statement }) => statement.includes(text))?.example;
      expect(example('note')).toMatchObject({ kind: 'error', blue: '1 row', green: 'error 1054' });
      expect(example('rate) values')).toMatchObject({ kind: 'error', green: 'error 1264' });
      expect(example('rate = ? where name in')).toMatchObject({ kind: 'count', blue: '2 rows', green: '1 row' });
      expect(JSON.stringify(found)).not.toMatch(/secret|taken/);

      expect(await rowsOf('sale')).toEqual([
        { id: 1, name: 'one', n: 0 },
        { id: 2, name: 'two', n: 0 },
      ]);
      const accounts = async (): Promise<unknown> =>
        (await green.query(`select user from mysql.user where user like 'teal\\_scratch%'`))[0];
      expect(await accounts()).toHaveLength(1);
      await shadow.end();
      expect(await accounts()).toEqual([]);
      expect(await endOfLog(), 'nothing of it is in the log that the flow back reads').toEqual(before);
      expect(at.said.filter((line) => /gave no answer|not understood|begins no|stays on green/.test(line))).toEqual([]);
      await green.query('set global read_only = off');
    },
  );

  test.skipIf(!tested)('who tries writes may write in the copy alone, also while the server is closed', async () => {
    const { green: server } = servers;
    const { target, admin } = readMysqlTarget('green', `mysql://root@127.0.0.1:${server.port}/`);
    const desk = new MysqlDesk(target, admin, 10_000);
    const passes = async (who: {
      readonly user: string;
      readonly credential: MysqlCredential;
    }): Promise<readonly unknown[]> => {
      const password = who.credential.kind === 'password' ? who.credential.password : '';
      const client = await createConnection({ host: '127.0.0.1', port: server.port, user: who.user, password });
      try {
        const tries = [
          'insert into mine_copy.t values (1)',
          'insert into mine.t values (1)',
          'insert into mineXcopy.t values (1)',
          'create table mine_copy.u (id int)',
          'drop table mine_copy.t',
        ];
        const answers: unknown[] = [];
        for (const sql of tries)
          answers.push(
            await client.query(sql).then(
              () => 'done',
              ({ errno }) => errno,
            ),
          );
        return answers;
      } finally {
        client.destroy();
      }
    };
    for (const database of ['mine', 'mine_copy', 'mineXcopy']) {
      await green.query(`create database ${database}`);
      await green.query(`create table ${database}.t (id int)`);
    }
    await green.query('create user weak');
    await green.query('grant all on mine_copy.* to weak');
    const weak = new MysqlDesk(target, { user: 'weak' }, 10_000);
    await green.query('set global read_only = on');
    const isMysql = server.flavour === 'mysql';
    try {
      // There a name in GRANT stands for itself.
      for (const revokes of isMysql ? ['off', 'on'] : ['off']) {
        if (isMysql) await green.query(`set global partial_revokes = ${revokes}`);
        const account = await makeScratchAccount(desk, 'mine_copy', 'teal_scratch_00000000_0');
        expect(await passes(account), revokes).toEqual(['done', 1142, 1142, 1142, 1142]);
        await dropScratchAccount(desk, account.user, () => undefined);
      }
      await expect(makeScratchAccount(weak, 'mine_copy', 'teal_scratch_00000000_1')).rejects.toMatchObject({
        code: 'TEAL-TRAFFIC-143',
      });
    } finally {
      desk.stop();
      weak.stop();
      if (isMysql) await green.query('set global partial_revokes = off');
      await green.query('set global read_only = off');
    }
  });

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
