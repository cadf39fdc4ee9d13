import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Minute } from '../../observe/vitals/series.ts';

/** Where what was seen of a migration's systems is kept: no row, no statement, numbers alone. */
export function watchFolder(stateDir: string): string {
  return join(stateDir, 'anomalies');
}

const nameOf = /^minutes-(\d{4}-\d{2}-\d{2})\.jsonl$/;
/** Sixteen days: two of each day of a week, and the one that is begun. */
const filesAtMost = 16;

const keptMinute = z.object({ atMs: z.int(), values: z.record(z.string(), z.number()) });

/** A minute is a line in the file of its day (UTC); days that are too old go when a new one begins. */
export async function keepMinute(stateDir: string, minute: Minute): Promise<void> {
  const folder = watchFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const day = new Date(minute.atMs).toISOString().slice(0, 10);
  await appendFile(join(folder, `minutes-${day}.jsonl`), `${JSON.stringify(minute)}\n`, { mode: 0o600 });
  const files = await daysIn(folder);
  for (const name of files.slice(0, Math.max(0, files.length - filesAtMost)))
    await rm(join(folder, name), { force: true });
}

/** In their order. `skipped`: lines that are none, as the last one of a process that was killed may be. */
export async function readMinutes(
  stateDir: string,
): Promise<{ readonly minutes: readonly Minute[]; readonly skipped: number }> {
  const folder = watchFolder(stateDir);
  const minutes: Minute[] = [];
  let skipped = 0;
  for (const name of await daysIn(folder)) {
    const lines = (await readFile(join(folder, name), 'utf8')).split('\n').filter((line) => line !== '');
    for (const line of lines) {
      const minute = minuteIn(line);
      if (minute === undefined) skipped += 1;
      else minutes.push(minute);
    }
  }
  return { minutes, skipped };
}

function minuteIn(line: string): Minute | undefined {
  try {
    const read = keptMinute.safeParse(JSON.parse(line));
    return read.success ? read.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function daysIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => nameOf.test(name)).toSorted();
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return [];
    throw error;
  }
}
