import { describe, expect, test } from 'vitest';
import { waitFor } from '../../../src/kernel/clock.ts';
import { greenMajor, ownServer, testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { runOnOneServer, scheduleWith } from '../run/one-server.ts';
import { ownErrors } from '../../../src/testing/checker/invariants.ts';
import type { Txn } from '../../../src/testing/checker/history.ts';
import { sessionKinds, type Driver } from '../schedule.ts';
import { installedDrivers, openDriver } from './installed.ts';

const isolation = 'repeatable read';

async function reach(count: number, acknowledged: () => Promise<number>): Promise<void> {
  await waitFor({ what: `${count} transactions`, timeoutMs: 60_000 }, async () =>
    (await acknowledged()) >= count ? true : undefined,
  );
}

/** Errors that the workload did not bring about itself. */
const seen = (txns: readonly Txn[]): readonly Txn[] =>
  txns.filter(({ outcome, error = 'none' }) => outcome !== 'ok' && !ownErrors.has(error));

/** What installs in seconds; the others have their turn in `make check`. */
const quick: readonly Driver[] = [
  'node-postgres',
  'postgres.js',
  'psycopg pool',
  'psycopg pipeline',
  'SQLAlchemy',
  'pgbench',
];
const drivers = await installedDrivers(process.env['TEAL_CHECK_DRIVERS'] === 'all' ? undefined : quick);

describe('a driver as its users use it, judged by what it left on one server', () => {
  test.each(drivers)('%s', async (driver) => {
    await using database = await testDatabase(greenMajor());
    const schedule = scheduleWith(11, { driver, session: 'plain', isolation, clients: 3 });
    const { txns, violations } = await runOnOneServer(database.url, schedule, async (acknowledged) =>
      reach(100, acknowledged),
    );
    expect(violations).toEqual([]);
    expect(seen(txns)).toEqual([]);
  });
});

describe('a transaction that the server refuses at COMMIT', () => {
  test.each(drivers.filter((driver) => driver !== 'pgbench'))('%s', async (driver) => {
    await using database = await testDatabase(greenMajor());
    await database.query('create table once (v int unique deferrable initially deferred)');
    await using opened = await openDriver(driver, database.url, 1);
    const connection = await opened.borrow();
    const insert = { sql: 'insert into once (v) values ($1)', params: [7] };
    await connection.begin(isolation);
    await connection.run([insert, insert]);
    await expect(connection.commit()).rejects.toMatchObject({ code: '23505', isServers: true });
    await connection.rollback();
    // The next one is its own.
    await connection.begin(isolation);
    await connection.run([insert]);
    await connection.rollback();
    const count = { sql: 'select count(*)::text from once', params: [] };
    expect(await connection.run([count])).toMatchObject([{ rows: [['0']] }]);
    await connection.release();
  });
});

/** postgres.js hears of no end of it: see `cannotDo` in the schedule. */
describe('a COPY that the server refuses when it has all rows', () => {
  test.each(drivers.filter((driver) => !['pgbench', 'postgres.js'].includes(driver)))('%s', async (driver) => {
    await using database = await testDatabase(greenMajor());
    await database.query('create table once (v int primary key)');
    await using opened = await openDriver(driver, database.url, 1);
    const connection = await opened.borrow();
    await connection.begin(isolation);
    const copied = connection.copyIn('copy once (v) from stdin', '7\n7\n');
    await expect(copied).rejects.toMatchObject({ code: '23505', isServers: true });
    await connection.rollback();
    await connection.release();
  });
});

describe('what was asked of a connection that was lost is not done on the next one', () => {
  test.each(drivers.filter((driver) => driver !== 'pgbench'))('%s', async (driver) => {
    await using database = await testDatabase(greenMajor());
    await database.query('create table asked (v int)');
    await using opened = await openDriver(driver, database.url, 1);
    const connection = await opened.borrow();
    await connection.begin(isolation);
    const [pid] = await connection.run([{ sql: 'select pg_backend_pid()::text', params: [] }]);
    // Different texts: a driver that prepares each of them first has some that it has not sent yet.
    const inserts = [1, 2, 3, 4, 5, 6].map((v) => ({ sql: `insert into asked (v) values ($1), (-${v})`, params: [v] }));
    const asked = connection.run([{ sql: 'select pg_sleep($1)::text', params: [30] }, ...inserts]);
    const lost = expect(asked).rejects.toMatchObject({ isLost: true });
    const backend = Number(pid?.rows[0]?.[0]);
    await waitFor({ what: 'the sleep', timeoutMs: 60_000 }, async () => {
      const sleeps = `select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`;
      return (await database.query(sleeps, [backend])).length === 1 ? true : undefined;
    });
    await database.query('select pg_terminate_backend($1)', [backend]);
    await lost;
    await connection.destroy();
    // A connection of its own: whatever the driver still has in hand for the lost one comes before.
    const next = await opened.borrow();
    const count = { sql: 'select count(*)::text from asked', params: [] };
    expect(await next.run([count])).toMatchObject([{ rows: [['0']] }]);
    await next.release();
  });
});

/** Locks accounts against the order of pgbench until so many of its transactions were taken back. */
/** Locks rows against the order of the clients until the server has ended so many deadlocks. */
async function meetDeadlocks(database: TestDatabase, count: number): Promise<void> {
  const client = await database.connect();
  // Longer than theirs, so that it is seldom the one that is taken back; it is when it closes the circle after all others have looked for one.
  await client.query(`set deadlock_timeout = '3s'`);
  await waitFor({ what: `${count} deadlocks`, timeoutMs: 60_000 }, async () => {
    try {
      await client.query(`do $$ declare each record; begin
        for each in select account from accounts order by account desc loop
          perform from accounts where account = each.account for update;
        end loop; end $$`);
    } catch (error) {
      if (!(error instanceof Error && Reflect.get(error, 'code') === '40P01')) throw error;
    }
    const [stat] = await database.query('select deadlocks from pg_stat_database where datname = current_database()');
    return Number(stat?.['deadlocks']) >= count ? true : undefined;
  });
}

test('pgbench goes on after a deadlock, and what it told is there', async () => {
  await using database = await testDatabase(greenMajor());
  const group = { driver: 'pgbench', session: 'plain', isolation: 'read committed', clients: 3 } as const;
  const { txns, violations } = await runOnOneServer(database.url, scheduleWith(14, group), async (acknowledged) => {
    await reach(3, acknowledged);
    await meetDeadlocks(database, 3);
    await reach((await acknowledged()) + 6, acknowledged);
  });
  expect(violations).toEqual([]);
  expect(seen(txns)).toEqual([]);
  expect(txns.some(({ error }) => error === '40P01')).toBe(true);
});

test('SQLAlchemy leaves a transaction that was begun by words open', async () => {
  await using database = await testDatabase(greenMajor());
  const group = { driver: 'SQLAlchemy', session: 'two-phase', isolation, clients: 2 } as const;
  const { txns, violations } = await runOnOneServer(database.url, scheduleWith(15, group), async (acknowledged) =>
    reach(50, acknowledged),
  );
  expect(violations).toEqual([]);
  expect(seen(txns)).toEqual([]);
});

describe('a kind of session', () => {
  test.each(sessionKinds)('%s', async (session) => {
    await using database = await testDatabase(greenMajor());
    const schedule = scheduleWith(12, { driver: 'node-postgres', session, isolation, clients: 3 });
    const count = session === 'long transactions' ? 10 : 100;
    const { txns, violations } = await runOnOneServer(database.url, schedule, async (acknowledged) =>
      reach(count, acknowledged),
    );
    expect(violations).toEqual([]);
    expect(seen(txns)).toEqual([]);
  });
});

describe('a server that goes away under its clients', () => {
  test.each(drivers)('%s', async (driver) => {
    await using server = await ownServer(greenMajor());
    const schedule = scheduleWith(13, { driver, session: 'plain', isolation, clients: 3 });
    const { txns, violations } = await runOnOneServer(server.url, schedule, async (acknowledged) => {
      await reach(50, acknowledged);
      await server.kill9();
      await server.restart();
      await reach((await acknowledged()) + 50, acknowledged);
    });
    // Whoever was in a transaction saw it and told so; of what was acknowledged nothing is gone.
    expect(violations.filter(({ invariant }) => invariant !== 8)).toEqual([]);
    // Who was in none may have seen no more than a pool that could not connect, or nothing.
    const hasLost = txns.some(({ client }) => client > 10_000);
    expect(hasLost && seen(txns).length === 0).toBe(false);
  });
});
