import { randomUUID } from 'node:crypto';
import { open, readFile, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TealError } from '../kernel/errors.ts';

/** Bytes as characters, one each: what is not changed stays what it was, whatever it was written in. */
const encoding = 'latin1';

/** A file by which a router is configured, as bytes (see `asBytes`). Errors of all functions: TEAL-TRAFFIC-016. */
export async function readRouterFile(path: string): Promise<string> {
  return doing(`${path} cannot be read`, async () => readFile(path, encoding));
}

/**
 * Changes the text of one. Whoever reads the file sees the old text or the new one: a copy beside it, with the same owner and mode, takes its place. A symbolic link stays one. Where the text
 * stays the same nothing is done, unless `always`: for whom a file that is moved into place is the sign to read it.
 */
export async function rewriteRouterFile(path: string, change: (text: string) => string, always = false): Promise<void> {
  await doing(`${path} cannot be replaced`, async () => {
    const real = await realpath(path);
    const before = await readFile(real, encoding);
    const after = change(before);
    if (always || after !== before) await replace(real, after);
  });
}

/** That the file could be replaced: by making, and taking away, an empty one beside it. After the decision of a cut is no time to learn that it cannot. */
export async function tryReplace(path: string): Promise<void> {
  await doing(`${path} cannot be replaced`, async () => {
    const real = await realpath(path);
    if (await isMountedAlone(real)) throw new TealError('TEAL-TRAFFIC-016', `${path} is mounted by itself`);
    const beside = nameBeside(real);
    await (await copyOf(real, beside)).close();
    await rm(beside);
  });
}

/** A word as it stands in the text of such a file. */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString(encoding);
}

export function asText(bytes: string): string {
  return Buffer.from(bytes, encoding).toString('utf8');
}

async function replace(real: string, text: string): Promise<void> {
  const beside = nameBeside(real);
  try {
    const file = await copyOf(real, beside);
    try {
      await file.writeFile(text, encoding);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, real);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** An empty file of the same owner and mode: the router must be able to read it, and nobody else more than before. */
async function copyOf(real: string, beside: string): Promise<FileHandle> {
  const { uid, gid, mode } = await stat(real);
  const file = await open(beside, 'wx', 0o600);
  try {
    const made = await file.stat();
    if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid);
    await file.chmod(mode & 0o7777);
    return file;
  } catch (error) {
    await file.close();
    await rm(beside, { force: true });
    throw error;
  }
}

/** As containers have single files: nothing can take the place of one (`rename` says EBUSY). Known on Linux alone. */
async function isMountedAlone(real: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  // proc(5): the fifth word is where it is mounted, blanks in octal.
  const written = real.replace(/[\s\\]/g, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return mounts.split('\n').some((line) => line.split(' ')[4] === written);
}

function nameBeside(real: string): string {
  return join(dirname(real), `.${basename(real)}.${randomUUID()}`);
}

async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TealError) throw error;
    const why = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    throw new TealError('TEAL-TRAFFIC-016', `${what} (${String(why)})`, {}, error);
  }
}
