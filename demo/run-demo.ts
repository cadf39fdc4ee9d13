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
import { readReport, renderReport } from '../src/app/report/read-report.ts';
import { openScreen } from '../src/cli/screen.ts';
import { monotonicMs, nowMs, sleep } from '../src/kernel/clock.ts';
import { describeError, isTealError } from '../src/kernel/errors.ts';
import type { Side } from '../src/model/catalog.ts';
import type { PgTools } from '../src/systems/postgres/schema-tools.ts';
import type { ClientsReport } from './books.ts';
import type { CrowdOptions } from './crowd.ts';
import { countShop, judge, type Ask } from './judge.ts';
import { closingTable, type CutSeen, type DemoResult } from './table.ts';

export interface Sizes {
  readonly rows: number;
  readonly clients: number;
  readonly callsPerSecond: number;
  readonly soakMs: number;
}

/** Two systems, the shop on blue, and who uses it. */
export interface Stage {
  readonly urls: Readonly<Record<Side, string>>;
  /** Loads and fills the shop; answers how many rows it has. */
  fill(): Promise<number>;
  /** Lines of the migration file: the sides, and how clients are led. */
  readonly sides: string;
  /** The same: what is said of the cut beside its gates. */
  readonly cutover?: string;
  readonly tools: PgTools;
  /** A program that runs a crowd, and what it must know beside its size. */
  readonly clients: { readonly program: URL; readonly options: Readonly<Record<string, unknown>> };
  /** One session with a side, for what it must answer. */
  readonly asking: <T>(side: Side, work: (ask: Ask) => Promise<T>) => Promise<T>;
  /** What a person does between the copy and the first cut. */
  readonly prepareCut?: () => Promise<void>;
  /** How often a cut is tried. More than once only where nobody holds the clients: their transactions may keep a side from being closed in time. */
  readonly cutAttempts: number;
}

export interface Demo {
  /** What is started. */
  readonly opening: string;
  /** Where ROWS does not say. */
  readonly rows: number;
  /** Where CALLS does not say; default 600. */
  readonly callsPerSecond?: number;
  /** What it starts ends with `stack`. */
  readonly set: (stack: AsyncDisposableStack, sizes: Sizes) => Promise<Stage>;
}

const started = monotonicMs();

/** With the time since the demo began. */
export function say(text: string): void {
  process.stdout.write(`${((monotonicMs() - started) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
}

/**
 * The main job on one machine: a shop moves while its clients write, back, and again. ROWS, CLIENTS, CALLS (a second) and SOAK_MS set its size. Ends with a table; the process's
 * exit code is 1 when one figure in it is not as promised.
 */
export async function runDemo(demo: Demo): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('interrupted')));
  const given = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
  const sizes = {
    rows: given('ROWS', demo.rows),
    clients: given('CLIENTS', 16),
    callsPerSecond: given('CALLS', demo.callsPerSecond ?? 600),
    soakMs: given('SOAK_MS', 4_000),
  };
  try {
    await using stack = new AsyncDisposableStack();
    say(demo.opening);
    const stage = await demo.set(stack, sizes);
    say(`filling blue with ${sizes.rows.toLocaleString('en')} rows`);
    const filled = await stage.fill();
    process.exitCode = closingTable(await move(stage, sizes, filled, stop.signal), say) ? 0 : 1;
  } catch (error) {
    say(`FAILED: ${describeError(error)}`);
    process.exitCode = 1;
  }
}

async function move(stage: Stage, sizes: Sizes, filled: number, signal: AbortSignal): Promise<DemoResult> {
  const folder = mkdtempSync(join(tmpdir(), 'teal-demo-'));
  chmodSync(folder, 0o755);
  const file = writeSpec(folder, stage, sizes);
  const cuts: CutSeen[] = [];
  let verified: Extract<MigrationEvent, { kind: 'verified' }> | undefined;
  using screen = openScreen('shop', 'blue');
  const onEvent = (event: MigrationEvent): void => {
    screen.show(event);
    noteCut(cuts, event);
    if (event.kind === 'verified') verified = event;
  };
  const env = { ...process.env, BLUE_URL: stage.urls.blue, GREEN_URL: stage.urls.green };
  await using migration = await openMigration({ file, env, command: 'up', signal, onEvent, tools: stage.tools });
  const before = await stage.asking('blue', countShop);
  const crowd = await startCrowd(folder, stage, sizes);
  try {
    await lifecycle(migration, stage, sizes, signal);
  } catch (error) {
    await crowd.stop();
    await migration.stopProcesses();
    throw error;
  }
  await crowd.stop();
  const report = crowd.report();
  const verdict = await stage.asking(migration.live, async (ask) => judge(ask, report, before));
  const story = join(folder, 'report.md');
  writeFileSync(story, renderReport(readReport(loadSpec(file, env))));
  await migration.closeTraffic();
  return { filled, report, cuts, verdict, verified, story, tookMs: monotonicMs() - started };
}

function noteCut(cuts: CutSeen[], event: MigrationEvent): void {
  if (event.kind === 'step started' && event.step.endsWith(':hold'))
    cuts.push({ fromMs: nowMs(), untilMs: nowMs(), made: false });
  const last = cuts.at(-1);
  if (last === undefined || last.made) return;
  const isOver =
    (event.kind === 'step done' && event.step.endsWith(':release')) ||
    (event.kind === 'step undone' && event.step.startsWith('cut:'));
  if (isOver) last.untilMs = nowMs();
  if (event.kind === 'cut') last.made = true;
}

/** Every stage, a rollback, and the same cut again. */
async function lifecycle(migration: Migration, stage: Stage, sizes: Sizes, signal: AbortSignal): Promise<void> {
  const soak = async (): Promise<void> => sleep(sizes.soakMs, signal);
  const cut = async (what: string, attempt: () => Promise<Outcome>): Promise<void> => {
    expectOutcome(await persisting(stage.cutAttempts, attempt), 'done', what);
    await soak();
  };
  expectOutcome(await migration.up(), 'waiting', 'up');
  await stage.prepareCut?.();
  await cut('cut over', async () => migration.cutover());
  await cut('roll back', async () => migration.rollback('to show that it can'));
  await cut('cut over again', async () => migration.cutover());
  await migration.verify();
  expectOutcome(await migration.finalise({ early: false }), 'done', 'finalise');
}

/** As a person would who reads that a lock was not had in time: nothing has happened, and the next attempt may find a quieter moment. */
async function persisting(attempts: number, attempt: () => Promise<Outcome>): Promise<Outcome> {
  for (let left = attempts - 1; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left <= 0 || !isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
    }
  }
}

export function expectOutcome(outcome: Outcome, wanted: Outcome['outcome'], what: string): void {
  if (outcome.outcome === wanted) return;
  throw new Error(`${what}: ${outcome.outcome === 'no' ? outcome.what : outcome.outcome}`);
}

function writeSpec(folder: string, stage: Stage, sizes: Sizes): string {
  const file = join(folder, 'teal.yaml');
  writeFileSync(
    file,
    `teal: 1
name: shop
${stage.sides.trim()}
cutover:
  gates: [{ lag: 1s, for: 2s }, { verify: full }, { person: you }]
${stage.cutover ?? ''}
soak: { for: ${sizes.soakMs}ms }
`,
  );
  return file;
}

/** Clients in a process of their own, until they are told to stop. */
export async function startCrowd(
  folder: string,
  { clients }: Pick<Stage, 'clients'>,
  sizes: Sizes,
): Promise<{ stop(): Promise<void>; report(): ClientsReport }> {
  const report = join(folder, 'clients.json');
  const options: CrowdOptions = {
    ...clients.options,
    clients: sizes.clients,
    callsPerSecond: sizes.callsPerSecond,
    report,
    customers: Math.max(1, Math.floor(sizes.rows / 20)),
    orders: Math.max(1, Math.floor(sizes.rows / 4)),
  };
  const child: ChildProcess = fork(fileURLToPath(clients.program), [JSON.stringify(options)]);
  const exited = once(child, 'exit');
  await Promise.race([once(child, 'message'), exited]);
  return {
    async stop() {
      if (child.connected) child.send('stop');
      await exited;
    },
    report: () => JSON.parse(readFileSync(report, 'utf8')) as ClientsReport,
  };
}
