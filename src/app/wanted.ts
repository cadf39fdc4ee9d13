import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takeLock, tryLock } from './process-lock.ts';

/**
 * What a migration runs beside its commands. `cut` is wanted while a cut is under way, from before its first record to after its last: it needs somebody who ends it,
 * and lives while there is one; so is `tenants` while sessions of a canary's tenants are held. `soak` is wanted while green is live and the file says what to ask of it, `anomalies` while there are flows and the file has the word.
 */
export const things = Object.freeze(['forward', 'reverse', 'proxy', 'cut', 'tenants', 'soak', 'anomalies'] as const);
export type Thing = (typeof things)[number];

/** A start waits for a worker that is just being ended, and for the start of another process. */
const startPatienceMs = 90_000;

export function supervisorFolder(stateDir: string): string {
  return join(stateDir, 'supervisor');
}

function wantedFolder(stateDir: string): string {
  return join(supervisorFolder(stateDir), 'wanted');
}

/** Writes down that it ought to run. Each time is a new mark: a supervisor that had given it up begins anew. */
export async function want(stateDir: string, thing: Thing): Promise<void> {
  const folder = wantedFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, thing);
  await writeFile(`${file}.new`, randomUUID(), { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

export async function unwant(stateDir: string, thing: Thing): Promise<void> {
  await rm(join(wantedFolder(stateDir), thing), { force: true });
}

/** What ought to run, each with its mark. Nothing where the folder is gone. */
export async function wanted(stateDir: string): Promise<ReadonlyMap<Thing, string>> {
  const folder = wantedFolder(stateDir);
  const marks = new Map<Thing, string>();
  const names = await readdir(folder).catch(absent);
  for (const thing of things) {
    const mark =
      names?.includes(thing) === true ? await readFile(join(folder, thing), 'utf8').catch(absent) : undefined;
    if (mark !== undefined) marks.set(thing, mark);
  }
  return marks;
}

/** For whoever starts or ends it: one at a time, whichever process it is. */
export async function startLock(stateDir: string, thing: Thing): Promise<Disposable> {
  const folder = supervisorFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return takeLock(startLockFile(stateDir, thing), `the start or end of ${thing} by another process`, startPatienceMs);
}

/** The same, for who does not wait: undefined when another has it. The folder must be there. */
export function tryStartLock(stateDir: string, thing: Thing): Disposable | undefined {
  return tryLock(startLockFile(stateDir, thing));
}

function startLockFile(stateDir: string, thing: Thing): string {
  return join(supervisorFolder(stateDir), `start-${thing}.lock`);
}

/** For a file that need not be there: any other error is thrown. */
export function absent(error: unknown): undefined {
  if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
  throw error;
}
