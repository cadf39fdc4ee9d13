import { expect, test } from 'vitest';
import { waitFor } from '../../../../src/kernel/clock.ts';
import { isTealError } from '../../../../src/kernel/errors.ts';
import { must } from '../../../../src/kernel/assert.ts';
import type { Flow, FlowState } from '../../../../src/ports/carrier.ts';
import { scheduleOf } from '../../schedule.ts';
import { tablesSql } from '../tables.ts';
import { injectors } from './index.ts';
import { asked, inject, patienceMs } from './test-support/inject.ts';
import { faultPlace, type FaultPlace } from './test-support/place.ts';

async function becomes(at: FaultPlace, flow: Flow, state: FlowState['state']): Promise<FlowState> {
  return waitFor({ what: `the ${flow} flow to be ${state}`, timeoutMs: 60_000 }, async () => {
    const { now } = await at.life.migration.carrier.status(flow);
    return now.state === state ? now : undefined;
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (isTealError(error) ? error.code : String(error)),
  );
}

test('what people do to a migration, and how it goes on', { timeout: 300_000 }, async () => {
  await using at = await faultPlace({ schema: tablesSql(scheduleOf(1, { length: 'short' })) });
  const { migration } = at.life;
  expect(await migration.up()).toMatchObject({ outcome: 'waiting' });

  const forward = await inject(at, 'ddl');
  expect(forward.what).toContain('on blue');
  expect(await becomes(at, 'forward', 'waiting')).toMatchObject({ code: 'TEAL-SYNC-102' });
  expect(await codeOf(migration.cutover())).toBe('TEAL-STAGES-107');
  await forward.heal();
  await becomes(at, 'forward', 'running');

  // Beside the proxy, as in a cut that has begun, and through it, as the seed has it.
  const long = must(injectors['long transaction'], 'the fault');
  const beside = await long(at.world, { fault: 'long transaction', place: 'hold' });
  expect(beside.what).toContain('on blue');
  expect(await codeOf(migration.cutover())).toBe('TEAL-SYSTEMS-008');
  await beside.heal();
  const through = await waitFor({ what: 'one through the proxy', timeoutMs: 60_000 }, async () => {
    const one = await long(at.world, { fault: 'long transaction', place: 'set-up' });
    if (one.what.includes('proxy')) return one;
    await one.heal();
    return undefined;
  });
  expect(await codeOf(migration.cutover())).toBe('TEAL-STAGES-100');
  expect(await asked(at.clientUrl, 'insert into side values (1)')).toBeLessThan(patienceMs);
  await through.heal();

  const rogue = await inject(at, 'rogue writer');
  expect(rogue.what).toContain('on green');
  await waitFor({ what: 'it to be seen', timeoutMs: 60_000 }, async () =>
    (await migration.carrier.status('reverse')).rogueTransactions > 0 ? true : undefined,
  );
  expect(await codeOf(migration.cutover())).toBe('TEAL-STAGES-107');
  await rogue.heal();
  const found = await migration.verify(true);
  expect(found.verified).toMatchObject({ equal: false });
  expect(await migration.repair(found)).toBe(1);
  expect((await migration.verify()).verified).toMatchObject({ equal: true });
  expect(await migration.cutover()).toMatchObject({ live: 'green' });

  const back = await inject(at, 'ddl');
  expect(back.what).toContain('on green');
  await becomes(at, 'reverse', 'waiting');
  await back.heal();
  await becomes(at, 'reverse', 'running');
  expect(await migration.rollback('a test')).toMatchObject({ live: 'blue' });
});
