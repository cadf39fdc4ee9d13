import { expect, test } from 'vitest';
import { greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import type { SchemaDriver, SchemaPart } from '../../ports/schema-driver.ts';
import { connect } from './connection.ts';
import { givenSchemaDriver } from './schema.ts';
import type { GivenItem } from './schema-from-items.ts';
import { installTealSchema } from './teal-schema.ts';

const signal = new AbortController().signal;

function item(part: SchemaPart, type: string, name: string, sql: string, more: Partial<GivenItem> = {}): GivenItem {
  const tables = part === 'tables' ? [] : [{ schema: 'shop', name: 'a' }];
  return {
    part,
    type,
    schema: 'shop',
    name,
    statements: [sql],
    tables,
    lock: 'exclusive',
    key: `${type} ${name}`,
    ...more,
  };
}

/** As a mapping writes them; checks of keys stand before the keys that they are of, and must wait for them all the same. */
const items: readonly GivenItem[] = [
  item('tables', 'SCHEMA', 'shop', 'create schema if not exists shop', { schema: '-', drop: 'drop schema shop' }),
  item('tables', 'TABLE', 'a', 'create table shop.a (id int, b int)', { drop: 'drop table shop.a' }),
  item('keys', 'CONSTRAINT', 'a_pkey', 'alter table shop.a add primary key (id)'),
  item('indexes', 'INDEX', 'a_b', 'create index a_b on shop.a (b)', { lock: 'shared' }),
  item('validation', 'FK VALIDATION', 'a b', 'alter table shop.a validate constraint b'),
  item(
    'foreignKeys',
    'FK CONSTRAINT',
    'a b',
    'alter table shop.a add constraint b foreign key (b) references shop.a (id) not valid',
    { drop: 'alter table shop.a drop constraint b' },
  ),
];

async function apply(driver: SchemaDriver, ...parts: readonly SchemaPart[]): Promise<readonly [number, number]> {
  const { created, found } = await driver.apply(parts, { signal, workers: 2 });
  return [created, found];
}

test('a schema that is given is made part by part, found again, and taken away', async () => {
  await using database = await testDatabase(greenMajor());
  await using connection = await connect({ url: database.url, applicationName: 'teal test' });
  await installTealSchema(connection, 'green');
  const driver = givenSchemaDriver({ targetUrl: database.url }, items);
  expect(await driver.probe(['tables'])).toEqual({ state: 'not done' });
  expect(await apply(driver, 'tables')).toEqual([2, 0]);
  expect(await apply(driver, 'keys', 'indexes')).toEqual([2, 0]);
  expect(await driver.probe(['foreignKeys', 'validation'])).toEqual({ state: 'not done' });
  // By another process, which was given the same.
  const later = givenSchemaDriver({ targetUrl: database.url }, items);
  expect(await apply(later, 'tables')).toEqual([0, 2]);
  expect(await apply(later, 'foreignKeys', 'validation')).toEqual([2, 0]);
  expect(await later.probe(['tables', 'keys', 'indexes', 'foreignKeys', 'validation'])).toMatchObject({
    state: 'done',
    evidence: '6 of 6 objects are there',
  });
  expect(await database.query(`select convalidated::text as v from pg_constraint where conname = 'b'`)).toEqual([
    { v: 'true' },
  ]);
  await later.revert({ signal });
  expect(await database.query(`select from pg_namespace where nspname = 'shop'`)).toEqual([]);
  expect(await later.probe(['tables'])).toEqual({ state: 'not done' });
});

test('a schema that was there before stays', async () => {
  await using database = await testDatabase(greenMajor());
  await using connection = await connect({ url: database.url, applicationName: 'teal test' });
  await installTealSchema(connection, 'green');
  await database.query('create schema shop; create table shop.mine (a int)');
  const driver = givenSchemaDriver({ targetUrl: database.url }, items);
  expect(await apply(driver, 'tables')).toEqual([1, 1]);
  await driver.revert({ signal });
  expect(
    await database.query(`select relname as name from pg_class where relnamespace = 'shop'::regnamespace`),
  ).toEqual([{ name: 'mine' }]);
});
