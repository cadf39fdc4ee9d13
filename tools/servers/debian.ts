import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { runProgram } from './run-program.ts';

/**
 * Debian's packages unpacked into the cache, of this machine's own release or of another one, without installing anything: `root/` is what lies below it as if it were
 * `/`. Signatures are checked by apt. TEAL-TOOLS-001 where there is no apt, or it does not have one of them.
 */
export async function debianPackages(
  name: string,
  packages: readonly string[] | (() => Promise<readonly string[]>),
  release?: string,
): Promise<string> {
  const folder = await cachedFolder(name, async (building) => {
    const env = release === undefined ? process.env : await aptOf(release, building);
    await mkdir(join(building, 'root'));
    await unpackDebian(typeof packages === 'function' ? await packages() : packages, join(building, 'root'), env);
  });
  return join(folder, 'root');
}

/** The same into a folder that is there. */
export async function unpackDebian(packages: readonly string[], folder: string, env = process.env): Promise<void> {
  const aside = join(folder, 'packages');
  await mkdir(aside);
  try {
    await runProgram('apt-get', ['download', '-qq', ...packages], { cwd: aside, env });
    for (const name of await readdir(aside)) await runProgram('dpkg-deb', ['-x', join(aside, name), folder]);
  } catch (error) {
    throw new TealError('TEAL-TOOLS-001', `apt could not fetch ${packages.join(', ')}`, {}, error);
  }
  await rm(aside, { recursive: true });
}

/** A package of this machine's own release with the libraries that it asks for: they may not be installed. `more`: what these ask for. */
export async function debianPackageHere(name: string, more: readonly string[] = []): Promise<string> {
  return debianPackages(`${name}-here-${process.arch}`, async () => {
    const depends = await runProgram('apt-cache', ['depends', '--important', name]);
    const libraries = [...depends.matchAll(/Depends: (lib\S+)/g)].map((match) => match[1] ?? '');
    return [name, ...libraries, ...more];
  });
}

/** apt with lists of its own, from the same mirror as this machine's: what is installed here is not looked at, and not touched. */
async function aptOf(release: string, folder: string): Promise<NodeJS.ProcessEnv> {
  const format = '$(ORIGIN) $(COMPONENT) $(REPO_URI)';
  const targets = await runProgram('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const mirror = /^Debian main (\S+)$/m.exec(targets)?.[1];
  if (mirror === undefined) throw new TealError('TEAL-TOOLS-003', 'this machine has no mirror of Debian');
  const state = join(folder, 'apt');
  for (const each of ['lists/partial', 'cache/archives/partial']) await mkdir(join(state, each), { recursive: true });
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(join(state, 'sources.list'), `deb [signed-by=${keys}] ${mirror} ${release} main\n`);
  await writeFile(join(state, 'status'), '');
  const settings = {
    'Dir::Etc::SourceList': 'sources.list',
    'Dir::State::Lists': 'lists',
    'Dir::State::status': 'status',
    'Dir::Cache': 'cache',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${join(state, value)}";`);
  const config = join(state, 'apt.conf');
  await writeFile(config, `${lines.join('\n')}\nDir::Etc::SourceParts "-";\nAcquire::Languages "none";\n`);
  const env = { ...process.env, APT_CONFIG: config };
  await runProgram('apt-get', ['update', '-qq'], { env });
  return env;
}

/** The command of a program of another release: run by that release's own loader, for it needs a newer C library than the one that is here. */
export function byOwnLoader(root: string, program: string): readonly string[] {
  const name = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2';
  const libraries = join(root, 'usr/lib', triplet);
  return [join(libraries, name), '--library-path', libraries, join(root, program)];
}

/** Has a program of this machine's release find the libraries that were unpacked with it. */
export function librariesOf(root: string): Readonly<Record<'LD_LIBRARY_PATH', string>> {
  return { LD_LIBRARY_PATH: [join(root, 'usr/lib', triplet), join(root, 'lib', triplet)].join(':') };
}

const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
