import { describeError } from '../../../src/kernel/errors.ts';
import { must } from '../../../src/kernel/assert.ts';
import { scheduleOf, type ScheduleOptions } from '../schedule.ts';
import { runSeed } from './run-seed.ts';
import { failedReport, type SeedReport, type SeedTask } from './seed-report.ts';

/** One seed in a process of its own: so many can run beside each other, and one that hangs is ended. */
async function main({ seed, options, tracesTo, limitMs, mutant }: SeedTask): Promise<SeedReport> {
  const told: string[] = [];
  const say = (line: string): void => {
    told.push(line);
    process.send?.(line);
  };
  const schedule = scheduleOf(seed, options satisfies ScheduleOptions);
  try {
    const { violations, txns, cuts, injected } = await runSeed(schedule, {
      tracesTo,
      limitMs,
      say,
      ...(mutant === undefined ? {} : { mutant }),
    });
    return {
      violations: [...violations],
      transactions: txns.length,
      acknowledged: txns.filter(({ outcome }) => outcome === 'ok').length,
      switches: cuts.filter(({ outcome }) => outcome === 'done').length,
      refused: cuts.filter(({ outcome }) => outcome === 'aborted').length,
      injected: [...injected],
      told,
    };
  } catch (error) {
    return failedReport(describeError(error), told);
  }
}

const report = await main(JSON.parse(must(process.argv[2], 'a task as JSON')) as SeedTask);
// What a run that was late still waits for holds nobody up.
process.send?.(report, () => process.exit());
