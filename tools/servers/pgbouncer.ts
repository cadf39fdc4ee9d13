import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { TealError } from '../../src/kernel/errors.ts';
import { freePort } from './free-port.ts';
import { readIfThere } from './postgres-cluster.ts';
import { lastLines, runProgram } from './run-program.ts';
import { serverUser } from './server-user.ts';
import { byOwnLoader, debianPackageHere, debianPackages, librariesOf } from './debian.ts';

export interface PgBouncerProgram {
  readonly version: string;
  /** The program and the arguments that come before its own. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** `here`: the package of this machine's Debian (1.18 on Debian 12). `newer`: that of Debian 13 (1.24), whose C library comes with it. */
export type PgBouncerRelease = 'here' | 'newer';

const newer = Object.freeze({
  release: 'trixie',
  packages: (
    'pgbouncer libc6 libcares2 libevent-2.1-7t64 libssl3t64 libpam0g libsystemd0 libaudit1 libcap-ng0 libcap2 libzstd1 ' +
    'zlib1g libgcc-s1'
  ).split(' '),
});
const program = 'usr/sbin/pgbouncer';

/** TEAL-TOOLS-001 or -005 where there is no apt. */
export async function installPgBouncer(release: PgBouncerRelease): Promise<PgBouncerProgram> {
  const { command, env } = await (release === 'here' ? ofThisRelease() : ofNewerRelease());
  const said = await runProgram(must(command[0], 'a program'), [...command.slice(1), '--version'], { env });
  return { version: /PgBouncer (\S+)/.exec(said)?.[1] ?? '', command, env };
}

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoPgBouncer(release: PgBouncerRelease): Promise<string | undefined> {
  try {
    await installPgBouncer(release);
    return undefined;
  } catch (error) {
    const why = ` (SKIPPED, no PgBouncer: ${error instanceof Error ? error.message : String(error)})`;
    process.stderr.write(`${why.trim()}\n`);
    return why;
  }
}

async function ofNewerRelease(): Promise<Omit<PgBouncerProgram, 'version'>> {
  const root = await debianPackages(`pgbouncer-${newer.release}-${process.arch}`, newer.packages, newer.release);
  return { command: byOwnLoader(root, program), env: {} };
}

async function ofThisRelease(): Promise<Omit<PgBouncerProgram, 'version'>> {
  const root = await debianPackageHere('pgbouncer');
  return { command: [join(root, program)], env: librariesOf(root) };
}

export interface PgBouncerOptions {
  readonly release: PgBouncerRelease;
  readonly mode: 'session' | 'transaction';
  /** Of the line for every database. */
  readonly server?: { readonly port: number };
  /** Lines of [databases] instead of that one. */
  readonly databases?: readonly string[];
  /** Lines of its file on top of what is set here. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** One PgBouncer on loopback, for the user `postgres` and every database, both sides without TLS and without passwords. */
export interface PgBouncer extends AsyncDisposable {
  readonly version: string;
  readonly port: number;
  readonly url: string;
  /** Of its admin console. */
  readonly adminUrl: string;
  /** Path of its file. */
  readonly config: string;
  readonly pid: number;
  /** One command of its console: PAUSE, RESUME, RELOAD, … Resolves when the console has answered. */
  readonly say: (command: string) => Promise<void>;
  /** Writes its file anew; RELOAD reads it. */
  readonly pointTo: (server: { readonly port: number }) => Promise<void>;
}

export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { version, command, env } = await installPgBouncer(options.release);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'teal-pgbouncer-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const user = serverUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const port = await freePort();
  const [config, log] = [join(folder, 'pgbouncer.ini'), join(folder, 'log')];
  const everything = ({ port: its }: { readonly port: number }): readonly string[] => [
    `* = host=127.0.0.1 port=${its}`,
  ];
  const pointTo = async (server: { readonly port: number }): Promise<void> =>
    writeFile(config, configuration(folder, port, options, everything(server)));
  await writeFile(join(folder, 'users'), '"postgres" ""\n');
  const lines = options.databases ?? everything(must(options.server, 'a server'));
  await writeFile(config, configuration(folder, port, options, lines));
  if (user !== undefined) await chown(config, user.uid, user.gid);
  const child = spawn(must(command[0], 'a program'), [...command.slice(1), '-q', config], {
    cwd: '/',
    env,
    stdio: 'ignore',
    ...user,
  });
  await once(child, 'spawn');
  stack.defer(async () => end(child));
  const console = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'pgbouncer' });
  await waitFor({ what: 'PgBouncer to start', timeoutMs: 60_000, everyMs: 20 }, async () => {
    if (child.exitCode === null && child.signalCode === null) return (await isListening(port)) || undefined;
    throw new TealError('TEAL-TOOLS-002', `PgBouncer ended:\n${lastLines((await readIfThere(log)) ?? '')}`);
  });
  await console.connect();
  stack.defer(async () => console.end());
  const kept = stack.move();
  return {
    version,
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    adminUrl: `postgres://postgres@127.0.0.1:${port}/pgbouncer`,
    config,
    pid: must(child.pid, 'a process'),
    say: async (words) => void (await console.query(words)),
    pointTo,
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

function configuration(folder: string, port: number, options: PgBouncerOptions, databases: readonly string[]): string {
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users'),
    admin_users: 'postgres',
    logfile: join(folder, 'log'),
    pidfile: join(folder, 'pid'),
    pool_mode: options.mode,
    max_client_conn: 1_000,
    default_pool_size: 300,
    // What drivers send at their start and no pool can promise to keep.
    ignore_startup_parameters: 'extra_float_digits,options',
    log_connections: 0,
    log_disconnections: 0,
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  return `[databases]\n${databases.join('\n')}\n[pgbouncer]\n${lines.join('\n')}\n`;
}

/** It answers as soon as it listens, and listens before it writes its pid. */
async function isListening(port: number): Promise<boolean> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'pgbouncer' });
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return false;
    throw error;
  } finally {
    await client.end();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  // At once: nobody is served any more.
  child.kill('SIGTERM');
  await ended;
}
