import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carrierPair, caughtUp } from '../../src/app/test-support/carrier-pair.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { storedTables } from '../../src/model/catalog.ts';
import { copyTables } from '../../src/sync/copy.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { postgresSide } from '../../src/systems/postgres/digest/side.ts';
import { PostgresFence } from '../../src/systems/postgres/fence.ts';
import { KeptSession } from '../../src/systems/postgres/kept-session.ts';
import { discardSnapshot, heldSource, openSnapshot, probeSnapshot } from '../../src/systems/postgres/snapshot.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import { verifySamePosition, type VerifyResult } from '../../src/verify/same-position.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { catalogOf, holderCommand } from '../copy/sides.ts';
import { blueMajor, greenMajor, ownServer, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { commitUnseen, flow, stall, untilUnseen } from './gap.ts';

const signal = new AbortController().signal;

/**
 * A commit is decoded before it is seen. What compares or copies by an ordinary snapshot then finds a row older than one that the flow has brought already, and takes
 * the older for the newer.
 */
describe('9: a commit that is in the log and that nobody sees', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await ownServer(blueMajor());
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  test('is on green before blue shows it, and a comparison waits for it instead of finding a difference', async () => {
    await using both = await carrierPair({ blue: server });
    await both.carrier.deploy('forward');
    await both.blue.query(`insert into account values (1, 1, 'old')`);
    await caughtUp(both, 'forward');
    const verify = async (lockTimeoutMs: number): Promise<VerifyResult> =>
      verifySamePosition({
        migration: 'gap',
        flow: 'forward',
        tables: [{ schema: 'public', name: 'account' }],
        live: postgresSide({ side: 'blue', url: both.blue.url }),
        other: postgresSide({ side: 'green', url: both.green.url }),
        stopAt: async (position, leaseMs, stop) => both.carrier.stopAt('forward', position, leaseMs, stop),
        resume: async () => both.carrier.resume('forward'),
        signal,
        lockTimeoutMs,
      });
    await stall(both.blue);
    const { answered } = await commitUnseen(both.blue, `update account set note = 'new' where id = 1`);
    await waitFor({ what: 'the update on green', timeoutMs: 60_000 }, async () => {
      const rows = await both.green.query(`select from account where note = 'new'`);
      return rows.length > 0 || undefined;
    });
    expect(await both.blue.query('select note from account')).toEqual([{ note: 'old' }]);
    await expect(verify(300)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYSTEMS-027'));
    const waiting = verify(60_000);
    await waitFor({ what: 'the comparison to wait', timeoutMs: 60_000 }, async () => {
      const rows = await both.blue.query(
        `select from pg_stat_activity where backend_type = 'walsender' and wait_event_type = 'Lock'`,
      );
      return rows.length > 0 || undefined;
    });
    await flow(both.blue);
    await answered;
    expect((await waiting).certificate).toMatchObject({ result: 'equal' });
    await both.blue.query(`update account set note = 'newer'`);
    await caughtUp(both, 'forward');
    expect(await both.green.query('select note from account')).toEqual([{ note: 'newer' }]);
  });

  test('is in the snapshot of a copy, or there is no snapshot', async () => {
    await using blue = await testDatabase(server);
    await using green = await testDatabase(greenMajor());
    for (const db of [blue, green]) await db.query('create table a (id int primary key, note text)');
    await blue.query(`insert into a values (1, 'old')`);
    await using session = await connect({ url: green.url, applicationName: 'test' });
    await installTealSchema(session, 'green');
    const stateDir = await mkdtemp(join(tmpdir(), 'teal-gap-'));
    const tables = storedTables(await catalogOf(blue));
    const options = {
      url: blue.url,
      stateDir,
      command: holderCommand,
      tables,
      slot: `${blue.name}_fwd`,
      epoch: 1,
      slotTimeoutMs: 300,
    };
    try {
      await stall(blue);
      const { answered } = await commitUnseen(blue, `update a set note = 'new'`);
      await expect(openSnapshot(options, signal)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYSTEMS-027'));
      expect(await probeSnapshot(options)).toEqual({ state: 'not done' });
      expect(await blue.query('select note from a')).toEqual([{ note: 'old' }]);
      await flow(blue);
      await answered;
      const opened = await openSnapshot(options, signal);
      const target = postgresCopyTarget(green.url);
      await copyTables({ source: heldSource(options, opened), target, tables, epoch: 1, signal });
      expect(await green.query('select note from a')).toEqual([{ note: 'new' }]);
    } finally {
      await flow(blue);
      await discardSnapshot(options, signal);
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  test('holds up the fence: the token comes after it, or there is none', async () => {
    await using fenced = await fencedDatabase(server);
    await stall(fenced.database);
    const { answered } = await commitUnseen(fenced.database, `insert into a values (1)`);
    await expect(fenced.fence.raise({ ...raise, lockTimeoutMs: 200 })).rejects.toSatisfy((error) =>
      isTealError(error, 'TEAL-SYSTEMS-008'),
    );
    expect(await fenced.fence.probe()).toEqual({ fence: 'installed', tokens: [] });
    await flow(fenced.database);
    await answered;
    await fenced.fence.raise(raise);
    expect((await fenced.fence.probe()).fence).toBe('raised');
  });

  /** Whoever raised it was killed: what it has committed comes to light later, when nobody would lower it any more. */
  test('is waited for by who takes a cut back: a fence that is not seen yet does not stay up', async () => {
    await using fenced = await fencedDatabase(server);
    await stall(fenced.database);
    const raising = fenced.fence.raise(raise);
    await untilUnseen(fenced.database, `datname = '${fenced.database.name}'`);
    await using next = fenced.another();
    const lowering = next.fence.lower();
    await untilAsked(fenced.database);
    await flow(fenced.database);
    await Promise.all([raising, lowering]);
    expect(await next.fence.probe()).toEqual({ fence: 'installed', tokens: ['c1/blue', 'c1/blue/reopened'] });
    await fenced.database.query('insert into a values (2)');
  });

  /** Taken for an undecided cut it would be taken back, and two sides would be live. */
  test('is waited for by who asks for the owner: a decision that is not seen yet is not taken for none', async () => {
    await using fenced = await fencedDatabase(server);
    await stall(fenced.database);
    const owner = { epoch: 1, owner: 'green', cut: 'c1' } as const;
    const deciding = fenced.fence.lower(owner);
    await untilUnseen(fenced.database, `datname = '${fenced.database.name}'`);
    await using next = fenced.another();
    const probing = next.fence.probe();
    await untilAsked(fenced.database);
    await flow(fenced.database);
    expect(await probing).toMatchObject({ owner });
    await deciding;
  });
});

const raise = { cut: 'c1', token: 'c1/blue', epoch: 1, lockTimeoutMs: 5_000 };

/** Until the other controller has come to where the answer is: it waits for the one that has committed. Without the wait it would have answered by then. */
async function untilAsked(database: TestDatabase): Promise<void> {
  await waitFor({ what: 'the other controller to wait', timeoutMs: 60_000, everyMs: 5 }, async () => {
    const rows = await database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
    );
    return rows.length > 0 || undefined;
  });
}

interface Fenced extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly fence: PostgresFence;
  /** As another controller has it. */
  another(): { readonly fence: PostgresFence } & AsyncDisposable;
}

async function fencedDatabase(server: PostgresServer): Promise<Fenced> {
  const database = await testDatabase(server);
  await database.query('create table a (id int primary key)');
  const another = (): ReturnType<Fenced['another']> => {
    const session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
    const fence = new PostgresFence(session, [{ schema: 'public', name: 'a' }]);
    return { fence, [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose]() };
  };
  await using connection = await connect({ url: database.url, applicationName: 'test' });
  await installTealSchema(connection, 'blue');
  const first = another();
  await first.fence.install(false);
  return {
    database,
    fence: first.fence,
    another,
    async [Symbol.asyncDispose]() {
      await flow(database);
      await first[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
