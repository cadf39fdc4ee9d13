import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { openMigration } from '../../src/app/open-migration.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { stepIds } from '../../src/plan/plan.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { KeyedWriters } from './keyed-writers.ts';

const edges = ['before', 'acted', 'journalled'] as const;
/** Up to and with the decision; a kill before it takes the attempt back, and the next attempt has another name. */
const untilDecision = ['hold', 'fence', 'token', 'sequences', 'last-look', 'decide'];
const afterDecision = ['point', 'release', 'flow-back'];
/** A copy that kept its snapshot leaves nothing to wait for: the step is found done. */
const foundDone = new Set(['step:follow:converge:before', 'step:follow:converge:acted']);

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
  const before = stepIds(planned.plan).filter((id) => !id.startsWith('cut:') && !id.startsWith('finalise:'));
  const ledger = join(here, 'ledger');
  const names = [
    ...before.flatMap((id) => edges.map((edge) => `step:${id}:${edge}`)),
    ...cutFailpoints(1),
    ...cutFailpoints(2),
  ];
  const controlled = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
  const open = { file, env, command: 'up', signal: AbortSignal.timeout(600_000), onEvent: () => undefined, tools };
  try {
    // The proxy first: clients are on it before anything is prepared.
    await (await openMigration(open))[Symbol.asyncDispose]();
    const direct = new URL(blue.url);
    direct.port = String(port);
    const writers = await KeyedWriters.start(direct.href, 4);
    const kills = await untilDone(file, 'cutover', controlled);
    const back = await untilDone(file, 'rollback', controlled);
    await untilDone(file, 'cutover', controlled);
    const books = await writers.stop();
    const killedAt = (await readFile(ledger, 'utf8')).trim().split('\n');
    const missed = before
      .flatMap((id) => edges.map((edge) => `step:${id}:${edge}`))
      .filter((name) => !killedAt.includes(name) && !foundDone.has(name));
    expect(books.failures).toEqual([]);
    expect(missed).toEqual([]);
    expect(kills + back).toBe(killedAt.length);
    expect(kills).toBeGreaterThan(before.length * 2);
    {
      await using migration = await openMigration(open);
      expect(migration.live).toBe('green');
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
    }
    expect(await KeyedWriters.rowsOf(green.url)).toEqual(books.acknowledged);
  } finally {
    const migration = await openMigration(open);
    await migration.stopProcesses();
    await migration[Symbol.asyncDispose]();
    await rm(here, { recursive: true, force: true });
  }
});

/** Runs controllers until one ends by itself; returns how many were killed. */
async function untilDone(file: string, command: string, env: NodeJS.ProcessEnv): Promise<number> {
  const majors = [String(blueMajor()), String(greenMajor())];
  for (let kills = 0; kills < 200; kills += 1) {
    const child = spawn(process.execPath, ['test/migration/controller.ts', file, command, ...majors], {
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
