import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { isProcessThere } from '../kernel/process-there.ts';
import type { Side } from '../model/catalog.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { ConnectSpec } from '../spec/spec.ts';
import { tryLock } from './process-lock.ts';
import { programUrl } from './program.ts';
import { startSoakWatch } from './soak-process.ts';
import {
  replaceFile,
  supervisorBlueUrl,
  supervisorConnect,
  supervisorGreenUrl,
  supervisorPaths,
  type SupervisorConfig,
} from './supervisor-config.ts';
import type { SupervisorState } from './supervisor.ts';
import { startWatch } from './watch/watch-process.ts';
import { startLock, supervisorFolder, unwant, want, wanted, type Thing } from './wanted.ts';

const startTimeoutMs = 20_000;
const endTimeoutMs = 60_000;
/** While a supervisor starts: it says that it runs by a file. */
const lookEveryMs = 10;

/** How a controller says that something is under way. Both may be called at any time, also again. */
export interface Mark {
  /** Resolves when it is on disk and somebody looks at it. */
  mark(): Promise<void>;
  unmark(): Promise<void>;
}

/** One whose maker may have died: somebody else does what was begun. */
export interface LeftMark extends Mark {
  isMarked(): Promise<boolean>;
}

/**
 * A command's side of the supervisor: what it starts is written down as wanted first, so that it is started again should it die; what it ends is not wanted
 * any more first, so that nobody starts it again.
 */
export class Supervision {
  readonly #stateDir: string;
  readonly #config: SupervisorConfig;
  readonly #urls: Readonly<Record<Side, string>>;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #connect: ConnectSpec | undefined;
  #ensured: Promise<void> = Promise.resolve();

  /** `env`: where the migration file's variables were looked up; a supervisor that is started has it too, for the recoveries that it starts. */
  constructor(
    stateDir: string,
    config: SupervisorConfig,
    urls: Readonly<Record<Side, string>>,
    env: Readonly<Record<string, string | undefined>>,
    connect?: ConnectSpec,
  ) {
    this.#connect = connect;
    this.#stateDir = stateDir;
    this.#config = config;
    this.#urls = urls;
    this.#env = env;
  }

  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#env };
  }

  async begin<T>(thing: Thing, start: () => Promise<T>): Promise<T> {
    await want(this.#stateDir, thing);
    const started = await this.#alone(thing, start);
    await this.#ensureInTurn();
    return started;
  }

  /** A cut begins, or is ended: should this process die before it is, the supervisor has it ended. Marked under the lock, so that nobody takes the mark for an old one. */
  get cutMark(): Mark {
    return {
      mark: async () => {
        await this.#alone('cut', async () => want(this.#stateDir, 'cut'));
        await this.#ensureInTurn();
      },
      unmark: async () => unwant(this.#stateDir, 'cut'),
    };
  }

  /** The same of tenants that move, whose clients wait. Nobody takes this mark for an old one; who was started for it, under its lock, leaves it as it is. */
  get tenantsMark(): LeftMark {
    const isMarked = async (): Promise<boolean> => (await wanted(this.#stateDir)).has('tenants');
    return {
      isMarked,
      mark: async () => {
        if (await isMarked()) return;
        await want(this.#stateDir, 'tenants');
        await this.#ensureInTurn();
      },
      unmark: async () => unwant(this.#stateDir, 'tenants'),
    };
  }

  /** Green is live and is to be watched. The watch ends by itself when the mark is gone. */
  get soakMark(): Mark {
    return {
      mark: async () =>
        this.begin('soak', async () => startSoakWatch(this.#config.file, this.#stateDir, this.#environment)),
      unmark: async () => this.leave('soak'),
    };
  }

  /** Both systems are to be watched. The watch ends by itself when the mark is gone. */
  get anomaliesMark(): Mark {
    return {
      mark: async () =>
        this.begin('anomalies', async () => startWatch(this.#config.file, this.#stateDir, this.#environment)),
      unmark: async () => this.leave('anomalies'),
    };
  }

  /** One after the other: two flows are started at once. */
  async #ensureInTurn(): Promise<void> {
    const ensured = this.#ensured.then(async () => this.#ensure());
    this.#ensured = ensured.catch(() => undefined);
    await ensured;
  }

  async end<T>(thing: Thing, stop: () => Promise<T>): Promise<T> {
    await unwant(this.#stateDir, thing);
    const ended = await this.#alone(thing, stop);
    if ((await wanted(this.#stateDir)).size === 0) await this.#ended();
    return ended;
  }

  /** It runs on, and nobody starts it again. */
  async leave(thing: Thing): Promise<void> {
    await this.end(thing, async () => undefined);
  }

  /** The carrier with its flows under supervision. */
  carrier(inner: Carrier): Carrier {
    return {
      deploy: async (flow, options) => this.begin(flow, async () => inner.deploy(flow, options)),
      status: async (flow) => inner.status(flow),
      caughtUp: async (flow, signal) => inner.caughtUp(flow, signal),
      stopAt: async (flow, position, leaseMs, signal) => inner.stopAt(flow, position, leaseMs, signal),
      resume: async (flow) => inner.resume(flow),
      halt: async (flow) => this.end(flow, async () => inner.halt(flow)),
      retire: async (flow) => this.end(flow, async () => inner.retire(flow)),
    };
  }

  async #alone<T>(thing: Thing, work: () => Promise<T>): Promise<T> {
    using _ = await startLock(this.#stateDir, thing);
    return await work();
  }

  /** Starts the supervisor if none has the lock. TEAL-APP-003. */
  async #ensure(): Promise<void> {
    const paths = supervisorPaths(this.#stateDir);
    await mkdir(supervisorFolder(this.#stateDir), { recursive: true, mode: 0o700 });
    await replaceFile(paths.config, this.#config);
    const free = tryLock(paths.lock);
    if (free === undefined) return;
    free[Symbol.dispose]();
    const pid = await this.#spawn(paths.log);
    await waitFor({ what: 'the supervisor to run', timeoutMs: startTimeoutMs, everyMs: lookEveryMs }, async () => {
      if (readSupervisorState(this.#stateDir)?.pid === pid()) return true;
      return pid() === undefined ? true : undefined;
    });
  }

  /** Its pid while it lives; undefined when it ended because another was there first. */
  async #spawn(logPath: string): Promise<() => number | undefined> {
    const log = await open(logPath, 'a', 0o600);
    try {
      const child = spawn(process.execPath, [fileURLToPath(programUrl('supervisor-main')), this.#stateDir], {
        detached: true,
        cwd: '/',
        stdio: ['ignore', log.fd, log.fd],
        env: {
          ...this.#environment,
          [supervisorBlueUrl]: this.#urls.blue,
          [supervisorGreenUrl]: this.#urls.green,
          ...(this.#connect === undefined ? {} : { [supervisorConnect]: JSON.stringify(this.#connect) }),
        },
      });
      child.on('error', () => child.emit('exit', 127, null));
      let code: number | null | undefined;
      child.on('exit', (status: number | null) => {
        code = status;
      });
      child.unref();
      return () => {
        if (code === undefined) return child.pid;
        if (code === 0) return undefined;
        throw new TealError('TEAL-APP-003', 'the supervisor ended at once', { exit: code ?? 'a signal', log: logPath });
      };
    } finally {
      await log.close();
    }
  }

  async #ended(): Promise<void> {
    const { lock } = supervisorPaths(this.#stateDir);
    await waitFor({ what: 'the supervisor to end', timeoutMs: endTimeoutMs }, () => {
      const free = tryLock(lock);
      free?.[Symbol.dispose]();
      return free === undefined ? undefined : true;
    });
  }
}

/** What a supervisor last wrote down; undefined where none is or where it has ended in order. */
export function readSupervisorState(stateDir: string): SupervisorState | undefined {
  try {
    return JSON.parse(readFileSync(supervisorPaths(stateDir).state, 'utf8')) as SupervisorState;
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
}

export interface SupervisorSeen extends SupervisorState {
  /** False after a `kill -9`, until the next command. */
  readonly lives: boolean;
}

export function readSupervisor(stateDir: string): SupervisorSeen | undefined {
  const state = readSupervisorState(stateDir);
  return state === undefined ? undefined : { ...state, lives: isProcessThere(state.pid) };
}
