import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../../../src/kernel/clock.ts';
import { useCompileCache } from '../../../src/app/compile-cache.ts';
import { coverageTable, type MetFault } from '../faults.ts';
import { installedDrivers } from '../drivers/installed.ts';
import { logFaultKinds, logPlaces } from '../logs/faults.ts';
import { logScheduleOf, logScheduleText } from '../logs/schedule.ts';
import { asSystems, clustersOfKafka, systemsText } from '../systems.ts';
import { asDriver, scheduleOf, scheduleText, type ScheduleOptions } from '../schedule.ts';
import { patiently } from './slowness.ts';
import { failedReport, type SeedReport, type SeedTask } from './seed-report.ts';

// As the command does: a seed starts dozens of processes.
useCompileCache(process.env);

/**
 * `make check SEEDS=n FROM=m JOBS=j SYSTEMS=blue>green`: so many seeds, some beside each other; then the faults that were injected, by place. Exit code 1 when an invariant was
 * violated or a seed did not come to its end, with the schedule to run it again.
 */
const seeds = Number(process.env['SEEDS'] ?? 10);
const first = Number(process.env['FROM'] ?? 1);
const jobs = Number(process.env['JOBS'] ?? 2);
const traces = resolve(process.env['TRACES'] ?? '.cache/check');
/** Kinds of faults by name, separated by commas; default all. */
const only = process.env['FAULTS']?.split(',');
/** `mysql-8.0>postgres-18`, or `kafka>kafka`; default PostgreSQL, each seed between majors of its own. */
const systems = process.env['SYSTEMS'];
/** By name, separated by commas, or `all` that can be used here; default node-postgres. Of PostgreSQL: others have one. */
const named = process.env['DRIVERS'] ?? 'node-postgres';
const isOfLogs = systems === clustersOfKafka;
const options: ScheduleOptions = {
  drivers: await installedDrivers(named === 'all' ? undefined : named.split(',').map(asDriver)),
  ...(only === undefined ? {} : { faults: only }),
  ...(systems === undefined || isOfLogs ? {} : { systems: asSystems(systems) }),
};
const isLoud = process.env['LOUD'] === 'yes';
/** What takes longer is a failure of its own: clients of all drivers need three minutes of a processor. */
const limitMs = patiently(12 * 60_000);
/** For servers to start, and to end all that there is when a run is late. */
const hangsMs = limitMs + 2 * 60_000;

async function runOne(seed: number): Promise<SeedReport> {
  const task: SeedTask = { seed, options, isOfLogs, tracesTo: join(traces, `seed-${seed}`), limitMs };
  const child = fork(fileURLToPath(new URL('seed-main.ts', import.meta.url)), [JSON.stringify(task)]);
  const limit = setTimeout(() => child.kill('SIGKILL'), hangsMs);
  let report: SeedReport | undefined;
  const told: string[] = [];
  child.on('message', (message) => {
    if (typeof message !== 'string') report = message as SeedReport;
    else if (isLoud) say(`  ${seed} ${message}`);
    else told.push(message);
  });
  await once(child, 'exit');
  clearTimeout(limit);
  return report ?? failedReport('its process ended without a word', told);
}

class Totals {
  readonly injected: MetFault[] = [];
  bad = 0;
  transactions = 0;
  acknowledged = 0;
  switches = 0;
  refused = 0;

  take(seed: number, report: SeedReport, seconds: number): void {
    const isBad = report.violations.length > 0 || report.failure !== undefined;
    if (isBad) this.bad += 1;
    this.injected.push(...report.injected);
    this.transactions += report.transactions;
    this.acknowledged += report.acknowledged;
    this.switches += report.switches;
    this.refused += report.refused;
    const { systems: between, text } = toldOf(seed);
    say(
      `${isBad ? 'BAD ' : 'ok  '} seed ${seed}: ${between}, ${report.transactions} transactions, ` +
        `${report.switches} switches and ${report.refused} refused, ${report.injected.length} faults, ${seconds} s`,
    );
    if (!isBad) return;
    say(text);
    if (report.failure !== undefined) say(`  did not come to its end: ${report.failure}`);
    for (const { invariant, text } of report.violations.slice(0, 20)) say(`  invariant ${invariant}: ${text}`);
    for (const line of report.told) say(`    ${line}`);
    say(`  traces: ${join(traces, `seed-${seed}`)}`);
  }
}

function toldOf(seed: number): { readonly systems: string; readonly text: string } {
  if (isOfLogs) return { systems: 'Kafka to Kafka', text: logScheduleText(logScheduleOf(seed, { faults: only })) };
  const schedule = scheduleOf(seed, options);
  return { systems: systemsText(schedule.blue, schedule.green), text: scheduleText(schedule) };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

// Each seed starts some twenty processes of the same program.
process.env['NODE_COMPILE_CACHE'] ??= resolve('.cache/compile');

const totals = new Totals();
let next = first;
await Promise.all(
  Array.from({ length: jobs }, async () => {
    while (next < first + seeds) {
      const seed = next;
      next += 1;
      const began = monotonicMs();
      const report = await runOne(seed);
      totals.take(seed, report, Math.round((monotonicMs() - began) / 1_000));
    }
  }),
);
say('');
say(isOfLogs ? coverageTable(totals.injected, logFaultKinds, logPlaces) : coverageTable(totals.injected));
say('');
say(
  `${seeds} seeds, ${totals.transactions} transactions (${totals.acknowledged} acknowledged), ${totals.switches} switches, ` +
    `${totals.refused} cuts given up, ${totals.injected.length} faults, ${totals.bad} seeds bad`,
);
process.exitCode = totals.bad === 0 ? 0 : 1;
