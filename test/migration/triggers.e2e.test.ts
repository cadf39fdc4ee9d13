import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { carrierPaths } from '../../src/carriers/embedded/config.ts';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { holderFile, holderNumbers, readHolderRecord } from '../../src/systems/postgres/holder-file.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { endProcesses, queryUrl } from '../support/teal-place.ts';
import { Life } from '../support/whole-life.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { migrationController } from '../support/program.ts';

const limitMs = 1_800_000;
vi.setConfig({ testTimeout: limitMs });
const spec = 'follow: { method: triggers }\n';

/** A blue whose log holds nothing that a stream could be made of. */
async function blueWithoutLog(): Promise<PostgresServer> {
  return ownServer(blueMajor(), { settings: { wal_level: 'minimal', max_wal_senders: '0' } });
}

test('a blue whose log may not be read moves under writes, comes back, moves again and is left without a trace', async () => {
  await using blue = await blueWithoutLog();
  await using green = await ownServer(greenMajor());
  await KeyedWriters.createTables(blue.url);
  const before = await tracesOf(blue.url);
  await using life = await Life.begin({
    name: 'triggers',
    blueUrl: blue.url,
    greenUrl: green.url,
    tools: await pgTools(blueMajor(), greenMajor()),
    spec,
    maxPause: '60s',
    lifeMs: limitMs,
  });
  const writers = await KeyedWriters.start(life.proxyUrl, 2);
  const report = await life.live(async (_, turn) => {
    const count = writers.count;
    await waitFor({ what: 'clients to write', timeoutMs: 60_000 }, () => writers.count > count + 20 || undefined);
    // Blue is live: what it records is on its way.
    if (turn === 2) await killWorker(life.folder, 'triggers');
  });
  const books = await writers.stop();
  expect(books.failures).toEqual([]);
  expect(await KeyedWriters.rowsOf(green.url)).toEqual(books.acknowledged);
  expect(report.evidence['prepare:recorder-blue']).toMatch(/^triggers record \d+ tables$/);
  expect(report.pausesMs).toHaveLength(3);
  // Only the fence stays, so that no forgotten client writes there.
  expect(await tracesOf(blue.url)).toEqual([...before, 'function teal.fence']);
  expect(await tracesOf(green.url)).toEqual([]);
});

/** Around everything that is otherwise than with a log, and around the decision of a cut. */
const killedAt = [
  ...['prepare:recorder-blue', 'prepare:ddl-notes-blue', 'copy:snapshot', 'copy:receive', 'copy:rows'].flatMap((step) =>
    ['before', 'acted', 'journalled'].map((edge) => `step:${step}:${edge}`),
  ),
  'step:follow:deploy-forward:acted',
  'step:cut:e1a1:fence:acted',
  'step:cut:e1a2:decide:acted',
];

test('controllers killed around the record, and a snapshot that is lost, lose nothing; aborted, nothing of it is left', async () => {
  await using blue = await blueWithoutLog();
  await using green = await ownServer(greenMajor());
  const here = await mkdtemp(join(tmpdir(), 'teal-recorded-'));
  const port = await freePort();
  const file = join(here, 'teal.yaml');
  await writeFile(
    file,
    `teal: 1\nname: recorded\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n` +
      `traffic: { router: proxy, listen: "127.0.0.1:${port}", clientAuth: trust }\ncutover: { maxPause: 60s, gates: [{ person: tester }] }\n${spec}`,
  );
  const tools = await pgTools(blueMajor(), greenMajor());
  const env = { ...process.env, BLUE_URL: blue.url, GREEN_URL: green.url, TEAL_PG_BIN: tools.binDir };
  await KeyedWriters.createTables(blue.url);
  const before = await tracesOf(blue.url);
  const open = { file, env, command: 'up', signal: AbortSignal.timeout(limitMs), onEvent: () => undefined, tools };
  const ledger = join(here, 'ledger');
  const controlled = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: killedAt.join(',') };
  try {
    await (await openMigration(open))[Symbol.asyncDispose]();
    const direct = new URL(blue.url);
    direct.port = String(port);
    const writers = await KeyedWriters.start(direct.href, 2);
    const { stateDir } = loadSpec(file, env);
    const kills = await untilDone(file, 'cutover', controlled, async () => {
      const last = (await readFile(ledger, 'utf8')).trim().split('\n').at(-1);
      if (last !== 'step:copy:rows:before') return;
      for (const number of holderNumbers) {
        process.kill(must(await readHolderRecord(holderFile(stateDir, number)), 'a holder').pid, 'SIGKILL');
      }
    });
    expect(kills).toBeGreaterThan(killedAt.length - 4);
    await untilDone(file, 'rollback', env);
    const books = await writers.stop();
    expect(books.failures).toEqual([]);
    expect(await KeyedWriters.rowsOf(blue.url)).toEqual(books.acknowledged);
    const [run] = await queryUrl(green.url, 'select max(epoch)::text as epoch from teal.copy_run');
    expect(run).toEqual({ epoch: '2' });
    {
      await using migration = await openMigration(open);
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
    }
    // The positions of one method mean nothing in the other.
    await writeFile(file, (await readFile(file, 'utf8')).replace('method: triggers', 'method: log'));
    const refused: unknown = await openMigration(open).catch((error: unknown) => error);
    expect(isTealError(refused, 'TEAL-APP-007'), String(refused)).toBe(true);
    await writeFile(file, (await readFile(file, 'utf8')).replace('method: log', 'method: triggers'));
    await untilDone(file, 'abort', env);
    expect(await tracesOf(blue.url)).toEqual(before);
    expect(await tracesOf(green.url)).toEqual([]);
  } finally {
    await endProcesses(here);
    await rm(here, { recursive: true, force: true });
  }
});

/** What Teal could have left beside tables of the user. */
async function tracesOf(url: string): Promise<readonly string[]> {
  const rows = await queryUrl(
    url,
    `select 'trigger ' || tgname as what from pg_trigger where tgname like 'teal%' and tgname <> 'teal_fence'
     union all select 'function teal.' || proname from pg_proc where pronamespace = to_regnamespace('teal')
     union all select 'relation teal.' || relname from pg_class where relnamespace = to_regnamespace('teal')
     union all select 'slot ' || slot_name from pg_replication_slots
     union all select 'publication ' || pubname from pg_publication
     union all select 'origin ' || roname from pg_replication_origin
     union all select 'event trigger ' || evtname from pg_event_trigger`,
  );
  return rows.map(({ what }) => what ?? '');
}

/** The worker of the flow from blue, while it applies; the supervisor starts another. */
async function killWorker(folder: string, name: string): Promise<void> {
  const { pid } = carrierPaths(join(folder, '.teal', name), 'forward');
  const first = Number(await readFile(pid, 'utf8'));
  process.kill(first, 'SIGKILL');
  await waitFor({ what: 'the worker to be started again', timeoutMs: 60_000 }, async () => {
    const now = Number(await readFile(pid, 'utf8').catch(() => first));
    return now !== first || undefined;
  });
}

/** Runs controllers until one ends by itself; returns how many were killed. */
async function untilDone(
  file: string,
  command: string,
  env: NodeJS.ProcessEnv,
  afterKill: () => Promise<void> = async () => undefined,
): Promise<number> {
  for (let kills = 0; kills < 50; kills += 1) {
    const child = spawn(process.execPath, [migrationController, file, command], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    if (exit[1] === 'SIGKILL') {
      await afterKill();
      continue;
    }
    expect(exit[0], `${err.slice(-2_000)}${out}`).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'done' });
    return kills;
  }
  throw new Error('killed 50 times and still not done');
}
