import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { TealError, isTealError } from '../../src/kernel/errors.ts';
import { freePort } from './free-port.ts';
import { asPostgresMajor, installPostgres, type PostgresMajor } from './install-postgres.ts';
import { initialise, makeDataDir, readIfThere, serverEnvironment, type PostgresOptions } from './postgres-cluster.ts';
import { lastLines } from './run-program.ts';
import { serverUser } from './server-user.ts';
import { watchOver } from './watcher.ts';

export interface PostgresServer {
  readonly major: PostgresMajor;
  /** The superuser `postgres` on database `postgres`, by TCP on loopback. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Resolves when the process is gone; once is enough, twice is harmless. A temporary data folder stays until disposal. Default mode: fast. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Takes the postmaster and every backend away at once, as a power cut would. */
  kill9(): Promise<void>;
  /** On the same port and the same data; also after `stop` and `kill9`. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 60_000;
const startAttempts = 20;

/**
 * A real server of its own, ready for connections. It ends with this process, however that ends (see watcher.ts).
 * TEAL-TOOLS-001 or -003 when it cannot be installed, -002 when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { binDir } = await installPostgres(options.major);
  const isTemporary = options.dataDir === undefined;
  const dataDir = await makeDataDir(options);
  const watcher = watchOver(dataDir, isTemporary ? 'remove' : 'keep');
  const postmaster = new Postmaster(join(binDir, 'postgres'), dataDir);
  const dispose = async (): Promise<void> => {
    // A crash and its recovery are cheaper than a checkpoint, where nobody will look at the data again.
    await postmaster.stop(isTemporary ? 'immediate' : 'fast');
    await watcher.dismiss();
    if (isTemporary) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await initialise(binDir, dataDir, options);
    await postmaster.start(options.port);
  } catch (error) {
    await dispose();
    throw error;
  }
  return describeServer(options, postmaster, dispose);
}

function describeServer(
  options: PostgresOptions,
  postmaster: Postmaster,
  dispose: () => Promise<void>,
): PostgresServer {
  const { superuserPassword } = options;
  const secret = superuserPassword === undefined ? '' : `:${encodeURIComponent(superuserPassword)}`;
  return Object.freeze({
    major: options.major,
    url: `postgres://postgres${secret}@127.0.0.1:${postmaster.port}/postgres`,
    port: postmaster.port,
    dataDir: postmaster.dataDir,
    logFile: postmaster.logFile,
    get pid() {
      return postmaster.pid;
    },
    stop: async (mode: 'fast' | 'immediate' = 'fast') => postmaster.stop(mode),
    kill9: async () => postmaster.kill9(),
    restart: async () => {
      await postmaster.stop('fast');
      await postmaster.start(postmaster.port);
    },
    [Symbol.asyncDispose]: dispose,
  });
}

/** One data folder and the process that serves it, which may come and go. */
class Postmaster {
  readonly dataDir: string;
  readonly logFile: string;
  readonly #program: string;
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(program: string, dataDir: string) {
    this.#program = program;
    this.dataDir = dataDir;
    this.logFile = join(dataDir, 'server.log');
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#child === undefined || hasEnded(this.#child) ? undefined : this.#child.pid;
  }

  /** With a port of its own choice it takes another one when somebody was quicker. */
  async start(port?: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#port = port ?? (await freePort());
      try {
        return await this.#startOnce();
      } catch (error) {
        if (attempt === startAttempts || !mayPass(error, port === undefined)) throw error;
        await sleep(100);
      }
    }
  }

  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    await this.#end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT', []);
  }

  async kill9(): Promise<void> {
    const pid = this.pid;
    if (pid === undefined) return;
    await this.#end('SIGKILL', await childrenOf(pid));
  }

  async #end(signal: NodeJS.Signals, thenKill: readonly number[]): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    child.kill(signal);
    thenKill.forEach(killIfThere);
    await waitFor(
      { what: 'the server to stop', timeoutMs: stopTimeoutMs, everyMs: 10 },
      () => hasEnded(child) || undefined,
    );
    this.#child = undefined;
  }

  async #startOnce(): Promise<void> {
    const log = await open(this.logFile, 'a');
    const { size: logStart } = await log.stat();
    const args = ['-D', this.dataDir, '-p', String(this.#port)];
    const stdio: ['ignore', number, number] = ['ignore', log.fd, log.fd];
    // Detached: a Ctrl-C at the terminal must reach a test's own clean-up first, not its servers.
    const child = spawn(this.#program, args, {
      stdio,
      cwd: '/',
      detached: true,
      env: serverEnvironment,
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
      if (hasEnded(child)) {
        this.#child = undefined;
        const said = ((await readIfThere(this.logFile)) ?? '').slice(logStart);
        throw new TealError('TEAL-TOOLS-002', `${this.#program} ended:\n${lastLines(said)}`);
      }
      return (await saysReady(this.dataDir, child.pid)) || undefined;
    });
  }
}

/** The way of pg_ctl: line 1 of postmaster.pid is the process, line 8 its state. Asking the port could ask somebody else's server. */
async function saysReady(dataDir: string, pid: number | undefined): Promise<boolean> {
  const lines = ((await readIfThere(join(dataDir, 'postmaster.pid'))) ?? '').split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

/** A port that was lost to somebody quicker, and backends of a killed postmaster that hold the shared memory for another moment. */
function mayPass(error: unknown, portIsOurChoice: boolean): boolean {
  if (!isTealError(error, 'TEAL-TOOLS-002')) return false;
  if (error.message.includes('Address already in use')) return portIsOurChoice;
  return /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(error.message);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Empty where the system does not tell (macOS): backends notice by themselves that the postmaster is gone, a moment later. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const list = (await readIfThere(`/proc/${pid}/task/${pid}/children`)) ?? '';
  return list
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

if (import.meta.main) {
  for (const major of process.argv.slice(2)) {
    const { binDir } = await installPostgres(asPostgresMajor(major));
    process.stdout.write(`${binDir}\n`);
  }
}
