import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { isProcessThere } from '../../kernel/process-there.ts';
import { redact } from '../../kernel/redact.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { Carrier, Flow, FlowStatus } from '../../ports/carrier.ts';
import { carrierPaths, readConfig, writeConfig, type CarrierConfig, type CarrierPaths } from './config.ts';
import { failureOf } from '../../sync/receiver.ts';
import { errorOfGivenUp, readGivenUp, type GivenUp } from './given-up.ts';
import { askWorker, type Question } from './control-client.ts';
import { forgetSocket } from './control-server.ts';
import type { CarrierStatus } from './protocol.ts';

export interface EmbeddedCarrierOptions {
  readonly stateDir: string;
  /** The program of a worker and its arguments, without the path of the configuration. */
  readonly command: readonly [string, ...string[]];
  readonly config: (flow: Flow, folder: string) => Promise<CarrierConfig>;
  /** What a flow's worker has in its environment beside this process's own: the addresses of source and target. */
  readonly environment: (flow: Flow) => Readonly<Record<string, string>>;
  /** Default 30 000. */
  readonly startTimeoutMs?: number;
}

const answerTimeoutMs = 10_000;
/** While a worker starts: its socket is there when it can be asked. */
const lookEveryMs = 10;
/** A worker that ends waits for the statement that it is in. */
const retireTimeoutMs = 60_000;

/** Flows carried by Teal's own workers: one process a flow, which lives on when this one ends. */
export function embeddedCarrier(options: EmbeddedCarrierOptions): Carrier & {
  status(flow: Flow): Promise<CarrierStatus | FlowStatus>;
} {
  const pathsOf = (flow: Flow): CarrierPaths => carrierPaths(options.stateDir, flow);
  return {
    async deploy(flow, { begin } = { begin: true }) {
      const paths = pathsOf(flow);
      const status = await statusIfRunning(paths);
      if (status === undefined) await startWorker(options, flow, paths, !begin && (await neverBegan(paths)));
      const given = await readGivenUp(paths.folder);
      // The worker runs all the same: it tells, and drops a slot that is still there.
      if (given !== undefined) throw errorOfGivenUp(given);
      if (status === undefined) return;
      if (status.receiveOnly && begin)
        await askWorker(paths.socket, { method: 'begin' }, { timeoutMs: answerTimeoutMs });
      if (status.now.state === 'failed')
        await askWorker(paths.socket, { method: 'retry' }, { timeoutMs: answerTimeoutMs });
    },
    async status(flow) {
      const paths = pathsOf(flow);
      return (await statusIfRunning(paths)) ?? notRunning(flow, await readGivenUp(paths.folder));
    },
    async caughtUp(flow, signal) {
      const paths = pathsOf(flow);
      const status = await statusIfRunning(paths, { method: 'catchUp' }, signal);
      return status ?? notRunning(flow, await readGivenUp(paths.folder));
    },
    async stopAt(flow, position, leaseMs, signal) {
      const question = { method: 'stopAt', position, leaseMs } as const;
      // The lease bounds the wait: the worker gives a stop up when it is over.
      const answer = await askWorker(pathsOf(flow).socket, question, { timeoutMs: leaseMs + answerTimeoutMs, signal });
      return asPosition(String(answer));
    },
    async resume(flow) {
      await askWorker(pathsOf(flow).socket, { method: 'resume' }, { timeoutMs: answerTimeoutMs });
    },
    async halt(flow) {
      await halt(pathsOf(flow));
    },
    async retire(flow) {
      await retire(pathsOf(flow));
    },
  };
}

/** Ends the worker of a flow, whoever has started it. Idempotent. */
export async function endWorker(stateDir: string, flow: Flow): Promise<void> {
  await halt(carrierPaths(stateDir, flow));
}

/** Ends the worker of a flow and removes its spool, which has grown old while the flow was carried from elsewhere. What it was given up for stays. Idempotent. */
export async function forgetSpool(stateDir: string, flow: Flow): Promise<void> {
  const paths = carrierPaths(stateDir, flow);
  await halt(paths);
  await rm(paths.spool, { recursive: true, force: true });
}

async function statusIfRunning(
  paths: CarrierPaths,
  question: Question = { method: 'status' },
  signal?: AbortSignal,
): Promise<CarrierStatus | undefined> {
  try {
    return (await askWorker(paths.socket, question, { timeoutMs: answerTimeoutMs, signal })) as CarrierStatus;
  } catch (error) {
    if (isTealError(error, 'TEAL-CARRIERS-001')) return undefined;
    throw error;
  }
}

/** A worker that does not run knows nothing; what was applied is in the target and is told again when it runs. */
function notRunning(flow: Flow, given: GivenUp | undefined): FlowStatus {
  // With the slot gone nothing is left for a worker to do.
  const why = given?.released === true ? failureOf(errorOfGivenUp(given)) : undefined;
  const nowhere: Position = asPosition('');
  return {
    flow,
    mode: 'shadow',
    now: { state: 'failed', ...(why ?? { code: 'TEAL-CARRIERS-001', reason: 'the worker does not run' }) },
    received: nowhere,
    applied: nowhere,
    lagBytes: 0,
    transactions: 0,
    changes: 0,
    changesPerSecond: 0,
    spoolBytes: 0,
    rogueTransactions: 0,
  };
}

/** A worker that has been let apply is not held back again: its rows would go on being a state that the source had, but an ever older one. */
async function neverBegan(paths: CarrierPaths): Promise<boolean> {
  try {
    return (await readConfig(paths.config)).receiveOnly;
  } catch (error) {
    if (isTealError(error, 'TEAL-CARRIERS-004')) return true;
    throw error;
  }
}

async function startWorker(
  options: EmbeddedCarrierOptions,
  flow: Flow,
  paths: CarrierPaths,
  receiveOnly: boolean,
): Promise<void> {
  await writeConfig(paths.config, { ...(await options.config(flow, paths.folder)), receiveOnly });
  const child = await spawnDetached(options, flow, paths);
  const timeoutMs = options.startTimeoutMs ?? 30_000;
  try {
    await waitFor({ what: 'the worker to answer', timeoutMs, everyMs: lookEveryMs }, async () => {
      if ((await statusIfRunning(paths)) !== undefined) return true;
      if (child.exitCode === null && child.signalCode === null) return undefined;
      throw new TealError('TEAL-CARRIERS-002', 'the worker ended before it answered', {
        said: await lastLines(paths.log),
      });
    });
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    throw new TealError('TEAL-CARRIERS-002', 'the worker did not answer in time', {
      timeoutMs,
      said: await lastLines(paths.log),
    });
  }
}

/** Of its own session, so that neither a Ctrl-C nor the end of its parent reaches it. Addresses go by the environment, where only its owner can read them. */
async function spawnDetached(options: EmbeddedCarrierOptions, flow: Flow, paths: CarrierPaths): Promise<ChildProcess> {
  const log = await open(paths.log, 'a', 0o600);
  try {
    const [program, ...args] = options.command;
    const child = spawn(program, [...args, paths.config], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...options.environment(flow) },
    });
    // A program that is not there is seen as an exit; the error event must have a listener all the same.
    child.on('error', () => child.emit('exit', 127, null));
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

async function lastLines(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return redact(text).trim().split('\n').slice(-5);
}

async function halt(paths: CarrierPaths): Promise<void> {
  const pid = Number(await readFile(paths.pid, 'utf8').catch(() => '0'));
  if ((await statusIfRunning(paths)) === undefined || !isProcessThere(pid)) return;
  process.kill(pid, 'SIGTERM');
  await waitFor({ what: 'the worker to end', timeoutMs: retireTimeoutMs }, () =>
    isProcessThere(pid) ? undefined : true,
  );
}

async function retire(paths: CarrierPaths): Promise<void> {
  const pid = Number(await readFile(paths.pid, 'utf8').catch(() => '0'));
  if ((await statusIfRunning(paths)) !== undefined) {
    await askToRetire(paths);
    await waitFor({ what: 'the worker to end', timeoutMs: retireTimeoutMs }, () =>
      isProcessThere(pid) ? undefined : true,
    );
  }
  await forgetSocket(paths.socket);
  await rm(paths.folder, { recursive: true, force: true });
}

async function askToRetire(paths: CarrierPaths): Promise<void> {
  try {
    await askWorker(paths.socket, { method: 'retire' }, { timeoutMs: retireTimeoutMs });
  } catch (error) {
    // It may end before its answer is through.
    if (!isTealError(error, 'TEAL-CARRIERS-001')) throw error;
  }
}
