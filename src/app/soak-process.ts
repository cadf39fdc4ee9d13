import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../kernel/clock.ts';
import { tryLock } from './process-lock.ts';
import { programUrl } from './program.ts';
import type { SoakSeen } from './soak-watch.ts';
import { replaceFile, supervisorPaths } from './supervisor-config.ts';
import { absent, supervisorFolder } from './wanted.ts';

const startTimeoutMs = 30_000;

/** Held by the watch of the soak while it lives. */
export function soakLock(stateDir: string): string {
  return join(supervisorFolder(stateDir), 'soak.lock');
}

function soakFile(stateDir: string): string {
  return join(supervisorFolder(stateDir), 'soak.json');
}

export function isSoakWatched(stateDir: string): boolean {
  const free = tryLock(soakLock(stateDir));
  free?.[Symbol.dispose]();
  return free === undefined;
}

/**
 * Starts it unless it runs; its log is the supervisor's. Resolves when it runs, or has ended already: how often it dies is counted by the supervisor. `env`: where the file's variables are looked up.
 */
export async function startSoakWatch(file: string, stateDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (isSoakWatched(stateDir)) return;
  await using log = await open(supervisorPaths(stateDir).log, 'a', 0o600);
  const child = spawn(process.execPath, [fileURLToPath(programUrl('soak-main')), file, stateDir], {
    detached: true,
    // What addresses and checks name is found as by a command that is run beside the file.
    cwd: dirname(file),
    stdio: ['ignore', 'ignore', log.fd],
    env,
  });
  let ended = false;
  child.on('exit', () => (ended = true)).on('error', () => (ended = true));
  child.unref();
  const waiting = { what: 'the watch of the soak to run', timeoutMs: startTimeoutMs };
  await waitFor(waiting, () => (ended || isSoakWatched(stateDir) ? true : undefined));
}

export async function keepSoak(stateDir: string, seen: SoakSeen): Promise<void> {
  await replaceFile(soakFile(stateDir), seen);
}

/** Undefined where nothing was ever watched. */
export function readSoak(stateDir: string): SoakSeen | undefined {
  try {
    return JSON.parse(readFileSync(soakFile(stateDir), 'utf8')) as SoakSeen;
  } catch (error) {
    return absent(error);
  }
}
