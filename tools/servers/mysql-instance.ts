import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import type { InstalledMysql, MysqlSeries } from './install-mysql.ts';
import { lastLines, runProgram } from './run-program.ts';
import { serverUser } from './server-user.ts';

export interface MysqlOptions {
  readonly series: MysqlSeries;
  /** Default: a free one. */
  readonly port?: number;
  /** Options of the server's command line on top of those for tests, without the dashes. */
  readonly settings?: Readonly<Record<string, string>>;
}

export const mysqlPidFile = 'teal.pid';

/** What both families are started with: a binlog from which every change can be read, on loopback, as small as it can be. */
const commonSettings: Readonly<Record<string, string>> = Object.freeze({
  'server-id': '1',
  'bind-address': '127.0.0.1',
  'log-bin': 'binlog',
  'binlog-format': 'ROW',
  'binlog-row-image': 'FULL',
  'binlog-row-metadata': 'FULL',
  'default-time-zone': '+00:00',
  'character-set-server': 'utf8mb4',
  'innodb-buffer-pool-size': '32M',
  'max-connections': '150',
  // A test may ask what survives a process that is killed; what survives a power cut would only make it slow.
  'innodb-flush-log-at-trx-commit': '2',
  'sync-binlog': '0',
});

const flavourSettings: Readonly<Record<InstalledMysql['flavour'], Readonly<Record<string, string>>>> = Object.freeze({
  // From 11.4 on a server without a certificate makes one at every start, whose key takes many seconds: a test of TLS brings its own.
  mariadb: { 'innodb-log-file-size': '8M', 'gtid-domain-id': '0', 'gtid-strict-mode': 'ON', ssl: 'OFF' },
  mysql: {
    'gtid-mode': 'ON',
    'enforce-gtid-consistency': 'ON',
    mysqlx: 'OFF',
    'admin-port': '0',
    'innodb-redo-log-capacity': '8M',
    'performance-schema': 'OFF',
  },
});

/** The whole command line but for the port. `--no-defaults` comes first: nothing of the machine's own configuration reaches the server. */
export function serverArguments(
  server: InstalledMysql,
  dataDir: string,
  settings: Readonly<Record<string, string>>,
): readonly string[] {
  const all = { ...commonSettings, ...flavourSettings[server.flavour], ...settings };
  return [...baseArguments(server, dataDir), ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)];
}

function baseArguments(server: InstalledMysql, dataDir: string): readonly string[] {
  const messages = `--lc-messages-dir=${server.shareDir}`;
  const place = [`--datadir=${dataDir}`, `--tmpdir=${dataDir}`, `--pid-file=${join(dataDir, 'server.pid')}`];
  return ['--no-defaults', ...place, messages, `--character-sets-dir=${join(server.shareDir, 'charsets')}`];
}

export function environmentOf(server: InstalledMysql): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH: server.libraryDirs.join(':') };
}

/** A data folder with the system tables, made once for this machine: that takes seconds, copying it does not. Nothing may write there. */
export async function initialisedMysql(server: InstalledMysql): Promise<string> {
  const folder = await cachedFolder(`${server.series}-data-1`, async (building) => {
    const data = join(building, 'data');
    await mkdir(data);
    await giveToServer(data);
    await (server.flavour === 'mysql' ? initialiseMysql(server, data) : initialiseMariadb(server, data));
    // Two servers with one identity cannot replicate from each other.
    await rm(join(data, 'auto.cnf'), { force: true });
  });
  return join(folder, 'data');
}

/** A data folder of its own, as a copy of that one. The user `root` has no password. */
export async function makeMysqlDataDir(server: InstalledMysql): Promise<string> {
  const initialised = await initialisedMysql(server);
  const dataDir = await giveToServer(await mkdtemp(join(tmpdir(), `teal-${server.series}-`)));
  await runProgram('cp', ['-R', `${initialised}/.`, dataDir]);
  const user = serverUser();
  if (user !== undefined) await runProgram('chown', ['-R', `${user.uid}:${user.gid}`, dataDir]);
  await chmod(dataDir, 0o700);
  return dataDir;
}

async function initialiseMysql(server: InstalledMysql, data: string): Promise<void> {
  const small = ['--innodb-redo-log-capacity=8M', '--skip-log-bin'];
  await runProgram(server.program, [...baseArguments(server, data), ...small, '--initialize-insecure'], {
    // Seconds on a quiet machine, and done once; on a loaded one it has taken more than five minutes.
    timeoutMs: 1_800_000,
    cwd: '/',
    env: environmentOf(server),
    ...serverUser(),
  });
}

/** In the order of mariadb-install-db, without the help texts. 11.4 has renamed them from mysql_ to mariadb_. */
const systemTables = ['_system_tables', '_performance_tables', '_system_tables_data', '_sys_schema'];

async function initialiseMariadb(server: InstalledMysql, data: string): Promise<void> {
  const names = await readdir(server.shareDir);
  const files = systemTables.map((end) =>
    names.find((name) => /^(mysql|mariadb)_/.test(name) && name.endsWith(`${end}.sql`)),
  );
  const texts = [
    'create database if not exists mysql;\nuse mysql;\nset @skip_auth_anonymous = 1;\nset @auth_root_socket = null;\n',
  ];
  for (const file of files) {
    if (file === undefined) throw new TealError('TEAL-TOOLS-001', `${server.series} came without its system tables`);
    texts.push(await readFile(join(server.shareDir, file), 'utf8'));
  }
  const args = [...baseArguments(server, data), '--innodb-log-file-size=8M', '--bootstrap'];
  await feedProgram(server, args, texts.join(''));
}

async function feedProgram(server: InstalledMysql, args: readonly string[], input: string): Promise<void> {
  const child = spawn(server.program, args, {
    cwd: '/',
    env: environmentOf(server),
    stdio: ['pipe', 'ignore', 'pipe'],
    ...serverUser(),
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  // Where it ends before it has read everything, the exit code says more than the broken pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    const text = lastLines(Buffer.concat(said).toString('utf8'));
    throw new TealError('TEAL-TOOLS-005', `${server.series} could not make its system tables:\n${text}`);
  }
}

async function giveToServer(path: string): Promise<string> {
  await chmod(path, 0o700);
  const user = serverUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return path;
}
