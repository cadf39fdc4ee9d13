import { readFile, stat } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { blueMajor, greenMajor, ownServer, type TestDatabase } from '../../test/support/postgres.ts';
import { carrierPaths } from '../carriers/embedded/config.ts';
import { sleep, waitFor } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import { carrierPair, caughtUp, contents, head, pidOf, killWorker, received } from './test-support/carrier-pair.ts';

/** Transfers, inserts, deletes, key moves and a table without a key, in transactions of several statements, until told to stop. */
async function writeUntil(db: TestDatabase, client: number, stop: AbortSignal): Promise<number> {
  const session = await db.connect();
  const base = client * 1_000_000;
  let transactions = 0;
  for (let n = 0; !stop.aborted; n += 1) {
    const [from, to] = [(n * 7 + client) % 20, (n * 11 + client + 1) % 20];
    await session.query('begin');
    await session.query('insert into entry values ($1, $2, $3)', [base + n, from, n]);
    // In one order, so that two writers do not wait for each other.
    for (const id of [from, to].sort((a, b) => a - b)) {
      await session.query('update account set balance = balance + $2, note = $3 where id = $1', [
        id,
        id === from ? -n : n,
        `by ${client}`,
      ]);
    }
    if (n % 5 === 4) await session.query('delete from entry where id = $1', [base + n - 3]);
    if (n % 7 === 6) await session.query('update entry set id = -id where id = $1', [base + n]);
    if (n % 3 === 0)
      await session.query(`insert into log values (now(), $1)`, [n % 6 === 0 ? 'twice' : `${client}.${n}`]);
    if (n % 11 === 10)
      await session.query(`delete from log where ctid = (select ctid from log where what = 'twice' limit 1)`);
    await session.query(n % 13 === 12 ? 'rollback' : 'commit');
    transactions += 1;
  }
  return transactions;
}

describe('the embedded carrier', () => {
  test('carries a flow through kill -9 at random moments, to equal tables', async () => {
    await using both = await carrierPair();
    await both.blue.query('insert into account select n, 1000 from generate_series(0, 19) n');
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const writers = [1, 2, 3].map(async (client) => writeUntil(both.blue, client, stop.signal));
    await both.carrier.deploy('forward');
    const moments: number[] = [];
    for (let kill = 0; kill < 6; kill += 1) {
      const pauseMs = Math.floor(Math.random() * 1_200);
      moments.push(pauseMs);
      await sleep(pauseMs);
      await killWorker(both, 'forward');
      await both.carrier.deploy('forward');
    }
    stop.abort();
    const written = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0);
    const status = await caughtUp(both, 'forward');
    expect(written).toBeGreaterThan(100);
    expect(await contents(both.green), `killed after ${moments.join(', ')} ms`).toEqual(await contents(both.blue));
    expect(status.mode).toBe('live');
    expect(status.lagMs).toBeLessThan(30_000);
  });

  test('only receives until it is told to begin, also after kill -9, and lets its source forget what it has', async () => {
    await using both = await carrierPair();
    const confirmed = async (): Promise<string> =>
      String(
        (
          await both.blue.query(
            'select confirmed_flush_lsn as at from pg_replication_slots where database = current_database()',
          )
        )[0]?.['at'],
      );
    await both.carrier.deploy('forward', { begin: false });
    await both.blue.query(`insert into account select n, 1 from generate_series(1, 500) n`);
    const written = (await both.blue.query('select pg_current_wal_lsn() as at'))[0]?.['at'];
    const released = async (): Promise<true | undefined> => {
      const [row] = await both.blue.query(`select '${await confirmed()}'::pg_lsn >= '${written}'::pg_lsn as past`);
      return row?.['past'] === 't' ? true : undefined;
    };
    await waitFor({ what: 'the slot to move on', timeoutMs: 60_000 }, released);
    const held = await both.status('forward');
    expect(held).toMatchObject({ now: { state: 'waiting', code: 'TEAL-CARRIERS-006' }, changes: 0 });
    expect(held.spoolBytes).toBeGreaterThan(500 * 10);

    await killWorker(both, 'forward');
    await both.carrier.deploy('forward', { begin: false });
    await both.blue.query(`update account set balance = 2 where id = 1`);
    expect(await both.green.query('select count(*) as n from account')).toEqual([{ n: '0' }]);

    await both.carrier.deploy('forward');
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));

    // It is not held back again: neither as it runs, nor when it is started anew.
    await both.carrier.deploy('forward', { begin: false });
    await killWorker(both, 'forward');
    await both.carrier.deploy('forward', { begin: false });
    await both.blue.query(`update account set balance = 3 where id = 2`);
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));
  });

  test('stands still at a position, for its lease or until it may go on, also in a new process', async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    const at = await head(both.blue);
    // Nobody has written behind it: something of Teal's own tells the flow that it is there.
    const reached = await both.carrier.stopAt('forward', at, 30_000, AbortSignal.timeout(30_000));
    expect(reached >= at).toBe(true);
    await both.blue.query('insert into account values (2, 20)');
    await received(both);
    const ids = async () => (await both.green.query('select id from account order by id')).map((row) => row['id']);
    expect(await ids()).toEqual(['1']);
    expect((await both.status('forward')).now).toEqual({ state: 'paused', at: reached });
    await both.carrier.resume('forward');
    await caughtUp(both, 'forward');
    expect(await ids()).toEqual(['1', '2']);

    await both.carrier.stopAt('forward', await head(both.blue), 500, AbortSignal.timeout(30_000));
    await both.blue.query('insert into account values (3, 30)');
    await caughtUp(both, 'forward');
    expect(await ids()).toEqual(['1', '2', '3']);

    // A worker that takes the place of one that was killed stands where it was told to stand.
    await both.carrier.stopAt('forward', await head(both.blue), 60_000, AbortSignal.timeout(30_000));
    await both.blue.query('insert into account values (4, 40)');
    await killWorker(both, 'forward');
    await both.carrier.deploy('forward');
    await waitFor({ what: 'the new worker to stand still', timeoutMs: 60_000 }, async () =>
      (await both.status('forward')).now.state === 'paused' ? true : undefined,
    );
    await received(both);
    expect(await ids()).toEqual(['1', '2', '3']);
    await both.carrier.resume('forward');
    await caughtUp(both, 'forward');
    expect(await ids()).toEqual(['1', '2', '3', '4']);
  });

  test("tells Teal's own transactions from stray ones in shadow, and applies neither", async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    await both.carrier.deploy('reverse');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    const quiet = await caughtUp(both, 'reverse');
    expect([quiet.mode, quiet.rogueTransactions, quiet.changes]).toEqual(['shadow', 0, 0]);
    await both.green.query('insert into account values (2, 20)');
    const rogue = await both.carrier.caughtUp('reverse', AbortSignal.timeout(40_000));
    expect(rogue.rogueTransactions).toBe(1);
    expect((await both.status('reverse')).rogueFirst).toContain('public.account');
    expect(await both.blue.query('select id from account')).toEqual([{ id: '1' }]);
  });

  test('goes on by itself after either server was away', async () => {
    await using blueServer = await ownServer(blueMajor());
    await using greenServer = await ownServer(greenMajor());
    await using both = await carrierPair({ blue: blueServer, green: greenServer });
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    await greenServer.kill9();
    await both.blue.query('insert into account values (2, 20)');
    const wanted = await head(both.blue);
    // It is received while it cannot be applied.
    await waitFor({ what: 'the change to be received', timeoutMs: 60_000 }, async () => {
      const { received, applied } = await both.status('forward');
      return received >= wanted && applied < wanted ? true : undefined;
    });
    await greenServer.restart();
    await caughtUp(both, 'forward');
    await blueServer.kill9();
    await waitFor({ what: 'the loss to be seen', timeoutMs: 60_000 }, async () =>
      (await both.status('forward')).receiving === 'connecting' ? true : undefined,
    );
    await blueServer.restart();
    await both.blue.query('insert into account values (3, 30)');
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));
  });

  test('fails for good when its slot is gone, keeps answering, and tries again when asked', async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    await both.blue.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database();`,
    );
    await both.blue
      .query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()`)
      .catch(() => undefined);
    const dropped = async () =>
      (await both.blue.query('select active_pid from pg_replication_slots where database = current_database()'))[0]?.[
        'active_pid'
      ];
    // The worker may have been quicker to come back than the drop: the publication is the other thing that it cannot do without.
    if ((await dropped()) !== undefined) await both.blue.query(`drop publication ${await publicationOf(both.blue)}`);
    const failed = await waitFor({ what: 'the flow to fail', timeoutMs: 60_000 }, async () => {
      const { now } = await both.status('forward');
      return now.state === 'failed' ? now : undefined;
    });
    expect(['TEAL-SYSTEMS-020', 'TEAL-SYSTEMS-029'], failed.reason).toContain(failed.code);
    await both.carrier.deploy('forward');
    expect((await both.status('forward')).pid).toBe(await pidOf(both, 'forward'));
  });

  test('keeps no address on disk, one worker a flow, and nothing after it has retired', async () => {
    await using both = await carrierPair();
    expect((await both.status('forward')).now).toMatchObject({ state: 'failed', code: 'TEAL-CARRIERS-001' });
    await both.carrier.deploy('forward');
    const pid = await pidOf(both, 'forward');
    await both.carrier.deploy('forward');
    expect(await pidOf(both, 'forward')).toBe(pid);
    const paths = carrierPaths(both.stateDir, 'forward');
    expect((await stat(paths.config)).mode & 0o777).toBe(0o600);
    const texts = await Promise.all([paths.config, paths.log, paths.pid].map(async (path) => readFile(path, 'utf8')));
    expect(texts.join()).not.toContain('postgres://');
    await both.carrier.retire('forward');
    await both.carrier.retire('forward');
    expect(await stat(paths.folder).catch((error: unknown) => (error as NodeJS.ErrnoException).code)).toBe('ENOENT');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    const asked = await both.carrier.resume('forward').catch((error: unknown) => error);
    expect(isTealError(asked, 'TEAL-CARRIERS-001')).toBe(true);
  });
});

async function publicationOf(db: TestDatabase): Promise<string> {
  return (await db.query('select pubname from pg_publication'))[0]?.['pubname'] ?? '';
}
