import { monotonicMs } from '../src/kernel/clock.ts';
import { runProgram } from '../tools/servers/run-program.ts';
import type { Reading } from './benchmark.ts';
import { countCpu, type CpuRoot } from './cpu.ts';

/** Two servers, of whatever system, as far as their CPU is counted. */
export type Sides = Readonly<Record<'blue' | 'green', { readonly pid: number | undefined }>>;

/** Wall time and CPU of a piece of work, of both servers and of the tool that does it. */
export async function measure(
  pair: Sides,
  tool: () => readonly CpuRoot[],
  work: () => Promise<Readonly<Record<string, number>> | void>,
): Promise<Reading> {
  const readCpu = countCpu({ blue: () => [pair.blue.pid], green: () => [pair.green.pid], tool });
  const began = monotonicMs();
  const figures = await work();
  const seconds = (monotonicMs() - began) / 1000;
  const cpu = readCpu();
  return { seconds, cpu, ...(figures === undefined ? {} : { figures }) };
}

/** `runProgram` without a limit of time, and with `env` beside this process's own. */
export async function runToEnd(
  program: string,
  args: readonly string[],
  { env = {} }: { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  return runProgram(program, args, { env: { ...process.env, ...env }, timeoutMs: 0 });
}

/** Since 1970, with fractions; of one machine, so that the clocks of its processes are the same. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Works through a list with so many workers at once. */
export async function withWorkers<T>(
  workers: number,
  all: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const open = all.toReversed();
  const worker = async (): Promise<void> => {
    for (let item = open.pop(); item !== undefined; item = open.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(workers, all.length) }, worker));
}
