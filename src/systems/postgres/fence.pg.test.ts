import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { isTealError } from '../../kernel/errors.ts';
import { fenceSigns } from '../../ports/fence.ts';
import type { PgConnection } from './connection.ts';
import { PostgresFence } from './fence.ts';
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
        message: expect.stringContaining(fenceSigns.message) as unknown,
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

test('is raised between transactions that lock its tables in another order, and none of them fails of that', async () => {
  await using it = await fencedDatabase(greenMajor());
  await it.fence.install(false);
  const untilRefused = async (): Promise<unknown> => {
    const client = await it.database.connect();
    for (;;) {
      await client.query('begin');
      try {
        for (const table of ['parts_1', 'plain (id)']) await client.query(`insert into ${table} select 1 where false`);
        await client.query('commit');
      } catch (error) {
        await client.query('rollback');
        return Reflect.get(Object(error), 'code');
      }
    }
  };
  const writers = [untilRefused(), untilRefused()];
  await it.fence.raise({ ...raise, lockTimeoutMs: 30_000 });
  expect(await Promise.all(writers)).toEqual(['25006', '25006']);
});

test('where nobody holds the clients it is raised though there is always one who writes, and wins where they lock each other out', async () => {
  await using it = await fencedDatabase(greenMajor());
  const fence = new PostgresFence(it.session, tables, undefined, { winsDeadlocks: true });
  await fence.install(false);
  const codes: unknown[] = [];
  const untilRefused = async (seconds: number, begun: () => void): Promise<void> => {
    const client = await it.database.connect();
    while (!codes.includes('25006')) {
      await client.query('begin');
      try {
        await client.query('insert into parts_1 select 1 where false');
        begun();
        await client.query(`select pg_sleep(${seconds})`);
        await client.query('insert into plain (id) select 1 where false');
        await client.query('commit');
      } catch (error) {
        codes.push(Reflect.get(Object(error), 'code'));
        await client.query('rollback');
      }
    }
  };
  // Of unlike lengths: they must not pause together.
  const begun = [0.23, 0.31, 0.37, 0.41].map((seconds) => ({ seconds, ...Promise.withResolvers<void>() }));
  const writers = begun.map(async ({ seconds, resolve }) => untilRefused(seconds, resolve));
  await Promise.all(begun.map(async ({ promise }) => promise));
  await fence.raise({ ...raise, lockTimeoutMs: 10_000 });
  await Promise.all(writers);
  expect(new Set(codes)).toEqual(new Set(['40P01', '25006']));
  expect((await fence.probe()).fence).toBe('raised');
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

test('sessions that have called the open function, with plans of their own, meet the closed one, and the open one again', async () => {
  await using it = await fencedDatabase(greenMajor());
  await it.fence.install(false);
  const sessions = await Promise.all([1, 2, 3].map(async () => it.database.connect()));
  const write = { name: 'kept', text: 'insert into parts_1 values ($1)', values: [1] };
  const ends = async (): Promise<readonly string[]> =>
    Promise.all(
      sessions.map(async (session) =>
        session.query(write).then(
          () => 'done',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    );
  for (let round = 1; round <= 7; round += 1) expect(await ends()).toEqual(['done', 'done', 'done']);
  for (const epoch of [1, 2, 3]) {
    await it.fence.raise({ ...raise, token: `c${epoch}/blue`, epoch });
    expect(await ends()).toEqual(['25006', '25006', '25006']);
    await it.fence.lower();
    expect(await ends()).toEqual(['done', 'done', 'done']);
  }
});

test('a writer that waits behind the fence meets it, in a session that has called the open function', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  const [before, waiting] = [await it.database.connect(), await it.database.connect()];
  await waiting.query(`insert into plain values (5, 'called')`);
  await before.query(`begin; insert into plain values (2, 'in flight')`);
  const raising = it.fence.raise({ ...raise, lockTimeoutMs: 20_000 });
  const waits = async (mode: string): Promise<unknown> =>
    it.database.query(
      `do $$ begin while not exists (select from pg_locks where not granted and mode = '${mode}') loop perform pg_sleep(0.01); end loop; end $$`,
    );
  await waits('ShareRowExclusiveLock');
  const refused = expect(waiting.query(`insert into plain values (3, 'late')`)).rejects.toMatchObject({
    code: '25006',
  });
  await waits('RowExclusiveLock');
  await before.query('commit');
  await raising;
  await refused;
  expect(await it.database.query(`select string_agg(id::text, ',' order by id) as ids from plain`)).toEqual([
    { ids: '1,2,5' },
  ]);
});

test('a trigger that somebody disabled or dropped is in its place when the fence is raised', async () => {
  await using it = await fencedDatabase(blueMajor());
  await it.fence.install(false);
  const odd = '"odd ""name"""';
  await it.database.query('alter table plain disable trigger user; alter table parts_1 disable trigger all');
  expect((await it.fence.probe()).fence).toBe('installed');
  await it.database.query(`insert into plain values (2, 'loaded'); drop trigger teal_fence on ${odd}`);
  expect((await it.fence.probe()).fence).toBe('partly');
  await it.fence.raise(raise);
  expect((await it.fence.probe()).fence).toBe('raised');
  for (const table of ['plain', 'parts_1', odd])
    await expect(it.database.query(`delete from ${table}`), table).rejects.toMatchObject({ code: '25006' });
  await it.database.query('alter table plain disable trigger user');
  expect((await it.fence.probe()).fence).toBe('partly');
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
