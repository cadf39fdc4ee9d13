import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBeside, startBeside, type Beside } from './beside.ts';
import type { SoakSeen } from './soak-watch.ts';
import { replaceFile } from './supervisor-config.ts';
import { absent, supervisorFolder } from './wanted.ts';

/** Held by the watch of the soak while it lives. */
export function soakLock(stateDir: string): string {
  return join(supervisorFolder(stateDir), 'soak.lock');
}

function soakFile(stateDir: string): string {
  return join(supervisorFolder(stateDir), 'soak.json');
}

function besideOf(stateDir: string): Beside {
  return { program: 'soak-main', lock: soakLock(stateDir), what: 'the watch of the soak' };
}

export function isSoakWatched(stateDir: string): boolean {
  return isBeside(besideOf(stateDir));
}

/** See `startBeside`. */
export async function startSoakWatch(file: string, stateDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  await startBeside(besideOf(stateDir), file, stateDir, env);
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
