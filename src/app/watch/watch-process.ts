import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBeside, startBeside, type Beside } from '../beside.ts';
import { replaceFile } from '../supervisor-config.ts';
import { absent, supervisorFolder } from '../wanted.ts';
import { watchFolder } from './kept-minutes.ts';
import type { AnomaliesSeen } from './watch-systems.ts';

/** Held by the watch of both systems while it lives. */
export function watchLock(stateDir: string): string {
  return join(supervisorFolder(stateDir), 'anomalies.lock');
}

function besideOf(stateDir: string): Beside {
  return { program: 'watch-main', lock: watchLock(stateDir), what: 'the watch of both systems' };
}

export function isWatched(stateDir: string): boolean {
  return isBeside(besideOf(stateDir));
}

/** See `startBeside`. */
export async function startWatch(file: string, stateDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  await startBeside(besideOf(stateDir), file, stateDir, env);
}

function seenFile(stateDir: string): string {
  return join(watchFolder(stateDir), 'seen.json');
}

export async function keepSeen(stateDir: string, seen: AnomaliesSeen): Promise<void> {
  await replaceFile(seenFile(stateDir), seen);
}

/** Undefined where nothing was ever watched. */
export function readSeen(stateDir: string): AnomaliesSeen | undefined {
  try {
    return JSON.parse(readFileSync(seenFile(stateDir), 'utf8')) as AnomaliesSeen;
  } catch (error) {
    return absent(error);
  }
}
