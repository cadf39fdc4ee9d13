import { expect, test } from 'vitest';
import { connect } from '../../src/systems/postgres/connection.ts';
import { Client } from 'pg';
import { blueMajor, greenMajor, onDatabase, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { TestFlow } from '../apply/flow.ts';

/** The database of the test, made anew without an encoding. */
async function withoutEncoding(major: Parameters<typeof testDatabase>[0]): Promise<TestDatabase> {
  const database = await testDatabase(major);
  const admin = new Client({ connectionString: onDatabase(database.url, 'postgres') });
  await admin.connect();
  await admin.query(`drop database ${database.name}`);
  await admin.query(
    `create database ${database.name} template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'`,
  );
  await admin.end();
  return database;
}

/** pgcopydb took what is no UTF-8 for an error (#874); others write a question mark in its place. */
test('41: bytes of no encoding go through a flow between databases of SQL_ASCII as they are', async () => {
  await using source = await withoutEncoding(blueMajor());
  await using target = await withoutEncoding(greenMajor());
  for (const db of [source, target]) await db.query('create table a (id int primary key, v text)');
  // The test's own session reads the slot.
  for (const db of [source, target]) await db.query(`set client_encoding = 'SQL_ASCII'`);
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  const bytes = `convert_from('\\xe9ff80'::bytea, 'SQL_ASCII')`;
  await source.query(`insert into a values (1, ${bytes}), (2, 'plain')`);
  await source.query(
    `insert into a select i, ${bytes} || i from generate_series(10, 200) i; update a set v = v || ${bytes}`,
  );
  await flow.carry();
  const hex = `select id, encode(convert_to(v, 'SQL_ASCII'), 'hex') as v from a order by id`;
  expect(await target.query(hex)).toEqual(await source.query(hex));
  expect(await target.query(`select encode(convert_to(v, 'SQL_ASCII'), 'hex') as v from a where id = 1`)).toEqual([
    { v: 'e9ff80e9ff80' },
  ]);
  for (const replication of [{}, { replication: 'database' }] as const) {
    await using session = await connect({ url: source.url, applicationName: 'test', ...replication });
    expect((await session.query('show client_encoding')).rows).toEqual([{ client_encoding: 'SQL_ASCII' }]);
  }
});
