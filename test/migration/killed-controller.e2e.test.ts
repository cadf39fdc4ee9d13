import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { openMigration } from '../../src/app/open-migration.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { stepIds } from '../../src/plan/plan.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { endProcesses, queryUrl } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { migrationController } from '../support/program.ts';

/** More than a hundred controllers, one after another. */
const limitMs = 1_200_000;
vi.setConfig({ testTimeout: limitMs });
const edges = ['before', 'acted', 'journalled'] as const;
/** Of steps that follow one another: past `journalled` of one is what `before` of the next one finds. */
const stepEdges = ['before', 'acted'] as const;
/** Up to and with the decision; a kill before it takes the attempt back, and the next attempt has another name. */
const untilDecision = ['hold', 'fence', 'token', 'sequences', 'last-look', 'decide'];
const afterDecision = ['point', 'release', 'flow-back'];
/** A copy that kept its snapshot leaves nothing to wait for: the step is found done. */
const foundDone = new Set([
  'step:follow:converge:before',
  'step:follow:converge:acted',
  // These run beside others. Who is killed at an edge of the one may have acted in the other, which is that edge of it too: it is found done next time.
  ...[
    'prepare:teal-schema-blue',
    'prepare:teal-schema-green',
    'copy:receive',
    'copy:rows',
    'copy:release-snapshot',
    'copy:keys',
  ].map((id) => `step:${id}:acted`),
]);

/**
 * Every place at which the first cut of an epoch can be interrupted: each attempt is killed one edge later than the one before, and the last of them is
 * past the decision, so that the rest is killed edge by edge under one name.
 */
function cutFailpoints(epoch: number): readonly string[] {
  const places = untilDecision.flatMap((what) => edges.map((edge) => `${what}:${edge}`));
  const decided = places.indexOf('decide:acted');
  const names = places.slice(0, decided + 1).map((place, index) => `step:cut:e${epoch}a${index + 1}:${place}`);
  const last = `step:cut:e${epoch}a${decided + 1}`;
  return [...names, ...afterDecision.flatMap((what) => edges.map((edge) => `${last}:${what}:${edge}`))];
}

/**
 * The second cut forward runs the same steps as the first: killed with the fence raised, at the decision, and after each step past it. Whether a killed one acts again there
 * is a matter of time: a proxy past its lease has followed the owner row by itself. Who is killed there, the next controller or a recovery that the supervisor has started, is
 * one too.
 */
const secondCut = [
  'step:cut:e3a1:fence:acted',
  'step:cut:e3a2:decide:acted',
  ...afterDecision.map((what) => `step:cut:e3a2:${what}:journalled`),
];

test('a controller killed at every edge of every step ends right: nothing lost, no query failed', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  const here = await mkdtemp(join(tmpdir(), 'teal-killed-'));
  const port = await freePort();
  const file = join(here, 'teal.yaml');
  await writeFile(
    file,
    `teal: 1\nname: killed\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n` +
      `traffic: { router: proxy, listen: "127.0.0.1:${port}", clientAuth: trust }\n` +
      `cutover: { gates: [{ person: tester }] }\n`,
  );
  const tools = await pgTools(blueMajor(), greenMajor());
  const env = { ...process.env, BLUE_URL: blue.url, GREEN_URL: green.url, TEAL_PG_BIN: tools.binDir };
  await KeyedWriters.createTables(blue.url);
  process.env['TEAL_PG_BIN'] = tools.binDir;
  const planned = await planMigration(loadSpec(file, env), new AbortController().signal);
  const ids = stepIds(planned.plan);
  const before = ids.filter((id) => !id.startsWith('cut:') && !id.startsWith('finalise:'));
  const ends = ids
    .filter((id) => id.startsWith('finalise:'))
    .flatMap((id) => stepEdges.map((edge) => `step:${id}:${edge}`));
  expect(ends.length).toBeGreaterThan(6);
  const ledger = join(here, 'ledger');
  const names = [
    ...before.flatMap((id) => stepEdges.map((edge) => `step:${id}:${edge}`)),
    ...cutFailpoints(1),
    ...cutFailpoints(2),
    ...secondCut,
    ...ends,
  ];
  const controlled = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
  const open = { file, env, command: 'up', signal: AbortSignal.timeout(limitMs), onEvent: () => undefined, tools };
  try {
    // The proxy first: clients are on it before anything is prepared. The supervisor that is started with it has the failpoints, and so have its recoveries.
    await (await openMigration({ ...open, env: controlled }))[Symbol.asyncDispose]();
    const direct = new URL(blue.url);
    direct.port = String(port);
    const writers = await KeyedWriters.start(direct.href, 4);
    const kills = await untilDone(file, 'cutover', controlled);
    const back = await untilDone(file, 'rollback', controlled);
    const again = await untilDone(file, 'cutover', controlled);
    const books = await writers.stop();
    const killedAt = (await readFile(ledger, 'utf8')).trim().split('\n');
    const missed = before
      .flatMap((id) => stepEdges.map((edge) => `step:${id}:${edge}`))
      .filter((name) => !killedAt.includes(name) && !foundDone.has(name));
    expect(books.failures).toEqual([]);
    expect(missed).toEqual([]);
    const recoveries = await killedRecoveries(here);
    expect(kills + back + again + recoveries).toBe(killedAt.length);
    expect(secondCut.filter((name) => !killedAt.includes(name))).toEqual([]);
    expect(kills).toBeGreaterThan(before.length * 1.5);
    {
      await using migration = await openMigration(open);
      expect(migration.live).toBe('green');
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
    }
    expect(await untilDone(file, 'finalise', controlled)).toBe(ends.length);
    expect(await KeyedWriters.rowsOf(green.url)).toEqual(books.acknowledged);
    expect(await traces(blue.url)).toEqual(['schema teal']);
    expect(await traces(green.url)).toEqual([]);
  } finally {
    const migration = await openMigration(open);
    await migration.stopProcesses();
    await migration[Symbol.asyncDispose]();
    await rm(here, { recursive: true, force: true });
  }
});

test('a controller killed at every edge of everything that abort undoes ends right: nothing of it is left', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  const here = await mkdtemp(join(tmpdir(), 'teal-killed-'));
  const file = join(here, 'teal.yaml');
  await writeFile(
    file,
    `teal: 1\nname: killed\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n` +
      `traffic: { router: none }\ncutover: { gates: [{ person: tester }] }\n`,
  );
  const tools = await pgTools(blueMajor(), greenMajor());
  const env = { ...process.env, BLUE_URL: blue.url, GREEN_URL: green.url, TEAL_PG_BIN: tools.binDir };
  await KeyedWriters.createTables(blue.url);
  const rows = await relations(blue.url);
  const ledger = join(here, 'ledger');
  const open = { file, env, command: 'up', signal: AbortSignal.timeout(600_000), onEvent: () => undefined, tools };
  try {
    let done: readonly string[] = [];
    {
      await using migration = await openMigration(open);
      expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
      done = Object.keys(migration.state.steps);
    }
    const names = done.flatMap((id) => stepEdges.map((edge) => `undo:${id}:${edge}`));
    const controlled = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
    expect(await untilDone(file, 'abort', controlled)).toBe(names.length);
    expect(await traces(blue.url)).toEqual([]);
    expect(await traces(green.url)).toEqual([]);
    expect(await relations(blue.url)).toEqual(rows);
    expect(await relations(green.url)).toEqual([]);
  } finally {
    await endProcesses(here);
    await rm(here, { recursive: true, force: true });
  }
});

/** How many recoveries were killed in their turn, by the supervisor's log. */
async function killedRecoveries(here: string): Promise<number> {
  const log = await readFile(join(here, '.teal', 'killed', 'supervisor', 'log'), 'utf8');
  return log.split('\n').filter((line) => line.includes('TEAL-APP-005') && line.includes('ended by SIGKILL')).length;
}

async function traces(url: string): Promise<readonly string[]> {
  const rows = await queryUrl(
    url,
    `select 'slot ' || slot_name as what from pg_replication_slots
     union all select 'publication ' || pubname from pg_publication
     union all select 'origin ' || roname from pg_replication_origin
     union all select 'event trigger ' || evtname from pg_event_trigger
     union all select 'schema teal' where to_regnamespace('teal') is not null
     union all select 'identity of ' || relname from pg_class where relreplident = 'f' and relkind = 'r'`,
  );
  return rows.map(({ what }) => what ?? '');
}

async function relations(url: string): Promise<readonly string[]> {
  const rows = await queryUrl(
    url,
    `select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`,
  );
  return rows.map(({ relname }) => relname ?? '');
}

/** Runs controllers until one ends by itself; returns how many were killed. */
async function untilDone(file: string, command: string, env: NodeJS.ProcessEnv): Promise<number> {
  for (let kills = 0; kills < 200; kills += 1) {
    const child = spawn(process.execPath, [migrationController, file, command], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    if (exit[1] === 'SIGKILL') continue;
    expect(exit[0], `${err.slice(-2_000)}${out}`).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'done' });
    return kills;
  }
  throw new Error('killed 200 times and still not done');
}
