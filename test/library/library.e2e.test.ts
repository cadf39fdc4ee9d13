import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import {
  abort,
  cutover,
  finalise,
  migrate,
  report,
  rollback,
  status,
  verify,
  isTealError,
  type Outcome,
  type Run,
} from 'teal';
import { runNode, tealPlace } from '../support/teal-place.ts';

const schema = `create table customer (id int generated always as identity primary key, name text not null);
  insert into customer (name) select 'name ' || n from generate_series(1, 1000) n;
  create table visit (customer int references customer, at timestamptz default now())`;

async function kindsOf(run: Run<Outcome>): Promise<readonly string[]> {
  const kinds = new Set<string>();
  for await (const { kind } of run) kinds.add(kind);
  return [...kinds].sort();
}

test('a program moves a database there and back with what `teal` exports, and hears every event', async () => {
  await using place = await tealPlace({ schema });
  process.env['TEAL_PG_BIN'] = place.env['TEAL_PG_BIN'];
  const { file, env } = place;
  const given = { file, env, by: 'a test' };

  const first = migrate(given);
  // One controller at a time: a second one is refused, and both ways to hear of it tell.
  const second = migrate(given);
  await expect(kindsOf(second)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-JOURNAL-003'));
  await expect(second.outcome).rejects.toSatisfy((error) => isTealError(error, 'TEAL-JOURNAL-003'));
  expect(await kindsOf(first)).toEqual(expect.arrayContaining(['stage', 'step done', 'step started', 'gate']));
  expect(await first.outcome).toMatchObject({ outcome: 'waiting', live: 'blue' });
  expect(first.dropped).toBe(0);

  expect(await verify(given).outcome).toMatchObject({ equal: true });
  expect(await cutover(given).outcome).toMatchObject({ outcome: 'done', live: 'green' });
  await place.query('green', `insert into customer (name) values ('made on green')`);
  expect(await rollback({ ...given, reason: 'to see that it can' }).outcome).toMatchObject({ live: 'blue' });
  expect(await place.query('blue', `select count(*) as n from customer`)).toEqual([{ n: '1001' }]);
  expect(await finalise(given).outcome).toMatchObject({ outcome: 'no' });
  expect(status(given)).toMatchObject({ live: 'blue', phase: 'back' });
  expect(report(given).records.some(({ event }) => event.type === 'rolledBack' && event.by === 'a test')).toBe(true);
  expect(await abort({ ...given, reason: 'enough' }).outcome).toMatchObject({ outcome: 'done', live: 'blue' });
  expect(await place.query('green', `select to_regclass('customer') as there`)).toEqual([{ there: null }]);
});

test('an aborted signal stops between two steps, and the next run goes on', async () => {
  await using place = await tealPlace({ schema });
  const { file, env } = place;
  const stop = new AbortController();
  const run = migrate({ file, env, signal: stop.signal });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of run) {
      if (event.kind !== 'step done') continue;
      seen.push(event.step);
      if (event.step === 'prepare:schema') stop.abort(new Error('enough for today'));
    }
  })();
  await expect(reading).rejects.toThrow('enough for today');
  expect(seen).not.toContain('prepare:publication-blue');
  const next = migrate({ file, env });
  const steps: string[] = [];
  for await (const event of next) if (event.kind === 'step done') steps.push(event.step);
  expect(await next.outcome).toMatchObject({ outcome: 'waiting' });
  expect(steps).not.toContain('prepare:schema');
  expect(steps).toContain('prepare:publication-blue');
});

test('the example runs', async () => {
  await using place = await tealPlace({ schema });
  const ran = await runNode(place.folder, place.env, resolve('examples/migrate.ts'), 'teal.yaml');
  expect(ran, ran.err).toMatchObject({ code: 0 });
  expect(ran.out).toContain('asked: does dba say yes?');
  expect(ran.out).toMatch(/green is live; clients waited \d+ ms/);
  expect(ran.out).toMatch(/done: green is live, .* rows certified/);
});
