import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { PgConnection } from './connection.ts';
import { fenceMessage, PostgresFence } from './fence.ts';
import { KeptSession } from './kept-session.ts';
import { installTealSchema } from './teal-schema.ts';

const tables = ['plain', 'parts', 'parts_1', 'odd "name"'].map((name) => ({ schema: 'public', name }));
const schema = `
  create table plain (id int primary key, note text);
  create table parts (id int) partition by range (id);
  create table parts_1 partition of parts for values from (0) to (100);
  create table "odd ""name""" (id int);
  create table unmanaged (id int);
  insert into plain values (1, 'first')`;

async function fencedDatabase(major: 14 | 15 | 16 | 17 | 18): Promise<{
  database: TestDatabase;
  session: KeptSession;
  fence: PostgresFence;
  [Symbol.asyncDispose]: () => Promise<void>;
}> {
  const database = await testDatabase(major);
  await database.query(schema);
  const session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  await session.use(async (connection) => installTealSchema(connection, 'blue'));
  const fence = new PostgresFence(session, tables);
  return {
    database,
    session,
    fence,
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

const raise = { cut: 'c1', token: 'c1/blue', epoch: 1, lockTimeoutMs: 2_000 };

test.each([blueMajor(), greenMajor()])(
  'refuses every kind of write on PostgreSQL %i, and only on managed tables',
  async (major) => {
    await using it = await fencedDatabase(major);
    await it.fence.install(false);
    expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: [] });
    await it.database.query(`insert into plain values (2, 'while open')`);

    const position = await it.fence.raise(raise);

    expect(position).toMatch(/^[0-9A-F]{16}$/);
    expect(await it.fence.probe()).toEqual({ fence: 'raised', tokens: ['c1/blue'] });
    const refused = [
      `insert into plain values (3, 'x')`,
      `update plain set note = 'x' where false`,
      'delete from plain',
      'truncate plain',
      `copy plain from program 'printf ""'`,
      'insert into parts values (1)',
      'insert into parts_1 values (1)',
      'truncate parts',
      'insert into "odd ""name""" values (1)',
      `set default_transaction_read_only = off; begin read write; insert into plain values (3, 'x')`,
    ];
    for (const sql of refused) {
      await expect(it.database.query(sql), sql).rejects.toMatchObject({
        code: '25006',
        message: expect.stringContaining(fenceMessage) as unknown,
      });
      await it.database.query('rollback');
    }
    expect(await it.database.query('select count(*) as n from plain')).toEqual([{ n: '2' }]);
    await it.database.query('insert into unmanaged values (1)');
  },
);

test('lets the sessions of carriers pass', async () => {
  await using it = await fencedDatabase(greenMajor());
  await it.fence.install(true);
  await it.database.query(`set session_replication_role = replica; insert into plain values (2, 'applied')`);
  expect(await it.database.query('select count(*) as n from plain')).toEqual([{ n: '2' }]);
});

test('waits for a writer that is in its transaction, and its row is before the token', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  const writer = await it.database.connect();
  await writer.query(`begin; insert into plain values (2, 'in flight')`);
  const raising = it.fence.raise(raise);
  await it.database.query(
    `do $$ begin while not exists (select from pg_locks where not granted and mode = 'ShareRowExclusiveLock') loop perform pg_sleep(0.01); end loop; end $$`,
  );
  await writer.query('commit');
  await raising;
  expect(await it.database.query('select count(*) as n from plain')).toEqual([{ n: '2' }]);
});

test('gives up with no effect when a writer does not end in time', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  const writer = await it.database.connect();
  await writer.query(`begin; insert into plain values (2, 'long')`);
  await expect(it.fence.raise({ ...raise, lockTimeoutMs: 50 })).rejects.toSatisfy((error) =>
    isTealError(error, 'TEAL-SYSTEMS-008'),
  );
  expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: [] });
  await writer.query('commit');
  await it.database.query(`insert into plain values (3, 'after')`);
});

test('is not in its place while a table has none, as when its lock was not had in time, and is by being installed again', async () => {
  await using it = await fencedDatabase(blueMajor());
  await new PostgresFence(it.session, tables.slice(1)).install(false);
  expect((await it.fence.probe()).fence).toBe('partly');
  await it.fence.install(false);
  expect((await it.fence.probe()).fence).toBe('installed');
  await it.fence.raise(raise);
});

test('refuses while a prepared transaction is open', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  await it.database.query(`begin; insert into unmanaged values (1); prepare transaction 'left-${it.database.name}'`);
  await expect(it.fence.raise(raise)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYSTEMS-500'));
  expect((await it.fence.probe()).fence).toBe('installed');
  await it.database.query(`rollback prepared 'left-${it.database.name}'`);
});

test('opens again after an aborted cut and says so in the stream, once', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  await it.fence.lower();
  expect((await it.fence.probe()).tokens).toEqual([]);
  await it.fence.raise(raise);
  await it.fence.lower();
  await it.fence.lower();
  expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: ['c1/blue', 'c1/blue/reopened'] });
  await it.database.query(`insert into plain values (2, 'open')`);
});

test('opens with the owner row in one transaction, twice is once, and another cut is refused', async () => {
  await using it = await fencedDatabase(greenMajor());
  await it.fence.install(true);
  const owner = { epoch: 1, owner: 'green', cut: 'c1' } as const;
  await it.fence.lower(owner);
  await it.fence.lower(owner);
  expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: [], owner });
  await expect(it.fence.lower({ ...owner, cut: 'c2' })).rejects.toSatisfy((error) =>
    isTealError(error, 'TEAL-SYSTEMS-501'),
  );
});

test('is gone after removal', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  await it.fence.raise(raise);
  await it.fence.remove();
  await it.fence.remove();
  await it.database.query(`insert into plain values (2, 'open')`);
  expect((await it.fence.probe()).fence).toBe('absent');
});

test('a thousand tables are closed within the budget of a cut', async () => {
  await using database = await testDatabase(blueMajor());
  await database.query(
    `do $$ begin for n in 1..1000 loop execute format('create table t%s (id int)', n); if n % 100 = 0 then commit; end if; end loop; end $$`,
  );
  await using session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  await session.use(async (connection: PgConnection) => installTealSchema(connection, 'blue'));
  const many = Array.from({ length: 1000 }, (_, n) => ({ schema: 'public', name: `t${n + 1}` }));
  const fence = new PostgresFence(session, many);
  await fence.install(false);
  await fence.raise({ ...raise, lockTimeoutMs: 10_000 });
  expect((await fence.probe()).fence).toBe('raised');
  await expect(database.query('insert into t777 values (1)')).rejects.toMatchObject({ code: '25006' });
});
