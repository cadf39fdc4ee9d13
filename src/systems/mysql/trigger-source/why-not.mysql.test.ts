import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import { isTealError } from '../../../kernel/errors.ts';
import { connect, type MysqlConnection } from '../connection.ts';

const note = (table: string, event: 'insert' | 'update' | 'delete', row: 'new' | 'old'): string =>
  `create trigger shop.${table}_${event} after ${event} on shop.${table} for each row insert into shop.changes (what) values (concat('${event} ${table} ', ${row}.id, ' ', ${row}.v))`;

/** A record of changes as one would begin it: every trigger that there can be. */
const schema = [
  'create database shop',
  'create table shop.changes (number bigint auto_increment primary key, what varchar(100))',
  'create table shop.parent (id int primary key, v int)',
  'create table shop.child (id int primary key, v int, foreign key (v) references shop.parent (id) on update cascade on delete cascade)',
  'create table shop.plain (id int primary key, v int)',
  ...['parent', 'child', 'plain'].flatMap((table) => [
    note(table, 'insert', 'new'),
    note(table, 'update', 'new'),
    note(table, 'delete', 'old'),
  ]),
];

/** Why README.md says that there is no such source. */
describe.for(allSeries)('triggers of $series', ({ series, tested }) => {
  let server: MysqlServer | undefined;
  const open = async (): Promise<MysqlConnection> =>
    connect({ url: `mysql://root@127.0.0.1:${server?.port}/`, applicationName: 'teal test' });
  const recorded = async (session: MysqlConnection, after = 0): Promise<readonly (readonly [number, string])[]> => {
    const { rows } = await session.query(
      `select number, what from shop.changes where number > ${after} order by number`,
    );
    return rows.map((row) => [Number(row['number']), String(row['what'])]);
  };
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    await using session = await open();
    for (const sql of schema) await session.query(sql);
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested)('do not see TRUNCATE, nor what a foreign key cascades', async () => {
    await using session = await open();
    await session.query('insert into shop.parent values (1, 0), (2, 0)');
    await session.query('insert into shop.child values (10, 1), (20, 2)');
    await session.query('insert into shop.plain values (1, 1)');
    const [last = 0] = (await recorded(session)).at(-1) ?? [];
    await session.query('update shop.parent set id = 3 where id = 1');
    await session.query('delete from shop.parent where id = 2');
    await session.query('truncate shop.plain');
    const children = await session.query('select id, v from shop.child');
    expect(children.rows.map((row) => [Number(row['id']), Number(row['v'])])).toEqual([[10, 3]]);
    const plain = await session.query('select id from shop.plain');
    expect(plain.rows).toEqual([]);
    expect((await recorded(session, last)).map(([, what]) => what)).toEqual(['update parent 3 0', 'delete parent 2 0']);
  });

  test.skipIf(!tested)('number changes in another order than that of commits', async () => {
    await using early = await open();
    await using late = await open();
    await using reader = await open();
    const [before = 0] = (await recorded(reader)).at(-1) ?? [];
    await early.query('begin');
    await early.query('insert into shop.parent values (101, 0)');
    await late.query('insert into shop.parent values (102, 0)');
    const seen = await recorded(reader, before);
    expect(seen.map(([, what]) => what)).toEqual(['insert parent 102 0']);
    await early.query('commit');
    const [read = 0] = seen.at(-1) ?? [];
    // Committed, of a lower number, and never asked for again.
    expect(await recorded(reader, read)).toEqual([]);
    expect((await recorded(reader, before)).map(([, what]) => what)).toContain('insert parent 101 0');
  });

  test.skipIf(!tested)('make writes fail once a column that they name is gone', async () => {
    await using session = await open();
    await session.query('create table shop.changed (id int primary key, v int)');
    await session.query(note('changed', 'insert', 'new'));
    await session.query('alter table shop.changed drop column v');
    const refused = await session.query('insert into shop.changed values (1)').then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isTealError(refused)).toBe(true);
  });
});
