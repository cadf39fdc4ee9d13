import { rm } from 'node:fs/promises';
import { unreachable } from '../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { FlowState, FlowStatus } from '../../ports/carrier.ts';
import { failureOf, type Failure } from '../../sync/receiver.ts';
import { pathsOfFolder, writeAtomically, type CarrierConfig } from './config.ts';
import { startControlServer } from './control-server.ts';
import type { CarrierRequest, CarrierStatus } from './protocol.ts';

/** One direction of a mirror, whatever it mirrors. It knows by itself where it is and whether it is its turn. */
export interface MirroredFlow extends AsyncDisposable {
  /** Until the signal is aborted; then it resolves. */
  run(signal: AbortSignal): Promise<void>;
  status(): MirrorNow;
  /** Resolves when everything is carried that the source had at the call. */
  caughtUp(signal: AbortSignal): Promise<void>;
}

export interface MirrorNow {
  /** `shadow`: it is not its source's turn, and nothing is carried. */
  readonly mode: 'starting' | 'shadow' | 'live';
  readonly epoch: number;
  /** So many of all it carries; absent: all, or none. */
  readonly part?: { readonly topics: number; readonly of: number };
  /** Sums over all that is mirrored: how far it has come in the source, and where that ends; undefined until each part was asked once. */
  readonly reached: bigint;
  readonly end: bigint | undefined;
  readonly lag: bigint | undefined;
  readonly lagMs: number;
  /** Since it runs. */
  readonly records: bigint;
  readonly bytes: bigint;
}

export interface MirrorDeps {
  readonly open: () => Promise<MirroredFlow>;
  /** Records on the source, of what it does not own, that are not Teal's. */
  readonly strays: (signal: AbortSignal) => Promise<number>;
  readonly log: (text: string) => void;
}

const firstPauseMs = 500;
const longestPauseMs = 15_000;
/** An attempt that ran for so long was a good one: the next pause is short again. */
const goodAttemptMs = 30_000;
const strayEveryMs = 5_000;
const rateEveryMs = 2_000;
/** Whoever asks waits a little longer. */
const catchUpMs = 9_000;

/**
 * The whole life of a worker that mirrors: one flow, one control socket, as `runCarrierWorker`. It ends when the signal aborts or when it is retired; a flow that fails for a reason that
 * may pass is opened again with growing pauses, any other stays and answers until somebody says `retry`. It keeps nothing on this machine: the target knows how far it has come.
 */
export async function runMirrorWorker(config: CarrierConfig, deps: MirrorDeps, signal: AbortSignal): Promise<void> {
  const paths = pathsOfFolder(config.folder);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const runner = new MirrorRunner(config, deps, both);
  const ended = Promise.withResolvers<void>();
  const answer = async (request: CarrierRequest): Promise<unknown> => {
    switch (request.method) {
      case 'status':
        return runner.status();
      case 'catchUp':
        return runner.caughtUp();
      case 'retry':
        return runner.retry();
      // It applies from the start, and is held nowhere: a comparison of two mirrors has a place for each of them.
      case 'begin':
      case 'resume':
        return undefined;
      case 'stopAt':
        throw new TealError('TEAL-CARRIERS-003', 'a mirror does not stop at a position');
      case 'retire':
        stop.abort();
        return ended.promise;
      default:
        return unreachable(request, 'request');
    }
  };
  await using _server = await startControlServer(paths.socket, answer);
  await writeAtomically(paths.pid, String(process.pid));
  try {
    await Promise.all([runner.run(), runner.watch()]);
  } finally {
    await rm(paths.pid, { force: true });
    ended.resolve();
  }
}

class MirrorRunner {
  readonly #config: CarrierConfig;
  readonly #deps: MirrorDeps;
  readonly #signal: AbortSignal;
  #flow: MirroredFlow | undefined;
  #failure: { readonly failure: Failure; readonly mayPass: boolean } | undefined;
  #retry = Promise.withResolvers<void>();
  #strays = 0;
  /** Of flows that ended: each counts from its own begin. */
  #before = { records: 0n, bytes: 0n };
  #perSecond = 0;

  constructor(config: CarrierConfig, deps: MirrorDeps, signal: AbortSignal) {
    this.#config = config;
    this.#deps = deps;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    let failures = 0;
    while (!this.#signal.aborted) {
      const began = monotonicMs();
      try {
        await this.#runOnce();
      } catch (error) {
        if (this.#signal.aborted) return;
        const mayPass = isTealError(error) && error.entry.retry === 'auto';
        this.#failure = { failure: failureOf(error), mayPass };
        this.#deps.log(this.#failure.failure.reason);
        failures = monotonicMs() - began > goodAttemptMs ? 1 : failures + 1;
        await this.#pause(mayPass ? Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1)) : undefined);
      }
    }
  }

  /** Until the end: what others write where they should not, and the rate. */
  async watch(): Promise<void> {
    let [last, lastMs, strayMs] = [this.#carried.records, monotonicMs(), monotonicMs()];
    while (!this.#signal.aborted) {
      await sleep(rateEveryMs, this.#signal).catch(() => undefined);
      const now = monotonicMs();
      const { records } = this.#carried;
      this.#perSecond = Math.round((Number(records - last) * 1_000) / Math.max(1, now - lastMs));
      [last, lastMs] = [records, now];
      if (now - strayMs < strayEveryMs || this.#signal.aborted) continue;
      strayMs = now;
      // What could not be asked now is asked again; a cut asks for itself.
      await this.#look(this.#signal).catch((error: unknown) => this.#deps.log(failureOf(error).reason));
    }
  }

  retry(): void {
    this.#retry.resolve();
  }

  async caughtUp(): Promise<CarrierStatus> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(catchUpMs)]);
    const live = this.#flow?.status().mode === 'live' ? this.#flow : undefined;
    await Promise.all([live?.caughtUp(signal), this.#look(signal)]);
    return this.status();
  }

  status(): CarrierStatus {
    const { flow } = this.#config;
    const now = this.#flow?.status();
    const { records, bytes } = this.#carried;
    const place = positionOf(now?.reached ?? 0n);
    return {
      flow,
      mode: now?.mode === 'live' ? 'live' : 'shadow',
      now: this.#stateOf(now),
      received: place,
      applied: place,
      ...(now?.end === undefined ? {} : { head: positionOf(now.end) }),
      lagBytes: lagBytesOf(now?.lag ?? 0n, records, bytes),
      ...(now?.lag === undefined ? {} : { lagMs: now.lagMs }),
      transactions: 0,
      changes: Number(records),
      changesPerSecond: this.#perSecond,
      spoolBytes: 0,
      rogueTransactions: this.#strays,
      pid: process.pid,
      receiveOnly: false,
      receiving: now === undefined || now.mode === 'starting' ? 'connecting' : 'streaming',
      budget: 'ok',
      epoch: now?.epoch ?? 0,
      ...(now?.part === undefined ? {} : { part: { ...now.part, epoch: now.epoch } }),
      ...(this.#failure === undefined ? {} : { lastFailure: this.#failure.failure }),
    } satisfies FlowStatus & CarrierStatus;
  }

  get #carried(): { readonly records: bigint; readonly bytes: bigint } {
    const { records = 0n, bytes = 0n } = this.#flow?.status() ?? {};
    return { records: this.#before.records + records, bytes: this.#before.bytes + bytes };
  }

  async #runOnce(): Promise<void> {
    await using flow = await this.#deps.open();
    this.#flow = flow;
    this.#failure = undefined;
    try {
      await flow.run(this.#signal);
    } finally {
      this.#before = this.#carried;
      this.#flow = undefined;
    }
  }

  /** Without a time: until somebody says that it may be tried again. */
  async #pause(ms: number | undefined): Promise<void> {
    this.#retry = Promise.withResolvers<void>();
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const slept = sleep(ms ?? 2 ** 31 - 1, signal).catch(() => undefined);
    await Promise.race([this.#retry.promise, slept]);
    over.abort();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const now = this.#flow?.status();
    if (now?.mode !== 'shadow' && now?.part === undefined) return;
    this.#strays = await this.#deps.strays(signal);
  }

  #stateOf(now: MirrorNow | undefined): FlowState {
    const failed = this.#failure;
    if (now === undefined && failed !== undefined) {
      const { failure, mayPass } = failed;
      if (!mayPass) return { state: 'failed', ...failure };
      return { state: 'waiting', ...failure, position: positionOf(0n) };
    }
    if (now !== undefined && now.mode !== 'starting') return { state: 'running' };
    const connecting = { code: 'TEAL-CARRIERS-005', reason: 'it connects to both clusters' };
    return { state: 'waiting', ...connecting, position: positionOf(now?.reached ?? 0n) };
  }
}

/** A sum of offsets: it grows with each of them. */
function positionOf(sum: bigint): Position {
  return asPosition(String(sum).padStart(20, '0'));
}

/** By what records have weighed until now; nothing is known before the first. */
function lagBytesOf(lag: bigint, records: bigint, bytes: bigint): number {
  return records === 0n ? 0 : Number((lag * bytes) / records);
}
