import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { allSeries } from '../support/mysql.ts';
import { apply, copy } from '../types/moving-pair.ts';
import { mysqlTwins } from '../types/mysql-pairs.ts';

/** REPLACE and INSERT IGNORE made one row of two, and said nothing (gh-ost #167, #825, #1526, #1636). */
describe.for(allSeries)('14: rows that meet a unique key of the other $series', ({ series, tested }) => {
  let servers: readonly MysqlServer[] = [];
  let green: MysqlConnection;
  beforeAll(async () => {
    if (!tested) return;
    servers = [await startMysql({ series }), await startMysql({ series, settings: { 'server-id': '2' } })];
    green = await connect({ url: `mysql://root@127.0.0.1:${servers[1]?.port}/`, applicationName: 'teal test' });
  });
  afterAll(async () => {
    await green?.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  async function twins(): ReturnType<typeof mysqlTwins> {
    const [one, other] = servers;
    if (one === undefined || other === undefined) throw new Error('no servers');
    return mysqlTwins(one, other);
  }
  const rows = async (table: string): Promise<unknown> =>
    (await green.query(`select * from moving.${table} order by id`)).rows;
  const numbers = Array.from({ length: 100 }, (_, n) => n + 1);

  test.skipIf(!tested).for([
    ['one row', `insert into moving.a values (900, 'v1')`],
    ['a REPLACE of the client’s', `replace into moving.a values (2, 'v1')`],
    ['one update', `update moving.a set v = 'v1' where id = 2`],
    ['a large batch', `insert into moving.a select 1000 + id, concat('w', id div 2) from moving.a`],
    ['a large update', `update moving.a set v = 'same' where id between 10 and 90`],
  ] as const)(
    '14: %s that meets a unique key which only green has stops the flow, and swallows nothing',
    async ([, statement]) => {
      await using pair = await twins();
      const write = async (sql: string): Promise<void> => expect(await pair.write(sql), sql).toBeUndefined();
      await write('create table moving.a (id int primary key, v varchar(20))');
      await write('create table moving.b (id int primary key, v int)');
      await write(`insert into moving.a values ${numbers.map((n) => `(${n}, 'v${n}')`).join(', ')}`);
      const tables = await pair.makeTarget();
      const after = await copy(pair, tables, 'stop');
      await green.query('create unique index only_green on moving.a (v)');
      const before = await rows('a');
      for (const sql of ['begin', 'insert into moving.b (id) values (1)', statement, 'commit']) await write(sql);
      await write('insert into moving.b (id) values (2)');
      const events = await pair.read(after, tables, 'stop');
      expect(await apply(pair, events, after)).toBe('TEAL-SYNC-111');
      expect(await rows('a')).toEqual(before);
      expect(await rows('b')).toEqual([]);
      await green.query('drop index only_green on moving.a');
      expect(await apply(pair, events, after)).toBeUndefined();
      for (const table of ['a', 'b']) {
        const [there, here] = [
          await pair.look('source', table, 'v', 'text'),
          await pair.look('target', table, 'v', 'text'),
        ];
        expect(here, table).toEqual(there);
      }
    },
  );

  test.skipIf(!tested)(
    '14: a copy that meets a unique key which only green has stops, and the table is not taken for a copied one',
    async () => {
      await using pair = await twins();
      expect(await pair.write('create table moving.a (id int, v varchar(20))')).toBeUndefined();
      expect(
        await pair.write(`insert into moving.a values ${numbers.map((n) => `(${n}, 'v${n >> 1}')`).join(', ')}`),
      ).toBeUndefined();
      const tables = await pair.makeTarget();
      await green.query('create unique index only_green on moving.a (v)');
      await expect(copy(pair, tables, 'stop')).rejects.toSatisfy((error) => isTealError(error));
      expect(await rows('a')).toEqual([]);
      expect(await pair.copyTarget.done(tables)).toEqual([]);
      await green.query('drop index only_green on moving.a');
      await copy(pair, tables, 'stop');
      expect(await rows('a')).toHaveLength(100);
    },
  );
});
