import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '../console');

/** Where the web console lies once it is built; what is published has it as `console/`. */
export const consoleDist = join(folder, 'dist');

/** Builds the web console into `console/dist`: a few seconds. `make console` does it where a source is newer. */
export function buildConsole(): void {
  const vite = join(folder, 'node_modules/.bin/vite');
  if (!existsSync(vite)) throw new Error('the tools of the console are not installed: run `make setup`');
  const built = spawnSync(vite, ['build', '--logLevel', 'warn'], { cwd: folder, stdio: 'inherit' });
  if (built.status !== 0) throw new Error(`vite ended with ${built.status ?? built.error?.message}`);
}

if (import.meta.main) buildConsole();
