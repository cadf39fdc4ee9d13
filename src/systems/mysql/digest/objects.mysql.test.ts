import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import type { SchemaObject } from '../../../ports/digester.ts';
import { compareObjects } from '../../../verify/objects.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { readShape, seriesOf } from '../schema-shape.ts';
import { comparedObjects } from './objects.ts';

const schema = [
  'create database shop character set utf8mb4 collate utf8mb4_general_ci',
  `create table shop.parent (id int primary key, code varchar(10) not null default 'a', n int, twice int generated always as (n * 2) virtual,
     at timestamp(3) not null default current_timestamp(3) on update current_timestamp(3), unique key by_code (code), key by_n (n), constraint small check (n < 100))`,
  'create table shop.child (id int auto_increment primary key, parent int, key by_parent (parent), constraint up foreign key (parent) references shop.parent (id))',
  'create view shop.v as select id from shop.parent',
  'create function shop.half(n int) returns int deterministic return n div 2',
  'create procedure shop.clear() delete from shop.child',
  'create event shop.nightly on schedule every 1 day do call shop.clear()',
  'create trigger shop.counts before insert on shop.child for each row set @n = 1',
];

/** A statement, what undoes it, and what is told between. */
const changes: readonly (readonly [change: string, back: string, told: readonly string[]])[] = [
  [
    'alter table shop.parent drop key by_n',
    'alter table shop.parent add key by_n (n)',
    ['index `by_n` on shop.parent'],
  ],
  [
    'alter table shop.parent drop key by_code, add key by_code (code)',
    'alter table shop.parent drop key by_code, add unique key by_code (code)',
    ['index `by_code` on shop.parent'],
  ],
  [
    'alter table shop.parent drop constraint small, add constraint small check (n < 101)',
    'alter table shop.parent drop constraint small, add constraint small check (n < 100)',
    ['constraint `small` on shop.parent'],
  ],
  [
    `alter table shop.parent alter column code set default 'b'`,
    `alter table shop.parent alter column code set default 'a'`,
    ['column shop.parent.code'],
  ],
  [
    'alter table shop.parent modify twice int generated always as (n * 3) virtual',
    'alter table shop.parent modify twice int generated always as (n * 2) virtual',
    ['column shop.parent.twice (expression)'],
  ],
  [
    'alter table shop.child drop foreign key up, add constraint up2 foreign key (parent) references shop.parent (id)',
    'alter table shop.child drop foreign key up2, add constraint up foreign key (parent) references shop.parent (id)',
    ['constraint `up2` on shop.child', 'constraint `up` on shop.child'],
  ],
  [
    'create or replace view shop.v as select 1 as id',
    'create or replace view shop.v as select id from shop.parent',
    ['view shop.v'],
  ],
  [
    'drop function shop.half',
    'create function shop.half(n int) returns int deterministic return n div 2',
    ['function shop.half'],
  ],
  ['drop procedure shop.clear', 'create procedure shop.clear() delete from shop.child', ['procedure shop.clear']],
  [
    'alter event shop.nightly on schedule every 2 day',
    'alter event shop.nightly on schedule every 1 day',
    ['event shop.nightly'],
  ],
  [
    'drop trigger shop.counts',
    'create trigger shop.counts before insert on shop.child for each row set @n = 1',
    ['trigger `counts` on shop.child'],
  ],
];

describe.for(allSeries)('what a certificate compares beside rows, with $series', ({ series, tested }) => {
  let server: MysqlServer;
  let connection: MysqlConnection;
  const look = async (betweenFamilies = false): Promise<readonly SchemaObject[]> =>
    comparedObjects(await readShape(connection, 'shop'), betweenFamilies);

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    connection = await connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'teal test' });
    for (const sql of schema) await connection.query(sql);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test.skipIf(!tested)('is each kind of object, and a change of any is told', async () => {
    const major = seriesOf(connection);
    const before = await look();
    const differences = async (): Promise<readonly string[]> => {
      const sides = [
        { side: 'blue', major, objects: before },
        { side: 'green', major, objects: await look() },
      ] as const;
      return compareObjects(...sides).differences.map(({ kind, name }) => `${kind} ${name}`);
    };
    expect(await differences()).toEqual([]);
    for (const [change, back, told] of changes) {
      await connection.query(change);
      expect([change, await differences()]).toEqual([change, told]);
      await connection.query(back);
      expect([back, await differences()]).toEqual([back, []]);
    }
    const kinds = new Set((await look(true)).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([
      'column',
      'constraint',
      'event',
      'function',
      'index',
      'procedure',
      'trigger',
      'view',
    ]);
    expect((await look(true)).some(({ definition }) => definition.startsWith('check'))).toBe(false);
  });
});
