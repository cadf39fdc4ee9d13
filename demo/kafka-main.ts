import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MigrationEvent, Outcome } from '../src/app/events.ts';
import { loadSpec } from '../src/app/load-spec.ts';
import { openMigration } from '../src/app/open-migration.ts';
import type { Migration } from '../src/app/migration.ts';
import { readReport, renderReport } from '../src/app/report/read-report.ts';
import { openScreen } from '../src/cli/screen.ts';
import { monotonicMs, sleep } from '../src/kernel/clock.ts';
import { describeError } from '../src/kernel/errors.ts';
import type { CrowdReport, KafkaCrowd } from './kafka-crowd.ts';
import { startKafka } from '../tools/servers/kafka.ts';
import { adminUrl, fileOf, furnish, kafkaUsers, startCrowd, type KafkaStage } from './kafka-stage.ts';

/**
 * `make demo-kafka`: a cluster moves while producers, one of them transactional, and three groups of consumers go on; back, and again. PAUSE_MS between two records of a producer and
 * SOAK_MS set its size. Ends with a table; the exit code is 1 when one figure in it is not as promised.
 */
const began = monotonicMs();
const soakMs = Number(process.env['SOAK_MS'] ?? 5_000);
const pauseMs = Number(process.env['PAUSE_MS'] ?? 2);

function say(text: string): void {
  process.stdout.write(`${((monotonicMs() - began) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
}

interface Seen {
  verified: Extract<MigrationEvent, { kind: 'verified' }> | undefined;
  readonly pauses: number[];
}

async function lifecycle(migration: Migration, crowd: KafkaCrowd, signal: AbortSignal): Promise<CrowdReport> {
  const expecting = async (what: string, wanted: Outcome['outcome'], outcome: Promise<Outcome>): Promise<void> => {
    const ended = await outcome;
    if (ended.outcome !== wanted) throw new Error(`${what}: ${ended.outcome === 'no' ? ended.what : ended.outcome}`);
    await sleep(soakMs, signal);
  };
  await expecting('up', 'waiting', migration.up());
  await expecting('cut over', 'done', migration.cutover());
  await expecting('roll back', 'done', migration.rollback('to show that it can'));
  await expecting('cut over again', 'done', migration.cutover());
  const report = await crowd.finish();
  await migration.verify();
  await expecting('finalise', 'done', migration.finalise({ early: true }));
  return report;
}

function table(report: CrowdReport, { verified, pauses }: Seen): boolean {
  const acts = Object.values(report.sendings).flat();
  const written = acts.reduce((all, { outcome, records }) => all + (outcome === 'ok' ? records.length : 0), 0);
  const sum = (of: 'lost' | 'doubled' | 'disordered' | 'strange'): number =>
    Object.values(report.groups).reduce((all, group) => all + group[of], 0);
  const number = (value: number): string => value.toLocaleString('en');
  const gaps = Object.entries(report.groups).map(([group, { longestGapMs }]) => ({ group, longestGapMs }));
  const [worst] = gaps.toSorted((a, b) => b.longestGapMs - a.longestGapMs);
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['records produced', number(written), written > 0],
    ['lost', number(sum('lost')), sum('lost') === 0],
    ['doubled', number(sum('doubled')), sum('doubled') === 0],
    ['out of order for their key', number(sum('disordered')), sum('disordered') === 0],
    ['read though refused, or never sent', number(sum('strange')), sum('strange') === 0],
    ['neither taken nor refused', number(report.unclear), report.unclear === 0],
    ['refusals by a fence, sent again', number(report.refused), report.refused > 0],
    ['cuts made', String(pauses.length), pauses.length === 3],
    ['producers held in the cuts, ms', pauses.map(number).join(', '), true],
    ['longest wait for a produce, ms', number(report.longestWriteMs), true],
    [
      'longest gap of a group, ms',
      worst === undefined ? 'none' : `${number(worst.longestGapMs)} (${worst.group})`,
      true,
    ],
    ['records compared', verified === undefined ? 'none' : number(Number(verified.rows)), verified !== undefined],
    ['certificate of equality', verified?.equal === true ? 'issued' : 'none', verified?.equal === true],
    ['time', `${((monotonicMs() - began) / 1000).toFixed(0)} s`, true],
  ];
  say('');
  for (const [name, value, good] of rows) say(`${good ? '✓' : '✗'} ${name.padEnd(32)} ${value}`);
  return rows.every(([, , good]) => good);
}

async function run(signal: AbortSignal): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  say('starting two clusters, blue and green');
  const blue = stack.use(await startKafka({ users: kafkaUsers }));
  const green = stack.use(await startKafka({ users: kafkaUsers }));
  const stage: KafkaStage = { prefix: 'shop.', bootstrap: { blue: blue.bootstrap, green: green.bootstrap } };
  await furnish(stage);
  const folder = mkdtempSync(join(tmpdir(), 'teal-demo-'));
  const crowd = stack.use(await startCrowd(stage, { pauseMs, onTrouble: (what) => say(`trouble: ${what}`) }));
  const file = join(folder, 'teal.yaml');
  writeFileSync(file, fileOf(stage.prefix, crowd.url));
  const env = { ...process.env, BLUE_URL: adminUrl(blue.bootstrap), GREEN_URL: adminUrl(green.bootstrap) };
  const seen: Seen = { verified: undefined, pauses: [] };
  using screen = openScreen('events', 'blue');
  const onEvent = (event: MigrationEvent): void => {
    screen.show(event);
    if (event.kind === 'verified') seen.verified = event;
    if (event.kind === 'cut') seen.pauses.push(event.pauseMs ?? -1);
  };
  await using migration = await openMigration({ file, env, command: 'up', signal, onEvent });
  try {
    const report = await lifecycle(migration, crowd, signal);
    const story = join(folder, 'report.md');
    writeFileSync(story, renderReport(readReport(loadSpec(file, env))));
    const good = table(report, seen);
    process.stdout.write(`\ncertificate  ${seen.verified?.file ?? 'none'}\nreport       ${story}\n`);
    return good;
  } catch (error) {
    await migration.stopProcesses();
    throw error;
  }
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('interrupted')));
try {
  process.exitCode = (await run(stop.signal)) ? 0 : 1;
} catch (error) {
  say(`FAILED: ${describeError(error)}`);
  process.exitCode = 1;
}
