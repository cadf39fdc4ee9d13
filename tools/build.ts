import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildConsole, consoleDist } from './build-console.ts';

/**
 * Builds what is published, as a package of its own in `dist/`: Node does not strip types below node_modules, so it holds JavaScript, file by file as in `src/`
 * (workers and processes are started by their files), with declarations. `npm pack ./dist` makes the tarball.
 */
const top = resolve(import.meta.dirname, '..');
const dist = join(top, 'dist');

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** The checkout's package.json with the places of what was built. */
export function publishedManifest(source: Manifest): Readonly<Record<string, unknown>> {
  const { private: _, scripts: _scripts, devDependencies: _tools, bin, exports, ...kept } = source;
  const built = (path: string, ending: string): string => path.replace(/^\.\/src\//, './').replace(/\.ts$/, ending);
  return {
    ...kept,
    bin: Object.fromEntries(Object.entries(bin).map(([name, path]) => [name, built(path, '.js')])),
    exports: Object.fromEntries(
      Object.entries(exports).map(([name, path]) => [
        name,
        { types: built(path, '.d.ts'), default: built(path, '.js') },
      ]),
    ),
  };
}

function build(): void {
  rmSync(dist, { recursive: true, force: true });
  const compiled = spawnSync(join(top, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
    cwd: top,
    stdio: 'inherit',
  });
  if (compiled.status !== 0) throw new Error(`tsc ended with ${compiled.status ?? compiled.error?.message}`);
  const manifest = publishedManifest(JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as Manifest);
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const name of ['README.md', 'LICENSE', 'CHANGELOG.md', 'ARCHITECTURE.md'])
    copyFileSync(join(top, name), join(dist, name));
  for (const name of ['docs', 'examples']) {
    mkdirSync(join(dist, name), { recursive: true });
    cpSync(join(top, name), join(dist, name), { recursive: true });
  }
  buildConsole();
  cpSync(consoleDist, join(dist, 'console'), { recursive: true });
  for (const path of Object.values(manifest['bin'] as Manifest['bin'])) chmodSync(join(dist, path), 0o755);
  process.stdout.write('built dist/; `npm pack ./dist` makes the tarball\n');
}

if (import.meta.main) build();
