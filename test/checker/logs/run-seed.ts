import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CrowdReport } from '../../../demo/kafka-crowd.ts';
import { within } from '../../../src/kernel/clock.ts';
import type { CutTold, Violation } from '../../../src/testing/checker/invariants.ts';
import type { Sending } from '../../../src/testing/checker/log-history.ts';
import { Refused } from '../run/command-until.ts';
import { patiently } from '../run/slowness.ts';
import { keepTraces } from '../run/traces.ts';
import type { LogFault } from './faults.ts';
import { judgeLogRun } from './judge.ts';
import { LogPlace, type SharedClusters } from './place.ts';
import { LogRun } from './run.ts';
import type { LogSchedule } from './schedule.ts';

export interface LogSeedResult {
  readonly violations: readonly Violation[];
  readonly sendings: readonly Sending[];
  readonly cuts: readonly CutTold[];
  /** Those that came to pass. */
  readonly injected: readonly LogFault[];
  /** What happened, in its order. */
  readonly told: readonly string[];
}

export interface LogSeedOptions {
  /** Default: two of its own. Faults that restart a broker need those. */
  readonly clusters?: SharedClusters;
  /** Where histories, logs and journal of a run that was not right are kept. */
  readonly tracesTo?: string;
  /** From when the clients are there; default ten minutes. A run that takes longer rejects, and nothing of it stays. */
  readonly limitMs?: number;
  /** Hears what happens at once. */
  readonly say?: (line: string) => void;
}

const defaultLimitMs = patiently(10 * 60_000);

/**
 * One seed: producers and groups of consumers on two clusters, while controllers do the schedule's deeds and meet its faults; then all that was seen is judged. Rejects when the schedule could
 * not be done to its end.
 */
export async function runLogSeed(schedule: LogSchedule, options: LogSeedOptions = {}): Promise<LogSeedResult> {
  const { clusters, limitMs = defaultLimitMs, say, tracesTo } = options;
  const trouble: string[] = [];
  await using place = await LogPlace.open(schedule, {
    ...(clusters === undefined ? {} : { clusters }),
    onTrouble: (what) => trouble.push(what),
  });
  const run = new LogRun(place, say);
  let report: CrowdReport | undefined;
  try {
    const late = (): Error => new Refused(`not at its end after ${limitMs / 1_000} s`);
    await within(limitMs, late, async () => run.do(schedule.deeds));
    const { owner } = run.end === 'running' ? await place.owner() : ownerAfter(run.end);
    report = await place.crowd.finish();
    const sendings = Object.values(report.sendings).flat();
    const { writers, groups } = place.crowd.options;
    const violations = judgeLogRun({
      sendings,
      unheld: writers.filter(({ unheld }) => unheld === true).map(({ name }) => name),
      groups: Object.fromEntries(
        Object.entries(report.groups).map(([group, { events }]) => [group, { topics: groups[group] ?? [], events }]),
      ),
      log: await place.readLog(owner),
      broken: run.broken,
      comparisons: run.comparisons,
      replays: run.replays,
      left: run.end === 'running' ? [] : await place.leftovers(),
    });
    if (violations.length > 0) await keep(place, [...run.told, ...trouble], report, tracesTo);
    return { violations, sendings, cuts: run.cuts, injected: run.injected, told: [...run.told, ...trouble] };
  } catch (error) {
    await keep(place, [...run.told, ...trouble], report, tracesTo);
    throw error;
  }
}

function ownerAfter(end: 'aborted' | 'finalised'): { readonly owner: 'blue' | 'green' } {
  return { owner: end === 'aborted' ? 'blue' : 'green' };
}

async function keep(
  { folder, servers }: LogPlace,
  told: readonly string[],
  report: CrowdReport | undefined,
  to: string | undefined,
): Promise<void> {
  if (to === undefined || servers === undefined) return;
  await keepTraces({ folder, servers }, told, to);
  if (report !== undefined) await writeFile(join(to, 'histories.json'), JSON.stringify(report));
}
