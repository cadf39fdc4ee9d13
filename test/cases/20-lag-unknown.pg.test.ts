import { expect, test } from 'vitest';
import { carrierPair, caughtUp, killWorker } from '../../src/app/test-support/carrier-pair.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { guardrails } from '../../src/stages/cutover/guardrails.ts';

/** A lag that was not computed yet read as 0, and the switch was made (pgdog #1121). */
test('20: after a restart the lag is unknown until a heartbeat has come through, and a cut is refused so long', async () => {
  await using both = await carrierPair();
  await both.carrier.deploy('forward');
  await both.carrier.deploy('reverse');
  await both.blue.query('insert into account values (1, 10)');
  await caughtUp(both, 'forward');
  await waitFor({ what: 'the lag to be measured', timeoutMs: 60_000 }, async () =>
    (await both.status('forward')).lagMs === undefined ? undefined : true,
  );
  const lock = await both.blue.connect();
  await lock.query('begin; lock table teal.heartbeat in exclusive mode');
  await killWorker(both, 'forward');
  await both.carrier.deploy('forward');
  const reasons = async (): Promise<readonly string[]> => {
    const limits = { maxPauseMs: 3_000, drainMs: 2_000, lockTimeoutMs: 500, flowBackMs: 1_000 };
    return guardrails(
      { name: 'e1a1', epoch: 1, from: 'blue', to: 'green' },
      {
        router: { mode: 'running', pointsTo: 'blue', epoch: 0, clients: 0, inFlight: 0, pinned: [] },
        losing: { fence: 'installed', tokens: [] },
        gaining: { fence: 'raised', tokens: [] },
        onward: await both.status('forward'),
        back: await both.status('reverse'),
        settled: 0,
      },
      limits,
    );
  };
  await waitFor({ what: 'the flow to run', timeoutMs: 60_000 }, async () =>
    (await both.status('forward')).now.state === 'running' ? true : undefined,
  );
  expect((await both.status('forward')).lagMs).toBeUndefined();
  expect(await reasons()).toEqual(['the lag of the flow to green is not measured yet']);
  await lock.query('rollback');
  await waitFor({ what: 'the cut to be allowed', timeoutMs: 60_000 }, async () =>
    (await reasons()).length === 0 ? true : undefined,
  );
});
