import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { consoleDist } from './build-console.ts';

const top = resolve(import.meta.dirname, '..');
const app = join(top, 'src/app');
const folder = join(top, '.cache/programs');

/**
 * Teal's command and the programs it starts, each with all it imports in a few files, for tests that start them by the thousand: a module costs Node half a millisecond, and there are more than
 * a thousand. Returns the folder, for TEAL_PROGRAMS.
 */
export async function bundlePrograms(): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  const programs = readdirSync(app).filter((file) => /-(?:main|thread)\.ts$/.test(file));
  await using bundle = await rolldown({
    input: {
      'cli/main': join(top, 'src/cli/main.ts'),
      'test/controller': join(top, 'test/migration/controller.ts'),
      ...Object.fromEntries(programs.map((file) => [`app/${file.slice(0, -3)}`, join(app, file)])),
    },
    platform: 'node',
    logLevel: 'warn',
  });
  // What several programs share stands beside them, as in the source: they find one another from there (`app/program.ts`).
  await bundle.write({ dir: folder, entryFileNames: '[name].js', chunkFileNames: 'app/[name]-[hash].js' });
  symlinkSync(consoleDist, join(folder, 'console'));
  return folder;
}

if (import.meta.main) process.stdout.write(`${await bundlePrograms()}\n`);
