import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { monotonicMs } from '../src/kernel/clock.ts';
import type { Reading } from './benchmark.ts';
import { countCpu, type CpuRoot } from './cpu.ts';
import type { Pair } from './pair.ts';

/** Wall time and CPU of a piece of work, of both servers and of the tool that does it. */
export async function measure(
  pair: Pick<Pair, 'blue' | 'green'>,
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

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end, without a limit of time; an error with the end of what it said when it fails. */
export async function runToEnd(
  program: string,
  args: readonly string[],
  { env = {} }: ProgramOptions = {},
): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code === 0) return out;
  const said = `${out}\n${err}`.trim().split('\n').slice(-12).join('\n');
  throw new Error(`${program} ended with ${code}: ${said}`);
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
