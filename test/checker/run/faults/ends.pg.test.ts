import { expect, test } from 'vitest';
import { must } from '../../../../src/kernel/assert.ts';
import { monotonicMs, waitFor } from '../../../../src/kernel/clock.ts';
import { isTealError, type TealError } from '../../../../src/kernel/errors.ts';
import { faultKinds } from '../../faults.ts';
import { asked, inject, patienceMs } from './test-support/inject.ts';
import { faultPlace, type FaultPlace } from './test-support/place.ts';

const schema = 'create table item (id int primary key)';

async function refusal(work: Promise<unknown>): Promise<TealError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isTealError(error)) throw new Error('it was not refused', { cause: error });
  return error;
}

async function flowFails(at: FaultPlace): Promise<void> {
  await waitFor({ what: 'the flow to tell', timeoutMs: 60_000 }, async () => {
    const { now } = await at.life.migration.carrier.status('forward');
    return (now.state === 'failed' && now.code !== 'TEAL-CARRIERS-001') || undefined;
  });
}

async function slots(at: FaultPlace): Promise<readonly unknown[]> {
  const sql = `select slot_name from pg_replication_slots where slot_name like 'teal%'`;
  return [...(await at.query('blue', sql)), ...(await at.query('green', sql))];
}

const insert = (id: number): string => `insert into item values (${id})`;

/** Each ends a migration: it says so by a code that says whether data may differ, clients do not notice, and it can be taken away. */
const codes = [
  ['slot dropped', 'TEAL-SYSTEMS-020'],
  ['slot invalidated', 'TEAL-SYSTEMS-021'],
  ['failover', 'TEAL-SYSTEMS-024'],
] as const;

test.each(codes)('%s while blue is live: refused with %s, aborted', { timeout: 300_000 }, async (fault, code) => {
  expect(
    must(
      faultKinds.find(({ name }) => name === fault),
      fault,
    ).ends,
  ).toBe(true);
  await using at = await faultPlace({ schema });
  const { migration } = at.life;
  expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
  expect(await asked(at.clientUrl, insert(1))).toBeLessThan(patienceMs);
  const injection = await inject(at, fault);
  await injection.heal();
  await waitFor({ what: 'clients to be served', timeoutMs: 60_000 }, async () =>
    typeof (await asked(at.clientUrl, 'select 1')) === 'number' ? true : undefined,
  );
  await flowFails(at);
  expect(await asked(at.clientUrl, insert(2))).toBeLessThan(patienceMs);
  for (const work of [async () => migration.cutover(), async () => migration.up(), async () => migration.verify()]) {
    const { code: told, entry } = await refusal(work());
    expect([told, entry.retry, entry.dataMayDiffer]).toEqual([code, 'never', 'yes']);
  }
  expect(await migration.abort('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
  expect(await asked(at.clientUrl, insert(3))).toBeLessThan(patienceMs);
  expect(await at.query('blue', 'select id from item order by 1')).toEqual([{ id: '1' }, { id: '2' }, { id: '3' }]);
  expect(await slots(at)).toEqual([]);
});

test('a slot that is dropped in a cut: given up at once, not when clients have waited long enough', async () => {
  let held: (() => void) | undefined;
  await using at = await faultPlace({
    schema,
    maxPause: '20s',
    onEvent: (event) => {
      if (event.kind === 'step started' && event.step.endsWith(':hold')) held?.();
    },
  });
  const { migration } = at.life;
  expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
  const dropped = Promise.withResolvers<unknown>();
  const link = at.world.links['forward-flow-blue'];
  // The token must not be quicker.
  held = () =>
    dropped.resolve(
      link
        .cut()
        .then(async () => inject(at, 'slot dropped'))
        .then(async () => link.heal()),
    );
  const began = monotonicMs();
  const error = await refusal(migration.cutover());
  expect(monotonicMs() - began).toBeLessThan(15_000);
  await dropped.promise;
  expect([error.code, migration.live]).toEqual(['TEAL-SYSTEMS-020', 'blue']);
  expect(await asked(at.clientUrl, insert(1))).toBeLessThan(patienceMs);
  expect(await migration.abort('a test')).toMatchObject({ outcome: 'done' });
});

test('a slot that is dropped while green is live: no way back, finalised', async () => {
  await using at = await faultPlace({ schema });
  const { migration } = at.life;
  expect(await migration.cutover()).toMatchObject({ live: 'green' });
  await inject(at, 'slot dropped');
  await flowFails(at);
  expect(await asked(at.clientUrl, insert(1))).toBeLessThan(patienceMs);
  expect(await refusal(migration.rollback('a test'))).toMatchObject({ code: 'TEAL-SYSTEMS-020' });
  expect(await asked(at.clientUrl, insert(2))).toBeLessThan(patienceMs);
  expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
  expect(await asked(at.clientUrl, insert(3))).toBeLessThan(patienceMs);
  expect(await slots(at)).toEqual([]);
});
