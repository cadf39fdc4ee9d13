import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { must } from '../../../src/kernel/assert.ts';
import { monotonicMs } from '../../../src/kernel/clock.ts';
import { withPreload } from '../seams/index.ts';
import { mutantVariable } from '../seams/variables.ts';
import { trialsOf, type TrialReport, type TrialTask } from './trials.ts';

/** What hangs longer than this is ended: it did not come to its end. */
const longestMs = 4 * 60_000;

export interface Tried {
  readonly seed: number;
  readonly seconds: number;
  /** By number, each once. */
  readonly invariants: readonly number[];
  /** The first thing that was said against it. Undefined when nothing was. */
  readonly against?: string;
  readonly report: TrialReport;
}

/** Runs of one trial, one seed after another, until something is said against one; so many at most, or as many as the trial allows. */
export async function tryOut(
  name: string,
  majors: TrialTask['majors'],
  isMutated: boolean,
  atMost = Infinity,
): Promise<readonly Tried[]> {
  const seeds = Math.min(atMost, must(trialsOf(majors)[name], `a trial of ${name}`).seeds);
  const tried: Tried[] = [];
  for (let seed = 1; seed <= seeds && tried.at(-1)?.against === undefined; seed += 1) {
    tried.push(await tryOnce({ name, seed, majors, isMutated }));
  }
  return tried;
}

export async function tryOnce(task: TrialTask): Promise<Tried> {
  const began = monotonicMs();
  const report = await inProcess(task);
  const { violations, failure } = report;
  const against = violations[0]?.text ?? failure;
  return {
    seed: task.seed,
    seconds: Math.round((monotonicMs() - began) / 1_000),
    invariants: [...new Set(violations.map(({ invariant }) => invariant))],
    ...(against === undefined ? {} : { against }),
    report,
  };
}

async function inProcess(task: TrialTask): Promise<TrialReport> {
  const isInside = task.isMutated && trialsOf(task.majors)[task.name]?.by === 'planted';
  const child = fork(fileURLToPath(new URL('trial-main.ts', import.meta.url)), [JSON.stringify(task)], {
    env: isInside
      ? { ...process.env, NODE_OPTIONS: withPreload(process.env['NODE_OPTIONS']), [mutantVariable]: task.name }
      : process.env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  let report: TrialReport | undefined;
  child.on('message', (message) => {
    report = message as TrialReport;
  });
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = child.kill('SIGKILL');
  }, longestMs);
  // What it said last may be read only after it has ended.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  clearTimeout(limit);
  if (report !== undefined) return report;
  if (isLate) return { violations: [], failure: `it took longer than ${longestMs / 1_000} s`, told: [] };
  throw new Error(`the trial of ${task.name} could not be made (${signal ?? code}): ${said}`);
}
