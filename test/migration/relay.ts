import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { monotonicMs, waitFor } from '../../src/kernel/clock.ts';
import { tealMain } from '../support/program.ts';

export const patienceMs = 90_000;
/** Between the end of a leader that was killed and the first word of the next one, on a machine that does other things too. */
const takeOverMs = 15_000;

export type Env = Readonly<Record<string, string>>;

export interface Heard {
  readonly kind: string;
  readonly [name: string]: unknown;
}

export interface Controller {
  readonly child: ChildProcess;
  readonly events: readonly Heard[];
  /** Its exit code; undefined where it was killed. */
  readonly ended: Promise<number | undefined>;
}

/** `teal … --events` in a folder: a controller that a test may kill. */
export function start(folder: string, env: Env, ...args: readonly string[]): Controller {
  const child = spawn(process.execPath, [tealMain, ...args, '--events'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const events: Heard[] = [];
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    // An error at the end is no event.
    for (const line of lines) events.push(line.startsWith('{') ? (JSON.parse(line) as Heard) : { kind: 'error', line });
  });
  const ended = once(child, 'close').then(([code]: (number | null)[]) => code ?? undefined);
  return { child, events, ended };
}

export async function heard({ child, events }: Controller, ...kinds: readonly string[]): Promise<void> {
  await waitFor({ what: kinds.join(' or '), timeoutMs: patienceMs }, () => {
    if (events.some(({ kind }) => kinds.includes(kind))) return true;
    if (child.exitCode !== null)
      throw new Error(`it ended before ${kinds.join()}: ${JSON.stringify(events.slice(-5))}`);
    return undefined;
  });
}

export async function standby(folder: string, env: Env): Promise<Controller> {
  const waiting = start(folder, env, 'up', '--standby');
  await heard(waiting, 'standby', 'opened');
  return waiting;
}

export interface Relay {
  /** How the last one ended, which no other had to take over from. */
  readonly code: number;
  readonly takeOvers: number;
}

/** Whoever leads is killed wherever a failpoint is; whoever waits goes on. */
export async function relay(folder: string, env: Env, first: Controller): Promise<Relay> {
  let leader = first;
  for (let takeOvers = 0; ; takeOvers += 1) {
    const waits = await standby(folder, env);
    await waitFor({ what: 'the leader to end', timeoutMs: patienceMs }, () => {
      const { exitCode, signalCode } = leader.child;
      return exitCode !== null || signalCode !== null || undefined;
    });
    const endedMs = monotonicMs();
    await heard(waits, 'opened');
    expect(monotonicMs() - endedMs).toBeLessThan(takeOverMs);
    const code = await leader.ended;
    if (code !== undefined) {
      // Who waited finds the same.
      const again = await waits.ended;
      expect(again, JSON.stringify(waits.events.slice(-5))).toBe(code);
      return { code, takeOvers };
    }
    leader = waits;
  }
}
