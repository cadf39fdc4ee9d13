import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isCatalogAsItWas, readCatalogState } from './catalog-state.ts';
import { connect, type PgConnection } from './connection.ts';

const schema = `
  create type mood as enum ('glad');
  create table plain (id int primary key, note text default 'x', mood mood);
  create table parts (id int) partition by range (id);
  create table parts_1 partition of parts for values from (0) to (100);
  create sequence numbers;
  create view notes as select note from plain;
  create function f() returns int language sql as 'select 1';
  create publication p for table parts`;

/** Tests share the server: as long as somebody's older transaction is open, what was made meanwhile may be newer. */
async function settledState(connection: PgConnection): Promise<string> {
  return waitFor({ what: 'older transactions to end', timeoutMs: 60_000 }, async () => {
    const state = await readCatalogState(connection);
    return (await isCatalogAsItWas(connection, state)) ? state : undefined;
  });
}

/** Changes that tell no other schema, whatever they do to rows. */
const unchanging = [
  `insert into plain select i from generate_series(1, 500) i`,
  'update plain set id = id + 1000; delete from plain where id % 2 = 0',
  'vacuum (freeze, analyze)',
  'vacuum (freeze) pg_catalog.pg_class',
  `select nextval('numbers')`,
  `begin; alter table plain add column never int; rollback`,
];

const changing = [
  'alter table plain add column more int',
  'alter table plain drop column more',
  'alter table plain alter column note drop default',
  'alter table plain alter column note set not null',
  'alter table plain rename column note to remark; alter table plain rename column remark to note',
  'create index plain_note on plain (note)',
  'drop index plain_note',
  'alter table plain add constraint positive check (id > 0) not valid',
  'alter table plain validate constraint positive',
  'alter table plain drop constraint positive',
  'create trigger t before insert on plain for each row execute function suppress_redundant_updates_trigger()',
  'alter table plain disable trigger t',
  'drop trigger t on plain',
  'alter table plain replica identity full',
  'alter table parts detach partition parts_1',
  'alter table parts attach partition parts_1 for values from (0) to (100)',
  'alter publication p add table plain',
  `alter type mood add value 'sad'`,
  'alter sequence numbers increment 2',
  `create or replace function f() returns int language sql as 'select 2'`,
  'create or replace view notes as select note, id from plain',
  'alter table plain rename to other; alter table other rename to plain',
  'create table more (id int); drop table plain cascade',
  'create schema s',
];

test.each([blueMajor(), greenMajor()])('on PostgreSQL %i every change of a definition shows', async (major) => {
  await using database = await testDatabase(major);
  await database.query(schema);
  await using connection = await connect({ url: database.url, applicationName: 'teal-test' });
  let state = await settledState(connection);
  for (const sql of unchanging) {
    await database.query(sql);
    expect(await isCatalogAsItWas(connection, state), sql).toBe(true);
  }
  for (const sql of changing) {
    await database.query(sql);
    expect(await isCatalogAsItWas(connection, state), sql).toBe(false);
    state = await settledState(connection);
  }
});

test('a change that was begun before and is committed after shows, and so does one whose rows are as many', async () => {
  await using database = await testDatabase(blueMajor());
  await database.query(`${schema}; create table first (id int)`);
  const other = await database.connect();
  await using connection = await connect({ url: database.url, applicationName: 'teal-test' });
  await other.query('begin; alter table plain add column late int');
  const begun = await readCatalogState(connection);
  await other.query('commit');
  expect(await isCatalogAsItWas(connection, begun)).toBe(false);
  const state = await settledState(connection);
  await database.query('drop table first; create table first (id int)');
  expect(await isCatalogAsItWas(connection, state)).toBe(false);
});

test('within a transaction it sees what others have committed meanwhile', async () => {
  await using database = await testDatabase(blueMajor());
  await database.query(schema);
  await using connection = await connect({ url: database.url, applicationName: 'teal-test' });
  const state = await settledState(connection);
  await connection.transaction(async () => {
    await connection.query('lock table public.parts in share row exclusive mode');
    expect(await isCatalogAsItWas(connection, state)).toBe(true);
    await database.query('alter table plain add column more int');
    expect(await isCatalogAsItWas(connection, state)).toBe(false);
  });
});
