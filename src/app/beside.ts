import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../kernel/clock.ts';
import { tryLock } from './process-lock.ts';
import { programUrl, type Program } from './program.ts';
import { supervisorPaths } from './supervisor-config.ts';

const startTimeoutMs = 30_000;

/** A program that runs beside the commands of a migration for as long as it is wanted, and holds a lock while it lives. */
export interface Beside {
  readonly program: Program;
  readonly lock: string;
  readonly what: string;
}

export function isBeside({ lock }: Pick<Beside, 'lock'>): boolean {
  const free = tryLock(lock);
  free?.[Symbol.dispose]();
  return free === undefined;
}

/**
 * Starts it unless it runs; its log is the supervisor's. Resolves when it runs, or has ended already: how often it dies is counted by the supervisor. `env`: where the file's variables are looked up.
 */
export async function startBeside(
  beside: Beside,
  file: string,
  stateDir: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  if (isBeside(beside)) return;
  await using log = await open(supervisorPaths(stateDir).log, 'a', 0o600);
  const child = spawn(process.execPath, [fileURLToPath(programUrl(beside.program)), file, stateDir], {
    detached: true,
    // What addresses and checks name is found as by a command that is run beside the file.
    cwd: dirname(file),
    stdio: ['ignore', 'ignore', log.fd],
    env,
  });
  let ended = false;
  child.on('exit', () => (ended = true)).on('error', () => (ended = true));
  child.unref();
  const waiting = { what: `${beside.what} to run`, timeoutMs: startTimeoutMs };
  await waitFor(waiting, () => (ended || isBeside(beside) ? true : undefined));
}
