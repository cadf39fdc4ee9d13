import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSpec } from '../src/app/load-spec.ts';
import { openMigration } from '../src/app/open-migration.ts';
import type { MigrationEvent, Outcome } from '../src/app/events.ts';
import type { Migration } from '../src/app/migration.ts';
import { readReport, renderReport } from '../src/app/report.ts';
import { openScreen } from '../src/cli/screen.ts';
import { monotonicMs, nowMs, sleep } from '../src/kernel/clock.ts';
import { describeError } from '../src/kernel/errors.ts';
import { freePort } from '../tools/servers/free-port.ts';
import { pgTools } from '../tools/servers/pg-tools.ts';
import { startPostgres, type PostgresServer } from '../tools/servers/postgres.ts';
import type { ClientsOptions, ClientsReport } from './clients.ts';
import { fillShop } from './fill.ts';
import { countShop, judge } from './judge.ts';
import { closingTable, type CutSeen, type DemoResult } from './table.ts';
import { withClient } from '../tools/servers/with-client.ts';

/**
 * The main job on one machine: a shop moves from PostgreSQL 14 to 18 while its clients write, back, and again. ROWS and CLIENTS set its size.
 * Ends with a table; exit code 1 when one figure in it is not as promised.
 */
const rows = Number(process.env['ROWS'] ?? 1_000_000);
const clients = Number(process.env['CLIENTS'] ?? 16);
const callsPerSecond = Number(process.env['CALLS'] ?? 600);
const soakMs = Number(process.env['SOAK_MS'] ?? 4_000);

interface World {
  readonly blue: PostgresServer;
  readonly green: PostgresServer;
  readonly folder: string;
  readonly port: number;
}

const started = monotonicMs();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('interrupted')));

function say(text: string): void {
  process.stdout.write(`${((monotonicMs() - started) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
}

async function main(): Promise<boolean> {
  say(`starting PostgreSQL 14 (blue) and 18 (green)`);
  await using stack = new AsyncDisposableStack();
  const password = 'demo-superuser';
  const server = async (major: 14 | 18): Promise<PostgresServer> =>
    stack.use(
      await startPostgres({
        major,
        superuserPassword: password,
        auth: 'scram-sha-256',
        settings: { max_wal_size: '4GB' },
      }),
    );
  const [blue, green] = await Promise.all([server(14), server(18)]);
  say(`filling blue with ${rows.toLocaleString('en')} rows`);
  const filled = await fillShop(blue.url, rows);
  const folder = mkdtempSync(join(tmpdir(), 'teal-demo-'));
  chmodSync(folder, 0o755);
  const world: World = { blue, green, folder, port: await freePort() };
  return closingTable(await move(world, filled), say);
}

async function move(world: World, filled: number): Promise<DemoResult> {
  const tools = await pgTools(14, 18);
  const file = writeSpec(world);
  const cuts: CutSeen[] = [];
  let verified: Extract<MigrationEvent, { kind: 'verified' }> | undefined;
  using screen = openScreen('shop', 'blue');
  const onEvent = (event: MigrationEvent): void => {
    screen.show(event);
    if (event.kind === 'step started' && event.step.endsWith(':hold'))
      cuts.push({ to: 'green', fromMs: nowMs(), untilMs: nowMs(), pauseMs: undefined });
    const last = cuts.at(-1);
    if (event.kind === 'step done' && event.step.endsWith(':release') && last !== undefined) last.untilMs = nowMs();
    if (event.kind === 'cut' && last !== undefined) Object.assign(last, { to: event.to, pauseMs: event.pauseMs });
    if (event.kind === 'verified') verified = event;
  };
  const env = { ...process.env, BLUE_URL: world.blue.url, GREEN_URL: world.green.url };
  await using migration = await openMigration({ file, env, command: 'up', signal: stop.signal, onEvent, tools });
  const before = await withClient(world.blue.url, countShop);
  const crowd = await startClients(world);
  try {
    await lifecycle(migration);
  } catch (error) {
    await crowd.stop();
    await migration.stopProcesses();
    throw error;
  }
  await crowd.stop();
  const report = crowd.report();
  const verdict = await withClient(migration.live === 'green' ? world.green.url : world.blue.url, async (live) =>
    judge(live, report, before),
  );
  const story = join(world.folder, 'report.md');
  writeFileSync(story, renderReport(readReport(loadSpec(file, env))));
  await migration.closeTraffic();
  return { filled, report, cuts, verdict, verified, story, tookMs: monotonicMs() - started };
}

/** Every stage, a rollback, and the same cut again. */
async function lifecycle(migration: Migration): Promise<void> {
  expectOutcome(await migration.up(), 'waiting', 'up');
  expectOutcome(await migration.cutover(), 'done', 'cut over');
  await sleep(soakMs, stop.signal);
  expectOutcome(await migration.rollback('to show that it can'), 'done', 'roll back');
  await sleep(soakMs, stop.signal);
  expectOutcome(await migration.cutover(), 'done', 'cut over again');
  await sleep(soakMs, stop.signal);
  await migration.verify();
  expectOutcome(await migration.finalise({ early: false }), 'done', 'finalise');
}

function expectOutcome(outcome: Outcome, wanted: Outcome['outcome'], what: string): void {
  if (outcome.outcome === wanted) return;
  throw new Error(`${what}: ${outcome.outcome === 'no' ? outcome.what : outcome.outcome}`);
}

function writeSpec(world: World): string {
  const file = join(world.folder, 'teal.yaml');
  writeFileSync(
    file,
    `teal: 1
name: shop
blue: { url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
traffic: { router: proxy, listen: "127.0.0.1:${world.port}" }
cutover:
  gates: [{ lag: 1s, for: 2s }, { verify: full }, { person: you }]
soak: { for: ${soakMs}ms }
`,
  );
  return file;
}

async function startClients(world: World): Promise<{ stop(): Promise<void>; report(): ClientsReport }> {
  const options: ClientsOptions = {
    url: `postgres://shop_app:shop-app-demo@127.0.0.1:${world.port}/postgres`,
    clients,
    callsPerSecond,
    report: join(world.folder, 'clients.json'),
    customers: Math.max(1, Math.floor(rows / 20)),
    orders: Math.max(1, Math.floor(rows / 4)),
  };
  const child: ChildProcess = fork(fileURLToPath(new URL('clients.ts', import.meta.url)), [JSON.stringify(options)]);
  const exited = once(child, 'exit');
  await Promise.race([once(child, 'message'), exited]);
  return {
    async stop() {
      if (child.connected) child.send('stop');
      await exited;
    },
    report: () => JSON.parse(readFileSync(options.report, 'utf8')) as ClientsReport,
  };
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  say(`FAILED: ${describeError(error)}`);
  process.exitCode = 1;
}
