import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { postgresPlace } from '../../src/app/journal-place.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import { proveChain } from '../../src/journal/prove-chain.ts';
import type { MigrationState } from '../../src/journal/state.ts';
import { must } from '../../src/kernel/assert.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';
import { runNode, tealPlace } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { heard, patienceMs, relay, standby, start } from './relay.ts';
import { tealMain } from '../support/program.ts';

const soon = { timeoutMs: patienceMs };

/** A client that only reads, until it is disposed of: what shadow compares and the canary moves. */
async function startReader(url: string): Promise<AsyncDisposable & { readonly failures: readonly string[] }> {
  const client = new Client({ connectionString: url });
  const failures: string[] = [];
  const over = new AbortController();
  client.on('error', (error) => failures.push(describeError(error)));
  await client.connect();
  const reading = (async () => {
    while (!over.signal.aborted) {
      await client
        .query('select n from counted where writer = $1', [31])
        .catch((error: unknown) => failures.push(describeError(error)));
      await sleep(5);
    }
  })();
  return {
    failures,
    async [Symbol.asyncDispose]() {
      over.abort();
      await reading;
      await client.end();
    },
  };
}

function stateAt(at: ReturnType<typeof postgresPlace>): MigrationState {
  using reader = openJournalReader(at);
  return reader.refresh();
}

test('a leader that is killed while green is tried, while it soaks and while the migration ends: who waits goes on with just that, and no query fails', async () => {
  let status = 200;
  await using health = createServer((_, response) => response.writeHead(status).end());
  health.listen(0, '127.0.0.1');
  await once(health, 'listening');
  const { port } = health.address() as AddressInfo;
  await using database = await testDatabase(greenMajor());
  await using place = await tealPlace({
    spec: [
      'shadow: { reads: 100%, for: 2s, atLeast: 20 }',
      'canary: { reads: 100%, hold: 2s, atLeast: 20 }',
      'cutover: { maxPause: 30s, gates: [{ person: dba }] }',
      `soak: { for: 1d, every: 500ms, failures: 2, health: [{ http: "http://127.0.0.1:${port}/" }] }`,
    ].join('\n'),
  });
  await KeyedWriters.createTables(place.blue.url);
  const ledger = join(place.folder, 'ledger');
  const wait = 'step:cut:e2a1:fence:acted';
  const names = [
    'step:shadow:begin:acted',
    'shadow.watch',
    'canary.watch',
    'step:canary:end:acted',
    `${wait}=wait`,
    'finalise.begun',
    'finalise.reverse.retired',
    'step:finalise:remove-blue:acted',
    'step:finalise:remove-green:acted',
    'finalise.removed',
  ];
  const env = { ...place.env, TEAL_JOURNAL: database.url };
  const failing = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
  const at = postgresPlace(database.url, 'shop', place.folder);
  const teal = async (...args: readonly string[]): ReturnType<typeof runNode> =>
    runNode(place.folder, env, tealMain, ...args);
  const first = start(place.folder, failing, 'up');
  await heard(first, 'opened');
  const through = new URL(place.blue.url);
  through.port = String(place.port);
  const writers = await KeyedWriters.start(through.href, 4);
  await using reader = await startReader(through.href);

  // In the middle of both watches, and at an edge of each stage.
  expect(await relay(place.folder, failing, first)).toEqual({ code: 4, takeOvers: 4 });
  for (const step of ['shadow:watch', 'canary:100%', 'canary:end'])
    expect(stateAt(at).steps[step]).toMatchObject({ state: 'done' });

  // The soak: its watch rolls back, and is killed behind the fence.
  expect(await start(place.folder, failing, 'cutover').ended).toBe(0);
  status = 503;
  await waitFor({ what: 'the rollback of the soak', ...soon }, async () =>
    (await readFile(ledger, 'utf8')).includes(wait) ? true : undefined,
  );
  const soaks = await standby(place.folder, env);
  const holder = must(
    soaks.events.find(({ kind }) => kind === 'standby'),
    'who leads',
  );
  process.kill(Number(holder['pid']), 'SIGKILL');
  expect(await soaks.ended, JSON.stringify(soaks.events.slice(-5))).toBe(0);
  expect(stateAt(at)).toMatchObject({ life: { phase: 'back' }, rollbacks: [{ cut: 'e2a2' }] });
  // Nobody has asked for green again: who waits does not go there by itself.
  expect((await (await standby(place.folder, env)).ended) ?? -1).toBe(0);
  expect(stateAt(at).life).toEqual({ phase: 'back' });

  status = 200;
  expect(await teal('cutover')).toMatchObject({ code: 0 });
  const ending = start(place.folder, failing, 'finalise', '--yes', '--early');
  expect(await ending.ended).toBeUndefined();
  expect(await teal('rollback')).toMatchObject({ code: 3, out: expect.stringContaining('its end was begun') });
  expect(await teal('up')).toMatchObject({ code: 3, out: expect.stringContaining('teal finalise') });
  expect((await teal('verify')).err).toContain('TEAL-APP-042');
  const ends = await standby(place.folder, failing);
  expect(await relay(place.folder, failing, ends)).toEqual({ code: 0, takeOvers: 4 });
  expect(stateAt(at)).toMatchObject({
    life: { phase: 'finalised', live: 'green' },
    stages: { finalise: { state: 'finished' } },
  });

  const books = await writers.stop();
  expect([books.failures, reader.failures]).toEqual([[], []]);
  expect(await KeyedWriters.rowsOf(place.green.url)).toEqual(books.acknowledged);
  for (const side of ['blue', 'green'] as const)
    expect(await place.query(side, 'select slot_name from pg_replication_slots')).toEqual([]);
  const met = (await readFile(ledger, 'utf8')).trim().split('\n');
  expect(met.toSorted()).toEqual(names.map((name) => name.replace('=wait', '')).toSorted());
  expect(proveChain(at)).toMatchObject({ unbroken: true });
});

test('a leader that is killed while it undoes everything: who waits undoes the rest, and nobody who waits begins anew', async () => {
  await using database = await testDatabase(greenMajor());
  await using place = await tealPlace({ schema: 'create table t (id int primary key); insert into t values (1)' });
  const ledger = join(place.folder, 'ledger');
  const env = { ...place.env, TEAL_JOURNAL: database.url };
  const names = ['undo:copy:rows:acted', 'undo:prepare:schema:before'];
  const failing = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
  expect(await start(place.folder, env, 'up').ended).toBe(4);
  const leader = start(place.folder, failing, 'abort', '--yes');
  await heard(leader, 'opened');
  const waits = [await standby(place.folder, failing)];
  await leader.ended;
  await heard(must(waits[0], 'the first'), 'opened');
  waits.push(await standby(place.folder, failing));
  expect(await waits[0]?.ended).toBeUndefined();
  expect(await waits[1]?.ended, JSON.stringify(waits[1]?.events.slice(-5))).toBe(0);
  expect(stateAt(postgresPlace(database.url, 'shop', place.folder)).life).toEqual({ phase: 'aborted' });
  expect(await place.query('green', `select to_regclass('public.t') as t`)).toEqual([{ t: null }]);
  expect(await place.query('blue', `select to_regnamespace('teal') as teal`)).toEqual([{ teal: null }]);
  const again = start(place.folder, env, 'up', '--standby');
  expect(await again.ended).toBe(1);
  expect(JSON.stringify(again.events)).toContain('TEAL-APP-043');
});
