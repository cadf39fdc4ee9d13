import { describe, expect, test } from 'vitest';
import { blueMajor, ownServer, type TestDatabase } from '../../test/support/postgres.ts';
import { carrierPaths } from '../carriers/embedded/config.ts';
import { errorOfGivenUp, givenUpNow, keepGivenUp, readGivenUp } from '../carriers/embedded/given-up.ts';
import { waitFor } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import { asPosition } from '../model/position.ts';
import type { Flow, FlowState } from '../ports/carrier.ts';
import { carrierPair, caughtUp, contents, head, killWorker, type CarrierPair } from './test-support/carrier-pair.ts';

const slotsOf = async (db: TestDatabase): Promise<number> =>
  (await db.query('select from pg_replication_slots where database = current_database()')).length;

/** About 1 MB in each of so many transactions. */
async function write(db: TestDatabase, megabytes: number): Promise<void> {
  await db.query(`do $$ begin for n in 1..${megabytes} loop
    insert into log select now(), repeat('x', 1000) || n || '.' || g from generate_series(1, 1000) g; commit; end loop; end $$`);
}

async function failed(pair: CarrierPair, flow: Flow): Promise<Extract<FlowState, { state: 'failed' }>> {
  let last: unknown;
  try {
    return await waitFor({ what: 'the flow to fail', timeoutMs: 60_000 }, async () => {
      const status = await pair.status(flow);
      last = status;
      const { now } = status;
      return now.state === 'failed' && now.code !== 'TEAL-CARRIERS-001' ? now : undefined;
    });
  } catch (error) {
    throw new Error(`the flow does not fail: ${JSON.stringify(last)}`, { cause: error });
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (isTealError(error) ? error.code : String(error)),
  );
}

describe('the budget of the log', () => {
  test('ends a flow whose target is held: the slot goes, blue works, and nothing makes the flow go on', async () => {
    // A slot keeps the log of the whole server: what other tests write on a shared one would count.
    await using server = await ownServer(blueMajor());
    await using both = await carrierPair({ blue: server, spoolLimitBytes: 1_000_000, walBudgetBytes: 12_000_000 });
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    // Not at a place: in the middle of a statement on the target, which nothing but the lock ends.
    const holder = await both.green.connect();
    await holder.query('begin; lock table log in access exclusive mode');
    await write(both.blue, 8);
    const warned = await waitFor({ what: 'the warning', timeoutMs: 60_000 }, async () => {
      const status = await both.status('forward');
      return status.budget === 'ok' ? undefined : status;
    });
    expect([warned.budget, warned.retainedLimitBytes]).toEqual(['warn', 12_000_000]);
    await write(both.blue, 6);
    const now = await failed(both, 'forward');
    expect(now).toMatchObject({ code: 'TEAL-CARRIERS-007', reason: expect.stringContaining('12.0 MB') });
    await waitFor({ what: 'the slot to go', timeoutMs: 60_000 }, async () =>
      (await slotsOf(both.blue)) === 0 ? true : undefined,
    );
    await both.blue.query('insert into account values (2, 20)');
    await holder.query('rollback');

    // Neither a command nor a new worker makes it go on: it would miss what was written between.
    expect(await codeOf(both.carrier.deploy('forward'))).toBe('TEAL-CARRIERS-007');
    await killWorker(both, 'forward');
    expect(await codeOf(both.carrier.deploy('forward'))).toBe('TEAL-CARRIERS-007');
    expect(await failed(both, 'forward')).toMatchObject({ code: 'TEAL-CARRIERS-007' });
    expect(await both.green.query('select from account where id = 2')).toEqual([]);
    expect((await both.status('forward')).budget).toBe('exceeded');
    await both.carrier.retire('forward');
    expect(await readGivenUp(carrierPaths(both.stateDir, 'forward').folder)).toBeUndefined();
  });

  test('drops the slot in the next worker when the first was killed between evidence and act', async () => {
    await using both = await carrierPair();
    const { folder } = carrierPaths(both.stateDir, 'forward');
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    await killWorker(both, 'forward');
    const look = { head: await head(both.blue), slot: 'usable', retainedBytes: 5_000_000 } as const;
    await keepGivenUp(folder, givenUpNow('forward', 'live', look, 4_000_000));
    expect(await codeOf(both.carrier.deploy('forward'))).toBe('TEAL-CARRIERS-007');
    await waitFor({ what: 'the slot to go', timeoutMs: 60_000 }, async () =>
      (await slotsOf(both.blue)) === 0 ? true : undefined,
    );
    await waitFor({ what: 'the evidence of it', timeoutMs: 60_000 }, async () =>
      (await readGivenUp(folder))?.released === true ? true : undefined,
    );
  });

  test('tells that there is no way back when green owns the data', async () => {
    const look = { head: asPosition('A'), slot: 'usable', retainedBytes: 5e9 } as const;
    const error = errorOfGivenUp(givenUpNow('reverse', 'live', look, 4e9));
    expect(error.message).toMatch(
      /^TEAL-CARRIERS-008: rollback unavailable since \S+: green kept 5.0 GB of log, the limit is 4.0 GB/,
    );
    expect(errorOfGivenUp(givenUpNow('forward', 'shadow', look, 4e9)).code).toBe('TEAL-CARRIERS-008');
    expect(errorOfGivenUp(givenUpNow('reverse', 'shadow', look, 4e9)).code).toBe('TEAL-CARRIERS-007');
  });

  test('a slot that the server invalidates is told with its own code, and nothing is taken for applied', async () => {
    await using server = await ownServer(blueMajor(), {
      settings: { max_slot_wal_keep_size: '16MB', min_wal_size: '32MB', max_wal_size: '32MB' },
    });
    await using both = await carrierPair({ blue: server });
    await both.carrier.deploy('forward');
    await both.blue.query('insert into account values (1, 10)');
    await caughtUp(both, 'forward');
    const before = await contents(both.green);
    await both.carrier.halt('forward');
    await write(both.blue, 80);
    await both.blue.query('checkpoint');
    await both.carrier.deploy('forward');
    expect(await failed(both, 'forward')).toMatchObject({ code: 'TEAL-SYSTEMS-021' });
    expect(await contents(both.green)).toEqual(before);
    const { applied } = await both.status('forward');
    expect(applied < (await head(both.blue))).toBe(true);
  });
});
