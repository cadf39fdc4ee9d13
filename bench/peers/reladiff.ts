import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from '../../tools/servers/cache.ts';
import { lastLines, runProgram } from '../../tools/servers/run-program.ts';

const requirements = join(import.meta.dirname, 'reladiff.requirements.txt');

/** The folder of its modules, made with the Python and pip of this machine. TEAL-TOOLS-005 where there are none. */
export async function installReladiff(): Promise<string> {
  const version = await runProgram('python3', ['--version']);
  const hash = createHash('sha256')
    .update(version)
    .update(await readFile(requirements));
  return cachedFolder(`reladiff-${hash.digest('hex').slice(0, 12)}`, async (building) => {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
    await runProgram('python3', [...pip, '--no-deps', '--target', building, '--requirement', requirements]);
  });
}

export interface ReladiffOptions {
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly table: string;
  readonly key: string;
  readonly threads: number;
}

/**
 * How many rows of the table it says are different, all columns compared. `command` runs it: given the program, its arguments and its environment, resolves with what it
 * printed. TEAL-TOOLS-005 when it did not compare: it ends with 0 then too.
 */
export async function reladiff(
  options: ReladiffOptions,
  command = async (program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
    runProgram(program, args, { env, timeoutMs: 3_600_000 }),
): Promise<number> {
  const folder = await installReladiff();
  const sides = [withScheme(options.blueUrl), options.table, withScheme(options.greenUrl), options.table];
  const flags = ['-k', options.key, '-c', '%', '-j', String(options.threads), '-a', 'hashdiff', '--stats'];
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  const said = await command('python3', ['-m', 'reladiff', ...sides, ...flags], env);
  const counts = [...said.matchAll(/^(\d+) rows (?:exclusive|updated)/gm)].map((match) => Number(match[1]));
  if (counts.length !== 3) throw new TealError('TEAL-TOOLS-005', `reladiff did not compare:\n${lastLines(said)}`);
  return counts.reduce((sum, count) => sum + count, 0);
}

function withScheme(url: string): string {
  return url.replace(/^postgres:/, 'postgresql:');
}
