import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { blueMajor, greenMajor, ownServer, testDatabase } from '../../../test/support/postgres.ts';
import { waitFor } from '../../kernel/clock.ts';
import { minuteMs } from '../../observe/vitals/history.ts';
import type { Minute } from '../../observe/vitals/series.ts';
import { connect } from '../../systems/postgres/connection.ts';
import { askSides } from '../ask-sides.ts';
import type { LoadedSpec } from '../load-spec.ts';
import { parseSpec } from '../../spec/parse.ts';
import { readMinutes } from './kept-minutes.ts';
import { lookAtSystems } from './look-at-systems.ts';
import { valuesBetween } from './rates.ts';
import { watchSystems, type AnomaliesSeen, type WatchPorts } from './watch-systems.ts';
import { keepMinute } from './kept-minutes.ts';

const never = new AbortController().signal;

function loadedOf(blue: string, green: string, stateDir: string): LoadedSpec {
  const text = `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { router: none }\nanomalies: { every: 1s, disk: { blue: 100GB } }\n`;
  const parsed = parseSpec(text, { env: { BLUE_URL: blue, GREEN_URL: green }, readText: () => undefined });
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ message }) => message).join('; '));
  return { spec: parsed.spec, file: '', stateDir, journal: join(stateDir, 'journal') };
}

async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-watch-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('two looks at real servers give the rates of what was done between them, and what may be used up', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  const loaded = loadedOf(blue.url, green.url, await stateFolder());
  await using sides = askSides(loaded.spec);
  const look = lookAtSystems(loaded, sides.ask, () => 'blue');
  await using client = await connect({ url: blue.url, applicationName: 'shop' });
  const first = await look(true, never);
  expect(first.trouble).toBeUndefined();
  await client.query("set work_mem = '64kB'");
  await client.query('select count(*) from (select n from generate_series(1, 200000) as n order by n desc) as x');
  await client.query('create table public.item (id int primary key, what text)');
  for (let id = 0; id < 50; id++) {
    await client.query(`insert into public.item values (${id}, repeat('x', 2000))`);
    await client.query('begin; select 1; rollback');
    await client.query('select count(*) from pg_catalog.pg_attribute');
  }
  // A session tells its counts when it is idle, at the latest a second later; one that ends tells them at once.
  await client[Symbol.asyncDispose]();
  const values = await waitFor({ what: 'the counts', timeoutMs: 30_000 }, async () => {
    const second = await look(true, never);
    const between = valuesBetween({ ...first.look, atMs: second.look.atMs - 10_000 }, second.look);
    return (between['live.commits'] ?? 0) >= 5 ? between : undefined;
  });
  expect(values['live.temporaryBytes']).toBeGreaterThan(10_000);
  expect(values['live.logBytes']).toBeGreaterThan(1_000);
  expect(values['live.rollbackShare']).toBeGreaterThan(0.2);
  expect(values['live.cacheHitShare']).toBeGreaterThan(0.5);
  expect(values['other.commits']).toBeLessThan(5);
  // Of the whole server, on which other tests wait too.
  expect(values).toMatchObject({ 'live.lockWaits': expect.any(Number), 'other.lockWaits': expect.any(Number) });
  const { sides: seen } = (await look(true, never)).look;
  expect(seen.blue?.gauges.databaseBytes).toBeGreaterThan(5e6);
  expect(seen.blue?.limits.connections).toBeGreaterThan(50);
  expect(seen.green?.gauges.transactionAge).toBeGreaterThanOrEqual(0);
  expect(seen.green?.gauges.transactionAge).toBeLessThan(seen.green?.limits.transactionAge ?? 0);
});

test('a side that does not answer is absent, and said', async () => {
  await using blue = await testDatabase(blueMajor());
  const loaded = loadedOf(blue.url, 'postgres://127.0.0.1:1/none', await stateFolder());
  await using sides = askSides(loaded.spec);
  const { look, trouble } = await lookAtSystems(loaded, sides.ask, () => 'blue')(true, never);
  expect(Object.keys(look.sides)).toEqual(['blue']);
  expect(trouble).toMatch(/^green: /);
});

test('writers that stand at a lock are told of within minutes, and so is that they go on; another process knows what this one has seen', async () => {
  // Nobody else waits on it.
  await using blue = await ownServer(blueMajor());
  await using maker = await connect({ url: blue.url, applicationName: 'maker' });
  await maker.query('create table public.item (id int primary key)');
  await maker.query('insert into public.item values (1)');
  await using green = await testDatabase(greenMajor());
  const stateDir = await stateFolder();
  const loaded = loadedOf(blue.url, green.url, stateDir);
  await using sides = askSides(loaded.spec);
  const look = lookAtSystems(loaded, sides.ask, () => 'blue');
  const beganMs = Date.parse('2026-03-02T00:00:00.000Z');
  const [waitFrom, waitTo, last] = [80, 90, 100];
  let minute = 0;
  let waiting: { end(): Promise<void> } | undefined;
  const told: (AnomaliesSeen & { readonly minute: number })[] = [];
  const ports: WatchPorts = {
    rule: { everyMs: 1, diskBytes: { blue: 100e9 } },
    isWanted: async () => minute < last,
    // One real look stands for a minute: time is what the test makes it.
    look: async (sizes, signal) => {
      minute += 1;
      if (minute === waitFrom) waiting = await standAtALock(blue.url);
      if (minute === waitTo) await waiting?.end();
      const seen = await look(sizes, signal);
      return { ...seen, look: { ...seen.look, atMs: beganMs + minute * minuteMs } };
    },
    keep: async (one) => keepMinute(stateDir, one),
    tell: async (seen) => void told.push({ ...seen, minute }),
    log: () => undefined,
    now: () => beganMs + minute * minuteMs,
  };
  await watchSystems(ports, [], never);
  const waits = told.filter(({ open }) => open.some(({ series }) => series === 'live.lockWaits'));
  expect(waits[0]?.minute).toBeGreaterThan(waitFrom + 2);
  expect(waits[0]?.minute).toBeLessThanOrEqual(waitFrom + 6);
  expect(waits[0]?.open.find(({ series }) => series === 'live.lockWaits')).toMatchObject({
    worst: 12,
    expected: { from: 'the hours before', middle: 0 },
  });
  const end = told.at(-1);
  expect(end?.open.filter(({ series }) => series === 'live.lockWaits')).toEqual([]);
  expect(end?.past.map(({ series }) => series)).toContain('live.lockWaits');
  expect(end?.capacities.map(({ side, what }) => `${side} ${what}`)).toEqual(
    expect.arrayContaining(['blue databaseBytes', 'blue connections', 'green transactionAge']),
  );
  expect(end?.capacities.map(({ side, what }) => `${side} ${what}`)).not.toContain('green databaseBytes');

  const { minutes, skipped } = await readMinutes(stateDir);
  expect(skipped).toBe(0);
  expect(minutes.length).toBeGreaterThan(95);
  expect(minutes.find(({ atMs }) => atMs === beganMs + (waitFrom + 2) * minuteMs)?.values['live.lockWaits']).toBe(12);
  const after: Minute[] = [];
  let looks = 0;
  const again = { ...ports, isWanted: async () => looks++ < 6, keep: async (one: Minute) => void after.push(one) };
  const seenAgain: number[] = [];
  await watchSystems({ ...again, tell: async (seen) => void seenAgain.push(seen.minutes) }, minutes, never);
  expect(seenAgain[0]).toBe(minutes.length);
});

/** Twelve sessions that want one row, which a thirteenth holds. */
async function standAtALock(url: string): Promise<{ end(): Promise<void> }> {
  const holder = await connect({ url, applicationName: 'holder' });
  await holder.query('begin');
  await holder.query('select * from public.item where id = 1 for update');
  const writers = await Promise.all(
    Array.from({ length: 12 }, async () => connect({ url, applicationName: 'writer' })),
  );
  const writing = writers.map(async (writer) => writer.query('update public.item set id = 1 where id = 1'));
  await waitFor({ what: 'twelve to wait', timeoutMs: 30_000 }, async () => {
    await using looker = await connect({ url, applicationName: 'looker' });
    const { rows } = await looker.query(
      "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    );
    return JSON.stringify(rows).includes('12') ? true : undefined;
  });
  return {
    end: async () => {
      await holder.query('rollback');
      await Promise.all(writing);
      for (const one of [holder, ...writers]) await one[Symbol.asyncDispose]();
    },
  };
}
