import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nowMs } from '../../kernel/clock.ts';
import type { TableName } from '../../model/catalog.ts';
import type { ExportedSnapshot } from './exported-snapshot.ts';

/** What a holder is asked to do, as a message of its starter's. Without the address: that holds a password, and comes by the environment. */
export interface HolderRequest {
  /** Where it says what it holds. */
  readonly file: string;
  readonly token: string;
  /** The exported snapshot to import. */
  readonly from: string;
  /** The consistent point of the slot that the snapshot belongs to. */
  readonly snapshot: string;
  readonly epoch: number;
  readonly tables: readonly TableName[];
  readonly leaseMs: number;
}

/** What a holder says it holds, and how it exported it again. The file's time of change is the last renewal of the lease. */
export interface HolderRecord extends ExportedSnapshot {
  readonly pid: number;
  readonly token: string;
  readonly snapshot: string;
  readonly epoch: number;
  readonly leaseMs: number;
}

export const holderNumbers: readonly number[] = Object.freeze([1, 2]);

export function holderFile(stateDir: string, number: number): string {
  return join(stateDir, `holder-${number}.json`);
}

/** Undefined when there is none, or when it cannot be read as one. */
export async function readHolderRecord(file: string): Promise<HolderRecord | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as HolderRecord;
  } catch {
    // Written by rename, so a torn file is somebody else's or a disk's: as good as none, and the snapshot is asked for by import anyway.
    return undefined;
  }
}

/** Whole or not at all, for its owner only. */
export async function writeAtomically(file: string, value: object): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, JSON.stringify(value), { mode: 0o600, flush: true });
  await rename(temporary, file);
}

export async function removeFile(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** Milliseconds since the lease was renewed; undefined when the file is gone. */
export async function leaseAgeMs(file: string): Promise<number | undefined> {
  try {
    return nowMs() - (await stat(file)).mtimeMs;
  } catch (error) {
    return ignoreMissing(error);
  }
}

export async function renewLease(file: string): Promise<void> {
  const now = new Date(nowMs());
  try {
    await utimes(file, now, now);
  } catch (error) {
    ignoreMissing(error);
  }
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return ignoreMissing(error);
  }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}
