import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { runProgram } from './run-program.ts';
import { mustChangeUser } from './server-user.ts';

let cacheRoot: Promise<string> | undefined;

/**
 * The folder `<cache>/<name>`, filled by `fill` when it is not there yet. `fill` works in a temporary neighbour that is renamed once it is whole, so
 * that a folder with the right name is always a complete one, also after a crash or with two processes at once: the second finds the name taken and
 * throws its own copy away.
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  cacheRoot ??= chooseCacheRoot();
  const folder = join(await cacheRoot, name);
  if (await exists(folder)) return folder;
  const building = `${folder}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(building, { recursive: true });
    await fill(building);
    // npm and mkdir follow the umask; the user that runs the servers must be able to read.
    await runProgram('chmod', ['-R', 'a+rX', building]);
    await rename(building, folder);
  } catch (error) {
    if (!(await exists(folder))) throw error;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return folder;
}

/**
 * `.cache/servers` of this checkout, or TEAL_CACHE. As root the servers run as another user, who must be able to walk down to them: a checkout under a
 * closed folder (/root) has its servers in the system's temporary folder instead.
 */
async function chooseCacheRoot(): Promise<string> {
  const wanted = process.env['TEAL_CACHE'] ?? resolve(import.meta.dirname, '../../.cache/servers');
  await mkdir(wanted, { recursive: true });
  if (!mustChangeUser() || (await everybodyCanWalkTo(wanted))) return wanted;
  const open = join(tmpdir(), 'teal-servers-of-root');
  await mkdir(open, { recursive: true });
  await refuseForeignFolder(open);
  await chmod(open, 0o755);
  process.stderr.write(`servers are kept in ${open}: another user has to read them and cannot walk to ${wanted}\n`);
  return open;
}

/** Programs are run from this folder as root's helpers: a folder that somebody else made beforehand could hold anything. */
async function refuseForeignFolder(folder: string): Promise<void> {
  const { uid, mode } = await lstat(folder);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new TealError('TEAL-TOOLS-001', `${folder} can be written by others; remove it or set TEAL_CACHE`, {
      folder,
    });
  }
}

async function everybodyCanWalkTo(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
