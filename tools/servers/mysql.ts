import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../src/kernel/clock.ts';
import { TealError, isTealError } from '../../src/kernel/errors.ts';
import { freePort } from './free-port.ts';
import { installMysql, type InstalledMysql, type MysqlSeries } from './install-mysql.ts';
import { environmentOf, makeMysqlDataDir, mysqlPidFile, serverArguments, type MysqlOptions } from './mysql-instance.ts';
import { readIfThere } from './postgres-cluster.ts';
import { lastLines } from './run-program.ts';
import { serverUser } from './server-user.ts';
import { watchOver } from './watcher.ts';

export interface MysqlServer {
  readonly series: MysqlSeries;
  readonly flavour: 'mariadb' | 'mysql';
  /** `root`, who has no password, by TCP on loopback. */
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Resolves when the process is gone, in good order. Twice is harmless. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** On the same port and the same data; also after `stop` and `kill9`. `settings`: on top of those that it was first started with, until its next start. */
  restart(settings?: MysqlOptions['settings']): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const startTimeoutMs = 120_000;
const stopTimeoutMs = 60_000;
const startAttempts = 20;

/**
 * A real server of its own, ready for connections, with a binlog in ROW format, full images and full metadata, and GTIDs. It ends with this process, however
 * that ends, and its data go with it (see watcher.ts). TEAL-TOOLS-001, -003 or -004 when it cannot be installed, -002 when it does not come up.
 */
export async function startMysql(options: MysqlOptions): Promise<MysqlServer> {
  const installed = await installMysql(options.series);
  const dataDir = await makeMysqlDataDir(installed);
  const watcher = watchOver(dataDir, 'remove', mysqlPidFile);
  const daemon = new Daemon(installed, dataDir, options.settings ?? {});
  const dispose = async (): Promise<void> => {
    // Nobody will look at the data again.
    await daemon.end('SIGKILL');
    await watcher.dismiss();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await daemon.start(options.port);
  } catch (error) {
    await dispose();
    throw error;
  }
  return Object.freeze({
    series: options.series,
    flavour: installed.flavour,
    host: '127.0.0.1' as const,
    port: daemon.port,
    dataDir,
    logFile: daemon.logFile,
    get pid() {
      return daemon.pid;
    },
    stop: async () => daemon.end('SIGTERM'),
    kill9: async () => daemon.end('SIGKILL'),
    restart: async (settings?: MysqlOptions['settings']) => {
      await daemon.end('SIGTERM');
      await daemon.start(daemon.port, settings);
    },
    [Symbol.asyncDispose]: dispose,
  });
}

/** One data folder and the process that serves it, which may come and go. */
class Daemon {
  readonly logFile: string;
  readonly #server: InstalledMysql;
  readonly #dataDir: string;
  readonly #settings: Readonly<Record<string, string>>;
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(server: InstalledMysql, dataDir: string, settings: Readonly<Record<string, string>>) {
    this.#server = server;
    this.#dataDir = dataDir;
    this.#settings = settings;
    this.logFile = join(dataDir, 'server.log');
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#child === undefined || hasEnded(this.#child) ? undefined : this.#child.pid;
  }

  /** With a port of its own choice it takes another one when somebody was quicker. */
  async start(port?: number, more: MysqlOptions['settings'] = {}): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#port = port ?? (await freePort());
      try {
        return await this.#startOnce(more);
      } catch (error) {
        const lostPort = isTealError(error, 'TEAL-TOOLS-002') && error.message.includes('Address already in use');
        if (attempt === startAttempts || port !== undefined || !lostPort) throw error;
      }
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    child.kill(signal);
    await waitFor(
      { what: 'the server to stop', timeoutMs: stopTimeoutMs, everyMs: 10 },
      () => hasEnded(child) || undefined,
    );
    this.#child = undefined;
  }

  async #startOnce(more: Readonly<Record<string, string>>): Promise<void> {
    const log = await open(this.logFile, 'a');
    const { size: logStart } = await log.stat();
    const place = [`--port=${this.#port}`, `--socket=${join(this.#dataDir, 'server.sock')}`];
    const settings = { ...this.#settings, ...more };
    const args = [...serverArguments(this.#server, this.#dataDir, settings), ...place];
    // The server writes its own pid file late; the watcher must know the process from its first moment.
    const remember = 'echo $$ > "$1"; shift; exec "$@"';
    const shellArgs = ['-c', remember, 'teal-server', join(this.#dataDir, mysqlPidFile), this.#server.program, ...args];
    const child = spawn('/bin/sh', shellArgs, {
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
      // Detached: a Ctrl-C at the terminal must reach a test's own clean-up first, not its servers.
      detached: true,
      env: environmentOf(this.#server),
      ...serverUser(),
    });
    child.unref();
    try {
      await once(child, 'spawn');
    } finally {
      await log.close();
    }
    this.#child = child;
    await waitFor({ what: 'the server to start', timeoutMs: startTimeoutMs, everyMs: 20 }, async () => {
      const said = ((await readIfThere(this.logFile)) ?? '').slice(logStart);
      if (hasEnded(child)) {
        this.#child = undefined;
        throw new TealError('TEAL-TOOLS-002', `${this.#server.series} ended:\n${lastLines(said)}`);
      }
      // Its own log: asking the port could ask somebody else's server.
      return /ready for connections/.test(said) || undefined;
    });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
