import { describe, expect, test } from 'vitest';
import type { TestDatabase } from '../../test/support/postgres.ts';
import { waitFor } from '../kernel/clock.ts';
import { positionOfLsnText } from '../systems/postgres/position.ts';
import { carrierPair, caughtUp, contents, head, pidOf, killWorker } from './test-support/carrier-pair.ts';

async function confirmed(db: TestDatabase): Promise<string> {
  const [row] = await db.query(
    'select confirmed_flush_lsn as lsn from pg_replication_slots where database = current_database()',
  );
  return positionOfLsnText(row?.['lsn'] ?? '');
}

/** Each one is a way in which another tool lost changes or stood still; the numbers are those of correctness.md §9. */
describe('a flow', () => {
  test('keeps a transaction that was open when its worker was killed (3: acknowledged past an open transaction)', async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    const long = await both.blue.connect();
    await long.query('begin; insert into account values (1, 10)');
    await both.blue.query('insert into account values (2, 20)');
    await caughtUp(both, 'forward');
    // Later changes are acknowledged now, the open transaction is before them in the log.
    const later = await head(both.blue);
    await waitFor({ what: 'the slot to pass', timeoutMs: 60_000 }, async () =>
      (await confirmed(both.blue)) >= later ? true : undefined,
    );
    await killWorker(both, 'forward');
    await long.query('insert into account values (3, 30); commit');
    await both.carrier.deploy('forward');
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));
  });

  test('applies one large transaction once, killed in the middle of it (2: a restart inside a transaction)', async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    for (let round = 0; round < 3; round += 1) {
      const first = round * 100_000;
      await both.blue.query(`insert into entry select n, 1, n from generate_series(${first}, ${first + 30_000}) n`);
      await killWorker(both, 'forward');
      await both.blue.query(`update entry set amount = amount + 1 where id >= ${first}`);
      await both.carrier.deploy('forward');
    }
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));
  });

  test('moves its slot and knows its lag on an idle database (33: never advances)', async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    const first = await caughtUp(both, 'forward');
    // The log moves by what is not in the publication.
    await both.blue.query(
      'create table other (v text); insert into other select md5(n::text) from generate_series(1, 20000) n',
    );
    const wanted = await head(both.blue);
    await waitFor({ what: 'the slot to follow', timeoutMs: 60_000 }, async () =>
      (await confirmed(both.blue)) >= wanted ? true : undefined,
    );
    const status = await caughtUp(both, 'forward');
    expect(status.applied > first.applied).toBe(true);
    expect(status.lagMs).toBeLessThan(20_000);
    expect([status.changes, status.budget]).toEqual([0, 'ok']);
  });

  test('stops reading at the bound of its spool, says so, and loses nothing', async () => {
    const limit = 2_000_000;
    await using both = await carrierPair({ spoolLimitBytes: limit });
    await both.carrier.deploy('forward');
    const at = await head(both.blue);
    await both.blue.query('insert into account values (1, 10)');
    await both.carrier.stopAt('forward', at, 60_000, AbortSignal.timeout(60_000));
    // Faster than they are received, so that reads end in the middle of transactions.
    await both.blue.query(`do $$ begin for n in 1..60 loop
      insert into log select now(), repeat('x', 1000) || n || '.' || g from generate_series(1, 100) g; commit; end loop; end $$`);
    const full = await waitFor({ what: 'the spool to be full', timeoutMs: 60_000 }, async () => {
      const status = await both.status('forward');
      return status.receiving === 'spool full' ? status : undefined;
    });
    // Of about 6 MB. Beyond the bound is at most what one read of the socket brings: two of its 64 KiB, and the message that they end.
    expect(full.spoolBytes).toBeGreaterThan(limit);
    expect(full.spoolBytes).toBeLessThan(limit + 2 * 65_536 + 2_000);
    const kept = await waitFor({ what: 'what the source keeps', timeoutMs: 60_000 }, async () => {
      const status = await both.status('forward');
      return (status.retainedBytes ?? 0) > 3_000_000 ? status : undefined;
    });
    expect([kept.receiving, kept.spoolBytes]).toEqual(['spool full', full.spoolBytes]);
    await both.carrier.resume('forward');
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));
    await waitFor({ what: 'the spool to be empty again', timeoutMs: 60_000 }, async () =>
      (await both.status('forward')).spoolBytes < limit / 2 ? true : undefined,
    );
  });

  test('goes on in a new process after it was halted, from what it had received', async () => {
    await using both = await carrierPair();
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    const pid = await pidOf(both, 'forward');
    await both.carrier.halt('forward');
    await both.carrier.halt('forward');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await both.blue.query('update account set balance = 11; insert into account values (2, 20)');
    await both.carrier.deploy('forward');
    await caughtUp(both, 'forward');
    expect(await contents(both.green)).toEqual(await contents(both.blue));
  });
});
