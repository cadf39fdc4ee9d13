import { appendFile, chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresMajor } from './install-postgres.ts';
import { runProgram } from './run-program.ts';
import { serverUser } from './server-user.ts';

export interface PostgresOptions {
  readonly major: PostgresMajor;
  /** An empty or new folder, or one that an earlier server left; it is kept at the end. Without it: a temporary one, removed at the end. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Lines of postgresql.conf on top of the defaults for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly superuserPassword?: string;
  /** Default `trust`; `scram-sha-256` needs a password. */
  readonly auth?: 'trust' | 'scram-sha-256';
  /** PEM texts; the server then takes TLS connections beside plain ones. */
  readonly ssl?: { readonly certificate: string; readonly key: string };
}

/**
 * Enough slots, senders and connections for every test of a run on one server; `fsync` stays as PostgreSQL has it, for a test may ask what survives.
 */
const testSettings: Readonly<Record<string, string>> = Object.freeze({
  wal_level: 'logical',
  max_replication_slots: '40',
  max_wal_senders: '40',
  max_logical_replication_workers: '16',
  max_worker_processes: '24',
  max_prepared_transactions: '10',
  max_connections: '300',
  shared_buffers: '128MB',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_line_prefix: '%m [%p] %q%a@%d ',
});

/** The folder that a server gets: closed to everybody else, as PostgreSQL demands. */
export async function makeDataDir({ major, dataDir }: PostgresOptions): Promise<string> {
  if (dataDir === undefined) return giveToServer(await mkdtemp(join(tmpdir(), `teal-postgres-${major}-`)), 0o700);
  await mkdir(dataDir, { recursive: true });
  return giveToServer(dataDir, 0o700);
}

/** Makes the database cluster where there is none yet, and writes the settings and access rules for this start. */
export async function initialise(binDir: string, dataDir: string, options: PostgresOptions): Promise<void> {
  const { superuserPassword, auth = 'trust', ssl } = options;
  if (!(await hasCluster(dataDir))) {
    await initdb(binDir, dataDir, superuserPassword);
    await appendFile(join(dataDir, 'postgresql.conf'), "\ninclude_if_exists = 'teal.conf'\n");
  }
  const settings = { ...testSettings, ...(ssl === undefined ? {} : { ssl: 'on' }), ...options.settings };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await writeForServer(join(dataDir, 'teal.conf'), lines.join(''));
  await writeForServer(join(dataDir, 'pg_hba.conf'), hostRules(auth));
  if (ssl !== undefined) {
    await writeForServer(join(dataDir, 'server.crt'), ssl.certificate);
    await writeForServer(join(dataDir, 'server.key'), ssl.key);
  }
}

async function initdb(binDir: string, dataDir: string, superuserPassword: string | undefined): Promise<void> {
  // Locale C orders and folds the same on every platform and major; a test that is about collations makes its own database.
  const args = ['-D', dataDir, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync', '-A', 'trust'];
  // initdb wants an empty data folder and reads the password from a file, so the file gets a folder of its own.
  const aside = await giveToServer(await mkdtemp(join(tmpdir(), 'teal-initdb-')), 0o700);
  try {
    if (superuserPassword !== undefined) {
      args.push(`--pwfile=${await writeForServer(join(aside, 'password'), `${superuserPassword}\n`)}`);
    }
    await runProgram(join(binDir, 'initdb'), args, { cwd: '/', env: serverEnvironment, ...serverUser() });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

function hostRules(auth: string): string {
  return `host all all 127.0.0.1/32 ${auth}\nhost replication all 127.0.0.1/32 ${auth}\n`;
}

async function hasCluster(dataDir: string): Promise<boolean> {
  return (await readIfThere(join(dataDir, 'PG_VERSION'))) !== undefined;
}

async function writeForServer(path: string, text: string): Promise<string> {
  await writeFile(path, text, { mode: 0o600 });
  return giveToServer(path, 0o600);
}

async function giveToServer(path: string, mode: number): Promise<string> {
  await chmod(path, mode);
  const user = serverUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return path;
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Nothing of the caller's environment (PGPORT, PGDATA, a locale) reaches the server. */
export const serverEnvironment: NodeJS.ProcessEnv = Object.freeze({
  PATH: process.env['PATH'],
  LC_ALL: 'C',
  TZ: 'UTC',
});
