import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { carrierPair, caughtUp, contents, type CarrierPair } from '../../src/app/test-support/carrier-pair.ts';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';

interface Ended {
  readonly signal: string | null;
  readonly out: string;
}

async function verify(both: CarrierPair, leaseMs: number, killed: boolean): Promise<Ended> {
  const [slot] = await both.blue.query(
    `select slot_name from pg_replication_slots where slot_name like '%_fwd' and database = current_database()`,
  );
  const migration = must(slot?.['slot_name'], 'a slot').slice('teal_'.length, -'_fwd'.length);
  const args = [both.blue.url, both.green.url, migration, both.stateDir, String(leaseMs)];
  const child = spawn(process.execPath, [resolve(import.meta.dirname, 'verify-runner.ts'), ...args], {
    env: {
      ...process.env,
      ...(killed
        ? { TEAL_FAILPOINTS: join(both.stateDir, `ledger-${leaseMs}`), TEAL_FAILPOINT_NAMES: 'verify.hold.stopped' }
        : {}),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [out, [, signal]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[unknown, string | null]>,
  ]);
  return { signal, out };
}

async function leftOnBlue(both: CarrierPair): Promise<unknown> {
  return both.blue.query(
    `select slot_name as what from pg_replication_slots where temporary and database = current_database()
     union all select application_name from pg_stat_activity where application_name like 'teal verify%' and datname = current_database()`,
  );
}

/** A tool that is killed between its stop and its going on leaves a flow that stands still, and nobody who knows. */
test('38: a comparison killed while the flow stands still: it goes on by itself when the lease ends, and nothing is left', async () => {
  await using both = await carrierPair();
  await both.carrier.deploy('forward');
  await both.blue.query('insert into account values (1, 10)');
  await caughtUp(both, 'forward');
  expect(await verify(both, 4_000, true)).toEqual({ signal: 'SIGKILL', out: '' });
  await both.blue.query('insert into account values (2, 20)');
  await caughtUp(both, 'forward');
  expect(await contents(both.green)).toEqual(await contents(both.blue));
  await waitFor({ what: 'the sessions of the killed one to end', timeoutMs: 60_000 }, async () =>
    JSON.stringify(await leftOnBlue(both)) === '[]' ? true : undefined,
  );
});

test('38: the next comparison does not wait for the lease of the one that was killed', async () => {
  await using both = await carrierPair();
  await both.carrier.deploy('forward');
  await both.blue.query('insert into account values (1, 10)');
  await caughtUp(both, 'forward');
  expect(await verify(both, 600_000, true)).toMatchObject({ signal: 'SIGKILL' });
  expect((await both.status('forward')).now.state).toBe('paused');
  await both.blue.query('insert into account values (2, 20)');
  expect(await verify(both, 30_000, false)).toEqual({ signal: null, out: 'equal' });
  await caughtUp(both, 'forward');
  expect(await contents(both.green)).toEqual(await contents(both.blue));
});
