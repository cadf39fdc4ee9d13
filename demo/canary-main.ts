import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MigrationEvent } from '../src/app/events.ts';
import { loadSpec } from '../src/app/load-spec.ts';
import { openMigration } from '../src/app/open-migration.ts';
import type { Migration } from '../src/app/migration.ts';
import { readCanary } from '../src/app/read-canary.ts';
import { readReport, renderReport } from '../src/app/report/read-report.ts';
import { readShadow } from '../src/app/read-shadow.ts';
import { readStatus } from '../src/app/status.ts';
import { monotonicMs, waitFor } from '../src/kernel/clock.ts';
import { describeError, isTealError } from '../src/kernel/errors.ts';
import { freePort } from '../tools/servers/free-port.ts';
import { pgTools } from '../tools/servers/pg-tools.ts';
import { execute, withClient } from '../tools/servers/with-client.ts';
import { quickestMs, withoutIndexes } from './canary-health.ts';
import { fillShop } from './fill.ts';
import { countShop, judge, type Ask } from './judge.ts';
import { expectOutcome, say, startCrowd } from './run-demo.ts';
import type { PostgresServer } from '../tools/servers/postgres.ts';
import { startServers } from './servers.ts';

/**
 * `make demo-canary`: shadow reads, a canary that catches an index that is missing on green and goes back by itself, the cut once it is mended, a regression after the cut that
 * `soak.health` finds, and the way back by itself. ROWS, CLIENTS, CALLS (a second), HOLD_MS and SHADOW_MS set its size.
 */
const started = monotonicMs();
const given = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const sizes = {
  rows: given('ROWS', 400_000),
  clients: given('CLIENTS', 36),
  callsPerSecond: given('CALLS', 500),
  soakMs: 600_000,
};
const indexName = 'orders_customer';
const makeIndex = `create index ${indexName} on shop.orders (customer_id, placed_at desc)`;
const noIndexScans = [
  ...withoutIndexes.map((setting) => `alter system set ${setting} = off`),
  'select pg_reload_conf()',
];
const rollbackLimitMs = 120_000;
const canary = `canary: { reads: [25%, 50%, 100%], hold: ${given('HOLD_MS', 6_000)}ms, atLeast: 50 }`;

interface Place {
  readonly file: string;
  readonly folder: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly blue: PostgresServer;
  readonly green: PostgresServer;
  readonly stop: AbortSignal;
}

type Row = readonly [name: string, value: string, isGood: boolean];

const asking = async <T>(url: string, work: (ask: Ask) => Promise<T>): Promise<T> =>
  withClient(url, async (client) => work(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows));

async function open(place: Place, command: string, onEvent: (event: MigrationEvent) => void): Promise<Migration> {
  const { file, env, stop: signal } = place;
  return openMigration({ file, env, command, signal, onEvent, tools: await pgTools(14, 18) });
}

/** Up to the cut. The index is missed on green from the end of the copy until the canary has said so. */
async function forward(place: Place): Promise<readonly Row[]> {
  let planted: Promise<void> | undefined;
  let [sharedMs, caughtMs, pauseMs] = [0, 0, -1];
  await using migration = await open(place, 'up', (event) => {
    if (event.kind === 'stage') say(`${event.title} ${event.state}`);
    if (event.kind === 'stage' && event.stage === 'follow' && event.state === 'finished')
      planted = execute(place.green.url, [`drop index shop.${indexName}`]);
    if (event.kind === 'step started' && event.step.startsWith('canary:') && sharedMs === 0) sharedMs = monotonicMs();
    if (event.kind === 'step failed' && event.step.startsWith('canary:')) caughtMs = monotonicMs();
    if (event.kind === 'step done' && event.step.startsWith('canary:')) say(`${event.step}: ${event.evidence}`);
    if (event.kind === 'cut') pauseMs = event.pauseMs ?? -1;
  });
  const loaded = loadSpec(place.file, place.env);
  const caught = await migration.up().then(
    () => undefined,
    (error: unknown) => error,
  );
  await planted;
  if (!isTealError(caught, 'TEAL-STAGES-160')) throw caught ?? new Error('the missing index was not caught');
  say(describeError(caught));
  const shareAfter = (await readCanary(loaded))?.share ?? -1;
  const shadow = await readShadow(loaded);
  say(`${makeIndex}, on green`);
  await execute(place.green.url, [makeIndex, 'analyze shop.orders']);
  expectOutcome(await migration.up(), 'waiting', 'up');
  const reads = (await readCanary(loaded))?.reads ?? 0;
  expectOutcome(await migration.cutover(), 'done', 'cut over');
  return [
    [
      'shadow reads compared, different',
      `${shadow?.compared ?? 0}, ${shadow?.real ?? -1}`,
      (shadow?.compared ?? 0) > 0 && shadow?.real === 0,
    ],
    ['missing index caught after, s', ((caughtMs - sharedMs) / 1_000).toFixed(1), caughtMs > sharedMs],
    ['share of green after that', `${shareAfter * 100}%`, shareAfter === 0],
    ['reads answered by green at 100%', String(reads), reads > 0],
    ['cut over, clients waited at most, ms', String(Math.round(pauseMs)), pauseMs >= 0],
  ];
}

/** Green becomes slow for everybody; nobody is told but those whom the file asks. */
async function back(place: Place): Promise<readonly Row[]> {
  await waitFor({ what: 'green to be asked', timeoutMs: rollbackLimitMs, signal: place.stop }, () =>
    statusOf(place).soak?.health?.checks.every(({ answer }) => answer === 'yes') === true ? true : undefined,
  );
  say('green answers its questions with yes; from now on it uses no index');
  const fromMs = monotonicMs();
  await execute(place.green.url, noIndexScans);
  await waitFor({ what: 'blue to be live again', timeoutMs: rollbackLimitMs, signal: place.stop }, () => {
    const { live, controller } = statusOf(place);
    return live === 'blue' && controller === undefined ? true : undefined;
  });
  const tookS = ((monotonicMs() - fromMs) / 1_000).toFixed(1);
  const { cuts } = statusOf(place);
  const wayBack = cuts.at(-1)?.pauseMs;
  say(`blue is live again, by itself, after ${tookS} s`);
  return [
    ['regression left by itself after, s', tookS, true],
    ['rolled back, clients waited at most, ms', String(Math.round(wayBack ?? -1)), wayBack !== undefined],
  ];
}

function statusOf({ file, env }: Place): ReturnType<typeof readStatus> {
  return readStatus(loadSpec(file, env));
}

function writeSpec({ folder, file, url }: Place, port: number, limitMs: number): void {
  const health = [process.execPath, fileURLToPath(new URL('canary-health.ts', import.meta.url)), url, String(limitMs)];
  writeFileSync(
    file,
    `teal: 1
name: shop
blue: { url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
traffic: { router: proxy, listen: "127.0.0.1:${port}" }
shadow: { reads: 20%, for: ${given('SHADOW_MS', 4_000)}ms, atLeast: 100 }
${canary}
cutover: { gates: [{ lag: 1s, for: 2s }, { verify: full }, { person: you }] }
soak: { for: 10m, every: 1s, failures: 2, health: [{ command: ${JSON.stringify(health)} }] }
`,
  );
  chmodSync(folder, 0o755);
}

async function runCanary(): Promise<boolean> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('interrupted')));
  await using stack = new AsyncDisposableStack();
  say('starting PostgreSQL 14 (blue) and 18 (green)');
  const { blue, green } = await startServers(stack);
  say(`filling blue with ${sizes.rows.toLocaleString('en')} rows`);
  await fillShop(blue.url, sizes.rows);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'teal-demo-'));
  const login = 'shop_app:shop-app-demo';
  const url = `postgres://${login}@127.0.0.1:${port}/postgres`;
  const env = { ...process.env, BLUE_URL: blue.url, GREEN_URL: green.url };
  const place = { file: join(folder, 'teal.yaml'), folder, url, env, blue, green, stop: stop.signal };
  // Half of what a look at all orders and items takes.
  const limitMs = ((await quickestMs(blue.url)) + (await quickestMs(blue.url, withoutIndexes))) / 2;
  writeSpec(place, port, Number(limitMs.toFixed(1)));
  const before = await asking(blue.url, countShop);
  // The proxy is there before its clients.
  await (await open(place, 'up', () => undefined))[Symbol.asyncDispose]();
  const crowd = await startCrowd(
    folder,
    { clients: { program: new URL('canary-clients.ts', import.meta.url), options: { url } } },
    sizes,
  );
  stack.defer(async () => {
    await crowd.stop();
    await using migration = await open(place, 'up', () => undefined);
    await migration.stopProcesses();
  });
  const rows = [...(await forward(place)), ...(await back(place))];
  await crowd.stop();
  const report = crowd.report();
  const verdict = await asking(blue.url, async (ask) => judge(ask, report, before));
  const wrong = verdict.missing + verdict.invented + verdict.doubled;
  const story = join(folder, 'report.md');
  writeFileSync(story, renderReport(readReport(loadSpec(place.file, env))));
  const all: readonly Row[] = [
    ['queries sent by clients', report.queries.toLocaleString('en'), report.queries > 0],
    ['queries failed', String(report.failures.length), report.failures.length === 0],
    ...rows,
    ['acknowledged writes', verdict.acknowledged.toLocaleString('en'), verdict.acknowledged > 0],
    ['of these missing or doubled', String(wrong), wrong === 0],
    ['sum of all balances kept', verdict.balanceKept ? 'yes' : 'NO', verdict.balanceKept],
    ['time', `${((monotonicMs() - started) / 1_000).toFixed(0)} s`, true],
  ];
  say('');
  for (const [name, value, isGood] of all) say(`${isGood ? '✓' : '✗'} ${name.padEnd(40)} ${value}`);
  for (const failure of report.failures.slice(0, 5)) say(`    ${failure.at} ${failure.what}`);
  process.stdout.write(`\nreport       ${story}\n`);
  return all.every(([, , isGood]) => isGood);
}

try {
  process.exitCode = (await runCanary()) ? 0 : 1;
} catch (error) {
  say(`FAILED: ${describeError(error)}`);
  process.exitCode = 1;
}
