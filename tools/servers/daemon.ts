import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../src/kernel/clock.ts';
import { TealError, isTealError } from '../../src/kernel/errors.ts';
import { freePort } from './free-port.ts';
import { readIfThere } from './postgres-cluster.ts';
import { lastLines } from './run-program.ts';
import { serverUser } from './server-user.ts';

/** How a kind of server is started, and how it says that it is ready. */
export interface DaemonKind {
  /** For errors. */
  readonly name: string;
  readonly dataDir: string;
  /** In the data folder; its one line is the server's process. */
  readonly pidFile: string;
  readonly env: NodeJS.ProcessEnv;
  /** What the server logs when it takes connections, and what it says when somebody else has its port. */
  readonly ready: RegExp;
  readonly portTaken: RegExp;
  /** The program with its arguments, for this port; called before each start, and may write what the server reads. */
  command(port: number, more: Readonly<Record<string, string>>): Promise<readonly [program: string, ...args: string[]]>;
}

/** Seconds on a quiet machine; a server that ends is told at once. */
const startTimeoutMs = 300_000;
const stopTimeoutMs = 60_000;
const startAttempts = 20;

/** One data folder and the process that serves it, which may come and go. */
export class Daemon {
  readonly logFile: string;
  readonly #kind: DaemonKind;
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(kind: DaemonKind) {
    this.#kind = kind;
    this.logFile = join(kind.dataDir, 'server.log');
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#child === undefined || hasEnded(this.#child) ? undefined : this.#child.pid;
  }

  /** With a port of its own choice it takes another one when somebody was quicker. TEAL-TOOLS-002 with the end of its log when it does not come up. */
  async start(port?: number, more: Readonly<Record<string, string>> = {}): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#port = port ?? (await freePort());
      try {
        return await this.#startOnce(more);
      } catch (error) {
        const lostPort = isTealError(error, 'TEAL-TOOLS-002') && this.#kind.portTaken.test(error.message);
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
    const { name, dataDir, pidFile, env, ready } = this.#kind;
    const command = await this.#kind.command(this.#port, more);
    const log = await open(this.logFile, 'a');
    const { size: logStart } = await log.stat();
    // A server writes its own pid file late, or none; the watcher must know the process from its first moment.
    const remember = 'echo $$ > "$1"; shift; exec "$@"';
    const child = spawn('/bin/sh', ['-c', remember, 'teal-server', join(dataDir, pidFile), ...command], {
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
      // Detached: a Ctrl-C at the terminal must reach a test's own clean-up first, not its servers.
      detached: true,
      env,
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
        throw new TealError('TEAL-TOOLS-002', `${name} ended:\n${lastLines(said)}`);
      }
      // Its own log: asking the port could ask somebody else's server.
      return ready.test(said) || undefined;
    });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
