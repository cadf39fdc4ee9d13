import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { runProgram } from './run-program.ts';

/** Debian packages, unpacked into a folder and not installed, as root or not. apt checks what it downloads against its signed index. TEAL-TOOLS-001 when it has none. */
export async function unpackDebian(packages: readonly string[], folder: string): Promise<void> {
  const aside = join(folder, 'packages');
  await mkdir(aside);
  try {
    await runProgram('apt-get', ['download', ...packages], { cwd: aside });
    for (const name of await readdir(aside)) await runProgram('dpkg-deb', ['-x', join(aside, name), folder]);
  } catch (error) {
    throw new TealError('TEAL-TOOLS-001', `apt could not fetch ${packages.join(', ')}`, {}, error);
  }
  await rm(aside, { recursive: true });
}
