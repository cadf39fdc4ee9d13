import { describeError } from '../../../src/kernel/errors.ts';
import { must } from '../../../src/kernel/assert.ts';
import type { CutTold } from '../../../src/testing/checker/invariants.ts';
import { runLogSeed } from '../logs/run-seed.ts';
import { logScheduleOf } from '../logs/schedule.ts';
import { scheduleOf } from '../schedule.ts';
import { runSeed } from './run-seed.ts';
import { failedReport, type SeedReport, type SeedTask } from './seed-report.ts';

/** One seed in a process of its own: so many can run beside each other, and one that hangs is ended. */
async function main(task: SeedTask): Promise<SeedReport> {
  const told: string[] = [];
  const say = (line: string): void => {
    told.push(line);
    process.send?.(line);
  };
  try {
    return { ...(task.isOfLogs ? await ofLogs(task, say) : await ofDatabases(task, say)), told };
  } catch (error) {
    return failedReport(describeError(error), told);
  }
}

type Told = Omit<SeedReport, 'told'>;
type Say = (line: string) => void;

async function ofDatabases({ seed, options, tracesTo, limitMs, mutant }: SeedTask, say: Say): Promise<Told> {
  const { violations, txns, cuts, injected } = await runSeed(scheduleOf(seed, options), {
    tracesTo,
    limitMs,
    say,
    ...(mutant === undefined ? {} : { mutant }),
  });
  const acknowledged = txns.filter(({ outcome }) => outcome === 'ok').length;
  return { violations, transactions: txns.length, acknowledged, ...switchesOf(cuts), injected };
}

async function ofLogs({ seed, options, tracesTo, limitMs }: SeedTask, say: Say): Promise<Told> {
  const schedule = logScheduleOf(seed, { faults: options.faults });
  const { violations, sendings, cuts, injected } = await runLogSeed(schedule, { tracesTo, limitMs, say });
  const acknowledged = sendings.filter(({ outcome }) => outcome === 'ok').length;
  return { violations, transactions: sendings.length, acknowledged, ...switchesOf(cuts), injected };
}

function switchesOf(cuts: readonly CutTold[]): Pick<SeedReport, 'switches' | 'refused'> {
  return {
    switches: cuts.filter(({ outcome }) => outcome === 'done').length,
    refused: cuts.filter(({ outcome }) => outcome === 'aborted').length,
  };
}

const report = await main(JSON.parse(must(process.argv[2], 'a task as JSON')) as SeedTask);
// What a run that was late still waits for holds nobody up.
process.send?.(report, () => process.exit());
