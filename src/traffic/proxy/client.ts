import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { LineSplitter } from '../../kernel/lines.ts';
import type { Side } from '../../model/catalog.ts';
import type { Served } from '../../model/served.ts';
import type { HoldRequest, HoldResult, Router, RouterState } from '../../ports/router.ts';
import type { CanaryReads, CanaryTally } from '../../ports/canary.ts';
import type { CaptureTally, Capturing } from '../../ports/capture.ts';
import { nothingAsked, type ShadowReads, type ShadowTally } from '../../ports/shadow.ts';
import type { LentTenants } from '../../ports/tenants.ts';
import { blueUrlVariable, greenUrlVariable, type ProxyConfigInput } from './config.ts';
import { errorOf, lastWords, type ControlAnswer, type ControlWords } from './control-words.ts';
import type { ProxyStats } from './director.ts';
import type { TenancyTally, TenantHoldRequest } from './tenants/tenancy.ts';
import { mismatchOf, wantedIdentity, type ProxyAbout } from './identity.ts';

const answerLimitMs = 15_000;
/** Before anybody is held. */
const warmMs = 10_000;
type TenantHoldLimits = Pick<TenantHoldRequest, 'leaseMs' | 'drainMs' | 'anyway'>;
/** `stats` and `look` tell of every session. */
const answerLimitCharacters = 64 << 20;

/** The Router port over the control socket of a proxy process. Each request has a connection of its own, so none waits for another. */
export class ProxyRouter implements Router {
  readonly #path: string;
  /** Beyond the port. Errors of all: TEAL-TRAFFIC-022 where reads cannot be compared. */
  readonly shadow: ShadowReads = {
    begin: async (order) => {
      await this.#ask({ op: 'shadow', order });
    },
    end: async () => {
      await this.#ask({ op: 'shadow', order: nothingAsked });
    },
    tally: async () => this.#ask<ShadowTally>({ op: 'shadow' }),
  };
  /** Beyond the port. Errors of all: TEAL-TRAFFIC-037 where what clients ask is not recorded. */
  readonly capture: Capturing = {
    begin: async (begin) => {
      await this.#ask({ op: 'capture', begin });
    },
    end: async () => {
      await this.#ask({ op: 'capture', end: true });
    },
    tally: async () => this.#ask<CaptureTally>({ op: 'capture' }),
  };
  /** Beyond the port. */
  readonly canary: CanaryReads = {
    set: async (share, leaseMs, by) =>
      this.#ask<CanaryTally>({ op: 'canary', set: { share, leaseMs, ...(by === undefined ? {} : { by }) } }),
    end: async () => {
      await this.#ask({ op: 'canary', end: true });
    },
    tally: async () => this.#ask<CanaryTally>({ op: 'canary' }),
  };

  constructor(controlPath: string) {
    this.#path = controlPath;
  }

  /** Beyond the port. Errors of all: TEAL-TRAFFIC-081 where tenants cannot be moved. */
  readonly tenants = {
    hold: async (lent: Pick<LentTenants, 'tenants' | 'session'>, limits: TenantHoldLimits): Promise<HoldResult> => {
      const hold = { tenants: [...lent.tenants], session: lent.session, ...limits };
      return this.#ask<HoldResult>({ op: 'tenants', hold }, warmMs + limits.drainMs + answerLimitMs);
    },
    settle: async (): Promise<void> => {
      await this.#ask<TenancyTally>({ op: 'tenants', settle: true }, 2 * answerLimitMs);
    },
    tally: async (): Promise<TenancyTally> => this.#ask<TenancyTally>({ op: 'tenants' }),
  };

  async read(): Promise<RouterState> {
    return this.#ask<RouterState>({ op: 'read' });
  }

  async hold(request: HoldRequest): Promise<HoldResult> {
    const words = { op: 'hold', cut: request.cut, leaseMs: request.leaseMs, drainMs: request.drainMs } as const;
    return this.#ask<HoldResult>(words, request.drainMs + answerLimitMs);
  }

  async point(side: Side, epoch: number): Promise<void> {
    await this.#ask({ op: 'point', side, epoch });
  }

  async release(): Promise<void> {
    await this.#ask({ op: 'release' });
  }

  /** Beyond the port: makes the other side's backends ready without holding anybody; call it just before `hold`. */
  async warm(): Promise<void> {
    await this.#ask({ op: 'warm' });
  }

  async renew(leaseMs: number): Promise<void> {
    await this.#ask({ op: 'renew', leaseMs });
  }

  async stats(): Promise<ProxyStats> {
    return this.#ask<ProxyStats>({ op: 'stats' });
  }

  /** Beyond the port: what clients have met on each side since the proxy began. */
  async figures(): Promise<Readonly<Record<Side, Served>>> {
    return this.#ask<Readonly<Record<Side, Served>>>({ op: 'figures' });
  }

  /** Whose proxy it is. It may be another migration's: see `mismatchOf`. */
  async about(): Promise<ProxyAbout> {
    return this.#ask<ProxyAbout>({ op: 'about' });
  }

  /** Beyond the port: has `read` tell every session that could not cross. */
  async look(): Promise<void> {
    await this.#ask({ op: 'look' });
  }

  /** Ends the proxy; its clients are told as a server that shuts down tells them. */
  async stop(): Promise<void> {
    await this.#ask({ op: 'stop' });
  }

  async #ask<T>(words: ControlWords, timeoutMs = answerLimitMs): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    await refuseStrangers(this.#path);
    const socket = connect({ path: this.#path });
    try {
      await once(socket, 'connect', { signal });
      socket.write(`${JSON.stringify({ id: 1, ...words })}\n`);
      const line = await firstLine(socket, signal);
      const answer = JSON.parse(line) as ControlAnswer;
      if (answer.ok) return answer.result as T;
      throw errorOf(answer.error);
    } catch (error) {
      if (isTealError(error)) throw error;
      throw new TealError('TEAL-TRAFFIC-005', `no answer to ${words.op}`, { op: words.op, timeoutMs }, error);
    } finally {
      socket.destroy();
    }
  }
}

async function firstLine(socket: Socket, signal: AbortSignal): Promise<string> {
  const lines = new LineSplitter(answerLimitCharacters);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const [first] = lines.push(chunk);
    if (first !== undefined) resolve(first);
    else if (lines.overflowed) reject(new Error('the answer has no end'));
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the proxy closed the connection')));
  const late = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', late, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', late);
  }
}

/** A socket that another user has put there is not asked anything: its answers would decide where clients go. */
async function refuseStrangers(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.uid === process.getuid?.()) return;
  throw new TealError('TEAL-TRAFFIC-009', 'the control socket belongs to another user', { path, uid: found.uid });
}

export interface EnsureProxy {
  /** The program to start: `src/app/proxy-main.ts`. */
  readonly entry: string;
  /** Configuration, log and pid are kept in `proxy/` below it. */
  readonly stateDir: string;
  readonly config: ProxyConfigInput;
  /** Administrators' addresses, with passwords: given to the process by its environment only. */
  readonly blueUrl: string;
  readonly greenUrl: string;
  /** How long a proxy that was started may take to answer; default 30 000, and twice that where those that serve are started by it. */
  readonly startMs?: number;
}

const processStartMs = 30_000;

/**
 * The router of a running proxy, also of one that `teal proxy` runs; started, detached from this process, when none answers. Errors: TEAL-TRAFFIC-005;
 * -009 and -010 when the one that answers is not the wanted one; those of its start.
 */
export async function ensureProxy(options: EnsureProxy): Promise<ProxyRouter> {
  const router = new ProxyRouter(options.config.controlPath);
  const wanted = wantedIdentity(options);
  const running = await aboutIfThere(router);
  if (running !== undefined) {
    const mismatch = mismatchOf(wanted, running);
    if (mismatch !== undefined) throw mismatch;
    return router;
  }
  const folder = join(options.stateDir, 'proxy');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const configPath = join(folder, 'config.json');
  await writeFile(configPath, `${JSON.stringify(options.config, undefined, 2)}\n`, { mode: 0o600 });
  const logPath = join(folder, 'log');
  const log = openSync(logPath, 'a', 0o600);
  const { size: logBefore } = fstatSync(log);
  const child = spawn(process.execPath, [options.entry, configPath], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, [blueUrlVariable]: options.blueUrl, [greenUrlVariable]: options.greenUrl },
  });
  closeSync(log);
  let ended: number | undefined;
  child.once('exit', (code) => {
    ended = code ?? -1;
  });
  child.once('error', () => {
    ended = -1;
  });
  child.unref();
  try {
    await waitFor(
      { what: 'the proxy to answer', timeoutMs: options.startMs ?? defaultStartMs(options.config) },
      async () => {
        if (ended !== undefined) throw await whyItEnded(logPath, logBefore, ended);
        return aboutIfThere(router);
      },
    );
  } catch (error) {
    // Nobody would know of it, and the next one could not listen. It has let nobody in: what it was asked it does not answer.
    child.kill('SIGKILL');
    throw error;
  }
  await writeFile(join(folder, 'pid'), `${child.pid ?? ''}\n`, { mode: 0o600 });
  return router;
}

function defaultStartMs({ processes = 1 }: ProxyConfigInput): number {
  return processes === 1 ? processStartMs : 2 * processStartMs;
}

/** What the proxy at this socket says of itself; undefined when none answers. */
export async function aboutIfThere(router: ProxyRouter): Promise<ProxyAbout | undefined> {
  try {
    return await router.about();
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005')) return undefined;
    throw error;
  }
}

/** Its last words, when they are an error with a code. */
async function whyItEnded(logPath: string, from: number, exit: number): Promise<TealError> {
  const said = (await readFile(logPath)).subarray(from).toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  const words = lastWords.safeParse(parsed(said));
  if (words.success) return errorOf(words.data.error);
  return new TealError('TEAL-TRAFFIC-005', 'the proxy ended at once', { exit, log: logPath });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Not a line of its log, but of the runtime under it.
    return undefined;
  }
}
