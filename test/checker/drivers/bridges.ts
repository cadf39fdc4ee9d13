import { createHash } from 'node:crypto';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../../tools/servers/cache.ts';
import { runProgram } from '../../../tools/servers/run-program.ts';
import type { Driver } from '../schedule.ts';
import type { BridgeProgram } from './bridge.ts';

/** A compiler on a busy machine. */
const buildLimitMs = 900_000;

const sourceOf = (...path: readonly string[]): string => join(import.meta.dirname, ...path);

/** A folder of the cache for these sources, which name the versions that they need, and for this version of the tool. */
async function built(
  name: string,
  sources: readonly string[],
  tool: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update(tool);
  for (const source of sources) hash.update(await readFile(sourceOf(name, source)));
  return cachedFolder(`checker-${name}-${hash.digest('hex').slice(0, 12)}`, fill);
}

async function python(
  mode: 'pool' | 'pipeline' | 'sqlalchemy',
  pipelines: BridgeProgram['pipelines'],
): Promise<BridgeProgram> {
  const version = await runProgram('python3', ['--version']);
  const folder = await built('psycopg', ['requirements.txt'], version, async (building) => {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
    const requirements = ['--requirement', sourceOf('psycopg', 'requirements.txt')];
    await runProgram('python3', [...pip, '--only-binary=:all:', '--no-deps', '--target', building, ...requirements]);
  });
  return {
    program: 'python3',
    args: [sourceOf('psycopg', 'main.py'), mode],
    env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' },
    pipelines,
  };
}

export const bridges: Readonly<
  Record<
    Exclude<Driver, 'node-postgres' | 'postgres.js' | 'pgbench' | 'mysql2' | 'mysql2 and pg'>,
    () => Promise<BridgeProgram>
  >
> = {
  'psycopg pool': async () => python('pool', 'no'),
  'psycopg pipeline': async () => python('pipeline', 'commit too'),
  SQLAlchemy: async () => python('sqlalchemy', 'no'),
  'pgjdbc HikariCP': java,
  pgx: go,
  'tokio-postgres': rust,
};

async function go(): Promise<BridgeProgram> {
  const version = await runProgram('go', ['version']);
  const sources = ['go.mod', 'go.sum', 'main.go'];
  const folder = await built('pgx', sources, version, async (building) => {
    const program = join(building, 'checker-pgx');
    await runProgram('go', ['build', '-mod=readonly', '-o', program, '.'], {
      cwd: sourceOf('pgx'),
      timeoutMs: buildLimitMs,
    });
  });
  return { program: join(folder, 'checker-pgx'), args: [], pipelines: 'statements' };
}

async function rust(): Promise<BridgeProgram> {
  const version = await runProgram('cargo', ['--version']);
  const sources = ['Cargo.toml', 'Cargo.lock', 'src/main.rs'];
  const name = 'teal-checker-tokio-postgres';
  const folder = await built('tokio-postgres', sources, version, async (building) => {
    const target = join(building, 'target');
    await runProgram('cargo', ['build', '--quiet', '--release', '--locked'], {
      cwd: sourceOf('tokio-postgres'),
      env: { ...process.env, CARGO_TARGET_DIR: target },
      timeoutMs: buildLimitMs,
    });
    await copyFile(join(target, 'release', name), join(building, name));
    await rm(target, { recursive: true });
  });
  return { program: join(folder, name), args: [], pipelines: 'statements' };
}

async function java(): Promise<BridgeProgram> {
  const version = await runProgram('javac', ['-version']);
  const folder = await built('pgjdbc', ['pom.xml', 'Main.java'], version, async (building) => {
    const jars = join(building, 'jars');
    await runProgram(
      'mvn',
      ['-q', '-B', '-f', sourceOf('pgjdbc', 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`],
      { cwd: building, timeoutMs: buildLimitMs },
    );
    await runProgram('javac', ['-cp', join(jars, '*'), '-d', building, sourceOf('pgjdbc', 'Main.java')]);
  });
  return {
    program: 'java',
    args: ['-Xmx128m', '-XX:+UseSerialGC', '-cp', `${folder}:${join(folder, 'jars', '*')}`, 'Main'],
    pipelines: 'no',
  };
}
