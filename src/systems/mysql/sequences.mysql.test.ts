import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { connect } from './connection.ts';
import { KeptSession } from './kept-session.ts';
import { readCounters, mysqlSequences } from './sequences.ts';

const schema = [
  'create database shop',
  'create table shop.plain (id int auto_increment primary key, v int)',
  'create table shop.`odd ``name` (`the ``id` bigint unsigned auto_increment primary key, v int)',
  'create table shop.tiny (id tinyint auto_increment primary key, v int)',
  'create table shop.updated (id int auto_increment primary key, v int)',
  'create table shop.untouched (id int auto_increment primary key, v int)',
  'create table shop.without (id int primary key)',
];
const key = (name: string): string => `shop\0${name}`;

describe.for(allSeries)('auto-increment of $series', ({ series, tested }) => {
  let servers: readonly MysqlServer[] = [];
  const url = (place: 0 | 1): string => `mysql://root@127.0.0.1:${servers[place]?.port}/`;
  const run = async (place: 0 | 1, ...statements: readonly string[]): Promise<readonly unknown[]> => {
    await using session = await connect({ url: url(place), applicationName: 'teal test' });
    let rows: readonly unknown[] = [];
    for (const sql of statements) rows = (await session.query(sql)).rows;
    return rows;
  };
  beforeAll(async () => {
    if (!tested) return;
    servers = [await startMysql({ series }), await startMysql({ series })];
    for (const place of [0, 1] as const) await run(place, ...schema);
  });
  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  test.skipIf(!tested)(
    'is handed over in both directions, with numbers that were given and lost, and none is given twice',
    async () => {
      await run(
        0,
        'insert into shop.plain (v) values (1), (2), (3)',
        'delete from shop.plain where id > 1',
        'insert into shop.`odd ``name` values (9007199254740993, 1)',
        'insert into shop.tiny values (120, 1)',
        'insert into shop.updated (v) values (1)',
        'update shop.updated set id = 500',
        'begin',
        'insert into shop.plain (v) values (4)',
        'rollback',
      );
      await using blue = new KeptSession({ url: url(0), applicationName: 'teal test' });
      await using green = new KeptSession({ url: url(1), applicationName: 'teal test' });
      const given = await blue.use(readCounters);
      expect(new Map([...given].map(([name, { next }]) => [name, next] as const))).toEqual(
        new Map([
          [key('odd `name'), 9007199254740994n],
          [key('plain'), 5n],
          [key('tiny'), 121n],
          [key('untouched'), 1n],
          [key('updated'), 501n],
        ]),
      );
      const sequences = mysqlSequences({ blue, green }, 100);
      expect(await sequences.behind('blue', 'green')).toBe(4);
      expect(await sequences.handOver('blue', 'green')).toEqual({ sequences: 5, moved: 4 });
      expect(await sequences.behind('blue', 'green')).toBe(0);
      expect(await sequences.handOver('blue', 'green')).toEqual({ sequences: 5, moved: 0 });
      const next = async (place: 0 | 1, table: string): Promise<unknown> =>
        (await run(place, `insert into shop.${table} (v) values (9)`, 'select last_insert_id() as id'))[0];
      expect(await next(1, 'plain')).toEqual({ id: '105' });
      expect(await next(1, '`odd ``name`')).toEqual({ id: '9007199254741094' });
      expect(await next(1, 'tiny')).toEqual({ id: '124' });
      expect(await next(1, 'updated')).toEqual({ id: '601' });
      // What green has given since: blue must not give it, and blue's own counter was never told.
      expect(await sequences.behind('green', 'blue')).toBe(4);
      await sequences.handOver('green', 'blue');
      expect(await next(0, 'plain')).toEqual({ id: '206' });
      expect(await next(0, 'untouched')).toEqual({ id: '1' });
    },
  );

  if (series !== 'mysql-8.0')
    test.skipIf(!tested)('sequences of MariaDB too, up and down', async () => {
      for (const place of [0, 1] as const) {
        await run(
          place,
          'create database numbers',
          'create sequence numbers.up cache 10',
          'create sequence numbers.down increment -2 minvalue -1000 maxvalue -1 start -1 nocache',
          'create sequence numbers.untouched',
        );
      }
      const next = async (place: 0 | 1, name: string): Promise<number> => {
        const [row] = await run(place, `select nextval(numbers.${name}) as n`);
        return Number((row as { n: string }).n);
      };
      const given = {
        up: [await next(0, 'up'), await next(0, 'up')],
        down: [await next(0, 'down'), await next(0, 'down')],
      };
      expect(given).toEqual({ up: [1, 2], down: [-1, -3] });
      await using blue = new KeptSession({ url: url(0), applicationName: 'teal test' });
      await using green = new KeptSession({ url: url(1), applicationName: 'teal test' });
      const sequences = mysqlSequences({ blue, green }, 100);
      await sequences.handOver('blue', 'green');
      expect(await sequences.behind('blue', 'green')).toBe(0);
      expect([await next(1, 'up'), await next(1, 'down'), await next(1, 'untouched')]).toEqual([111, -105, 1]);
      await sequences.handOver('green', 'blue');
      expect(await next(0, 'up')).toBe(221);
      expect(await next(0, 'down')).toBe(-207);
    });
});
