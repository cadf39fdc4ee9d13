import { must } from '../../../src/kernel/assert.ts';
import { describeError, isTealError } from '../../../src/kernel/errors.ts';
import { runSeed } from '../run/run-seed.ts';
import { Refused } from '../run/command-until.ts';
import { runPlanted } from './planted.ts';
import { trialsOf, type TrialReport, type TrialTask } from './trials.ts';

/** One run of a trial in a process of its own: where the controller is in this process, the seam is in it. */
async function main({ name, seed, majors, isMutated }: TrialTask): Promise<TrialReport> {
  const told: string[] = [];
  try {
    const trial = must(trialsOf(majors)[name], `a trial of ${name}`);
    if (trial.by === 'planted') return await runPlanted(trial.plant, majors);
    const { violations } = await runSeed(trial.schedule(seed), {
      say: (line) => told.push(line),
      ...(isMutated ? { mutant: name } : {}),
    });
    return { violations, told };
  } catch (error) {
    // Anything else is trouble of the checker's own, and must not count as found.
    if (!(error instanceof Refused) && !isTealError(error)) throw error;
    return { violations: [], failure: describeError(error), told };
  }
}

const report = await main(JSON.parse(must(process.argv[2], 'a task as JSON')) as TrialTask);
process.send?.(report);
process.disconnect?.();
