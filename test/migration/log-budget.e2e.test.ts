import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const spec = 'follow: { walBudget: 20MB, spool: 1MB }\ncutover: { gates: [{ person: dba }] }';
const schema = 'create table item (id bigint generated always as identity primary key, what text not null)';

async function slots(place: TealPlace, side: 'blue' | 'green'): Promise<number> {
  return (await place.query(side, 'select from pg_replication_slots')).length;
}

/** Through the proxy, as clients do it: about 1 MB in each of so many transactions. */
async function write(place: TealPlace, megabytes: number): Promise<void> {
  const url = new URL(place.blue.url);
  url.port = String(place.port);
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    for (let n = 0; n < megabytes; n += 1) {
      await client.query(`insert into item (what) select repeat('x', 1000) || g from generate_series(1, 1000) g`);
    }
  } finally {
    await client.end();
  }
}

async function gone(place: TealPlace, side: 'blue' | 'green'): Promise<void> {
  await waitFor({ what: `the slots of ${side} to go`, timeoutMs: 60_000 }, async () =>
    (await slots(place, side)) === 0 ? true : undefined,
  );
}

test('a target that is away while blue writes past the budget costs blue nothing: the flow ends, and is not made anew', async () => {
  await using place = await tealPlace({ schema, spec });
  expect((await place.teal('up')).code).toBe(4);
  await place.green.stop();
  await write(place, 25);
  await gone(place, 'blue');
  await write(place, 1);
  expect((await place.teal('status')).out.replaceAll(/\s+/g, ' ')).toMatch(
    /forward failed.* blue kept .* the limit is 20.0 MB/,
  );
  await place.green.restart();
  for (const command of ['up', 'cutover']) {
    const refused = await place.teal(command);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('TEAL-CARRIERS-007')]);
  }
  expect(await slots(place, 'blue')).toBe(0);
  expect(await place.teal('abort', '--yes')).toMatchObject({ code: 0 });
  expect(await place.query('green', `select from pg_tables where schemaname in ('public', 'teal')`)).toEqual([]);
  expect(await place.query('blue', `select from pg_namespace where nspname = 'teal'`)).toEqual([]);
  expect(await place.query('blue', 'select count(*) from item')).toEqual([{ count: '26000' }]);
  // And again from the start.
  expect(await place.teal('up')).toMatchObject({ code: 4 });
});

test('while green is live nobody waits for blue: the way back ends, and is told', async () => {
  await using place = await tealPlace({ schema, spec });
  expect((await place.teal('up')).code).toBe(4);
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await place.blue.stop();
  await write(place, 25);
  await gone(place, 'green');
  await write(place, 1);
  expect((await place.teal('status')).out.replaceAll(/\s+/g, ' ')).toContain('rollback unavailable since');
  await place.blue.restart();
  const refused = await place.teal('rollback');
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('TEAL-CARRIERS-008')]);
  expect(await place.teal('finalise', '--yes', '--early')).toMatchObject({ code: 0 });
  await write(place, 1);
  expect(await place.query('green', 'select count(*) from item')).toEqual([{ count: '27000' }]);
});

test('log that piles up during the copy ends the copy', async () => {
  await using place = await tealPlace({
    schema: `${schema}; insert into item (what) select repeat('y', 300) || g from generate_series(1, 300000) g`,
    spec,
  });
  const stop = new AbortController();
  const writing = (async () => {
    await waitFor({ what: 'the slot', timeoutMs: 60_000 }, async () =>
      (await slots(place, 'blue')) > 0 ? true : undefined,
    );
    // However fast the copy is, its target stands still until the log has piled up.
    const holding = new Client({ connectionString: place.green.url });
    await holding.connect();
    try {
      await holding.query('begin; lock table item in access exclusive mode');
      await write(place, 30);
    } finally {
      await holding.end();
    }
    while (!stop.signal.aborted) await write(place, 10);
  })();
  const up = await place.teal('up');
  stop.abort();
  await writing;
  expect([up.code, up.err]).toEqual([1, expect.stringContaining('TEAL-CARRIERS-007')]);
  await gone(place, 'blue');
  expect(
    await place.query('blue', `select from pg_stat_activity where application_name = 'teal snapshot holder'`),
  ).toEqual([]);
  expect((await place.teal('up')).err).toContain('TEAL-CARRIERS-007');
  expect(await slots(place, 'blue')).toBe(0);
  expect(await place.teal('abort', '--yes')).toMatchObject({ code: 0 });
  // It serves clients on after an abort, and nobody watches it any more.
  process.kill(Number(await readFile(join(place.folder, '.teal/shop/proxy/pid'), 'utf8')));
});
