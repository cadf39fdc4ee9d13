import { orAborted } from '../../kernel/abort.ts';
import { monotonicMs, sleep, waitFor } from '../../kernel/clock.ts';
import { TealError, describeError, isErrorCode, isTealError } from '../../kernel/errors.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { SourceLook } from '../../ports/change-source.ts';
import type { FlowMode, FlowState } from '../../ports/carrier.ts';
import type { Sink, SinkProgress } from '../../ports/sink.ts';
import { createApplier, type Applier, type ApplierOptions, type ApplierStatus } from '../../sync/applier.ts';
import { errorOfFailure, failureOf, retryPauseMs, type Failure } from '../../sync/receiver.ts';
import { noteText } from '../../sync/ddl.ts';
import { SpoolReader } from '../../sync/spool-reader.ts';
import { refuseLateStream, type TableStarts } from '../../sync/starts.ts';
import { errorOfGivenUp, givenUpNow, keepGivenUp, readGivenUp, type GivenUp } from './given-up.ts';
import { flowNames, pathsOfFolder, type CarrierConfig } from './config.ts';
import { forgetStop, keepStop, keptStop, type Stop } from './kept-stop.ts';
import type { CarrierStatus } from './protocol.ts';
import { ReceiverSide } from './receiver-side.ts';
import { SchemaWatch } from './schema-watch.ts';
import { SourceWatch } from './source-watch.ts';
import type { CarrierDeps } from './worker-ports.ts';

const maxRetryPauseMs = 10_000;
/** An attempt that held for so long was a good one: the next pause is short again. */
const goodAttemptMs = 30_000;
const catchUpMs = 10_000;
const nowhere = asPosition('');

/**
 * Keeps one flow going: lease, sink, receiver, applier. What may pass by itself (`retry: auto`) is tried again with growing pauses; anything else makes the flow
 * `failed` until `retry`. The receiver goes on while the target is away, so that the source's log does not pile up.
 */
export class FlowRunner {
  readonly #config: CarrierConfig;
  readonly #deps: CarrierDeps;
  readonly #watch: SourceWatch;
  readonly #schemas: SchemaWatch;
  #receiver: ReceiverSide | undefined;
  #applier: Applier | undefined;
  #lastStatus: ApplierStatus | undefined;
  #progress: SinkProgress | undefined;
  #stop: Stop | undefined;
  #lastFailure: Failure | undefined;
  #state: 'connecting' | 'receiving' | 'running' | 'retrying' | 'failed' = 'connecting';
  #retry = Promise.withResolvers<void>();
  #attempt = new AbortController();
  #broken: TealError | undefined;
  readonly #begun = Promise.withResolvers<void>();
  #receiveOnly: boolean;
  #givenUp: GivenUp | undefined;
  #releasing: Promise<void> = Promise.resolve();
  readonly #ends = new AbortController();

  constructor(config: CarrierConfig, deps: CarrierDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#receiveOnly = config.receiveOnly;
    const { heartbeatEveryMs, lookEveryMs, walBudgetBytes, walWarnShare } = config;
    const onBroken = (error: TealError): void => this.#break(error);
    this.#watch = new SourceWatch({
      probe: deps.probe,
      heartbeatEveryMs,
      lookEveryMs,
      walBudgetBytes,
      walWarnShare,
      onLook: (look) => {
        this.#leaveOutReplayed(look);
        this.#tellApplied();
      },
      onBroken,
      onExceeded: (look, limitBytes) => this.#exceed(givenUpNow(config.flow, this.#mode, look, limitBytes)),
    });
    this.#schemas = new SchemaWatch({
      eyes: deps.eyes,
      everyMs: config.schemaEveryMs,
      isLive: () => this.#applier?.status().mode === 'live',
      log: deps.log,
    });
  }

  /** Until the signal aborts; then everything is closed. */
  async run(signal: AbortSignal): Promise<void> {
    this.#stop ??= await keptStop(this.#config.folder);
    const before = await readGivenUp(this.#config.folder);
    if (before !== undefined) this.#exceed(before);
    const over = new AbortController();
    const ending = (): void => this.#ends.abort();
    signal.addEventListener('abort', ending, { once: true });
    const watched = AbortSignal.any([signal, over.signal]);
    const watching = Promise.all([this.#watch.run(watched), this.#schemas.run(watched)]);
    let failures = 0;
    while (!signal.aborted && this.#givenUp === undefined) {
      const began = monotonicMs();
      try {
        await this.#follow(signal);
        break;
      } catch (error) {
        if (signal.aborted || this.#givenUp !== undefined) break;
        failures = monotonicMs() - began > goodAttemptMs ? 1 : failures + 1;
        await this.#afterFailure(error, failures, signal);
      }
    }
    await this.#dropReceiver();
    over.abort();
    await watching;
    await this.#releasing;
    // It stays and tells, until somebody ends it.
    if (this.#givenUp !== undefined) await aborted(signal);
  }

  /**
   * Outlives an applier and a process: what takes over stands still at the same place. While there is none it waits for one, for as long as the lease; a flow that has
   * failed says so at once: TEAL-CARRIERS-005, or its own code when it can never go on.
   */
  async stopAt(position: Position, leaseMs: number): Promise<Position> {
    const untilMs = monotonicMs() + leaseMs;
    this.#stop = { position, untilMs };
    await keepStop(this.#config.folder, this.#stop);
    const applier = await waitFor({ what: 'the flow to run', timeoutMs: leaseMs }, () => {
      if (this.#state === 'failed' || this.#givenUp !== undefined) throw this.#notNow();
      return this.#applier;
    });
    const arrived = applier.stopAt(position, Math.max(1, untilMs - monotonicMs()));
    await Promise.race([arrived, this.#writeOn()]);
    return arrived;
  }

  /** A source that nobody writes tells that it has passed a position with its next heartbeat, up to a second later: something is written behind it instead. */
  async #writeOn(): Promise<void> {
    try {
      await this.#deps.probe.mark();
    } catch (error) {
      this.#deps.log(`the heartbeat has to do: ${describeError(error)}`);
    }
  }

  /** The status when everything has been read that the source had committed; at once where nothing is read now. Errors: TEAL-KERNEL-002 after ten seconds. */
  async caughtUp(): Promise<CarrierStatus> {
    if (this.#state !== 'running') return this.status();
    const head = await this.#deps.probe.mark();
    const what = `the ${this.#config.flow} flow to read what its source has`;
    return waitFor({ what, timeoutMs: catchUpMs, everyMs: 2 }, () => {
      const taken = this.#applier?.status().taken;
      return this.#state !== 'running' || (taken !== undefined && taken >= head) ? this.status() : undefined;
    });
  }

  async resume(): Promise<void> {
    this.#stop = undefined;
    await forgetStop(this.#config.folder);
    this.#applier?.resume();
  }

  /** Lets it apply what it has received. Idempotent. */
  begin(): void {
    this.#receiveOnly = false;
    this.#begun.resolve();
  }

  retry(): void {
    this.#retry.resolve();
  }

  status(): CarrierStatus {
    const applier = this.#applier?.status() ?? this.#lastStatus;
    const receiver = this.#receiver;
    const look = this.#watch.look;
    const taken = applier?.taken ?? this.#progress?.applied ?? nowhere;
    // What is told ahead of the spool may be taken before it is received.
    const received = receiver === undefined || receiver.received < taken ? taken : receiver.received;
    const { probe } = this.#deps;
    const failure = this.#lastFailure ?? receiver?.failure;
    const schema = this.#schemas.differences;
    return Object.freeze({
      flow: this.#config.flow,
      mode: this.#mode,
      now: this.#flowState(applier, taken),
      received,
      applied: applier?.durable ?? this.#progress?.applied ?? nowhere,
      ...(applier?.convergesAt === undefined ? {} : { convergesAt: applier.convergesAt }),
      ...(look === undefined ? {} : { head: look.head }),
      lagBytes:
        taken === nowhere
          ? 0
          : probe.bytesBetween(taken, look === undefined || look.head < received ? received : look.head),
      ...(applier?.lagMs === undefined ? {} : { lagMs: applier.lagMs }),
      transactions: applier?.transactions ?? 0,
      changes: applier?.changes ?? 0,
      changesPerSecond: this.#applier === undefined ? 0 : (applier?.changesPerSecond ?? 0),
      spoolBytes: receiver?.spoolBytes ?? 0,
      rogueTransactions: applier?.rogueTransactions ?? this.#progress?.rogueTransactions ?? 0,
      ...(schema === undefined ? {} : { schema }),
      ...(applier?.ddlLast === undefined ? {} : { ddl: noteText(applier.ddlLast) }),
      pid: process.pid,
      receiveOnly: this.#receiveOnly,
      receiving: receiver?.state ?? 'connecting',
      budget: this.#givenUp === undefined ? this.#watch.budget : 'exceeded',
      ...this.#retained(look),
      epoch: applier?.epoch ?? this.#progress?.epoch ?? 0,
      ...(applier?.rogueFirst === undefined ? {} : { rogueFirst: applier.rogueFirst }),
      ...(failure === undefined ? {} : { lastFailure: failure }),
    });
  }

  get #mode(): FlowMode {
    if (this.#givenUp !== undefined) return this.#givenUp.mode;
    const applier = this.#applier?.status() ?? this.#lastStatus;
    // Until the target has told: what a flow begins as.
    const told = this.#progress?.mode ?? (this.#config.flow === 'forward' ? 'live' : 'shadow');
    return applier?.mode ?? (told === 'live' || told === 'lent' ? 'live' : 'shadow');
  }

  #retained(look: SourceLook | undefined): Pick<CarrierStatus, 'retainedBytes' | 'retainedLimitBytes'> {
    const retainedBytes = look?.retainedBytes ?? this.#givenUp?.retainedBytes;
    const retainedLimitBytes = this.#watch.limitBytes ?? this.#givenUp?.limitBytes;
    return {
      ...(retainedBytes === undefined ? {} : { retainedBytes }),
      ...(retainedLimitBytes === undefined ? {} : { retainedLimitBytes }),
    };
  }

  /** From here on the flow only ends, whatever it does or waits for now: a statement that hangs on the target must not keep the source's log. */
  #exceed(given: GivenUp): void {
    if (this.#givenUp !== undefined) return;
    this.#givenUp = given;
    this.#tellGivenUp(given);
    this.#releasing = this.#release(given);
    this.#attempt.abort(errorOfGivenUp(given));
    this.#retry.resolve();
  }

  /**
   * The evidence first, then the slot: a crash between leaves a slot that the next worker drops, never a flow that goes on without having seen everything.
   * A source that cannot be asked is asked again until it can.
   */
  async #release(given: GivenUp): Promise<void> {
    const { signal } = this.#ends;
    for (let attempt = 1; !signal.aborted && this.#givenUp?.released === false; attempt += 1) {
      try {
        await keepGivenUp(this.#config.folder, given);
        await this.#dropReceiver();
        await this.#deps.probe.release();
        const released = { ...given, released: true };
        await keepGivenUp(this.#config.folder, released);
        this.#givenUp = released;
        this.#tellGivenUp(released);
      } catch (error) {
        this.#deps.log(`the slot cannot be dropped yet: ${failureOf(error).reason}`);
        await sleep(retryPauseMs(attempt, maxRetryPauseMs), signal).catch(() => undefined);
      }
    }
  }

  #tellGivenUp(given: GivenUp): void {
    this.#lastFailure = failureOf(errorOfGivenUp(given));
    this.#deps.log(this.#lastFailure.reason);
  }

  /** One attempt: returns when the signal aborts, throws for any other end. */
  async #follow(signal: AbortSignal): Promise<void> {
    this.#state = 'connecting';
    this.#attempt = new AbortController();
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#givenUp !== undefined) throw errorOfGivenUp(this.#givenUp);
    await using lease = await this.#deps.takeLease(signal);
    const ends = AbortSignal.any([signal, lease.lost, this.#attempt.signal]);
    await using sink = await this.#deps.openSink(ends);
    const { applied } = await this.#readProgress(sink, await this.#deps.readStarts(ends));
    const receiver = await this.#ensureReceiver(applied);
    const readable = await receiver.ready(ends);
    await this.#mayApply(ends);
    const actingKeys = await this.#deps.readActingKeys();
    await using reader = await SpoolReader.open({
      folder: pathsOfFolder(this.#config.folder).spool,
      decoder: this.#deps.newDecoder(actingKeys),
      readable,
      applied,
      onRemoved: (bytes) => receiver.removed(bytes),
    });
    receiver.feed(reader);
    // Asked anew: while it only received the copy went on, perhaps under a later snapshot.
    await this.#apply({ events: reader, sink, starts: await this.#deps.readStarts(ends), actingKeys }, ends);
    // The applier resolves for any abort: which one it was decides.
    if (!signal.aborted) ends.throwIfAborted();
  }

  /** From here on the target has its progress: what is acknowledged to the source is in the spool, and the place to go on from is written. */
  async #mayApply(ends: AbortSignal): Promise<void> {
    if (!this.#receiveOnly) return;
    this.#state = 'receiving';
    this.#deps.log(`the ${this.#config.flow} flow receives`);
    await orAborted(this.#begun.promise, ends);
  }

  async #apply(
    between: Pick<ApplierOptions, 'events' | 'sink' | 'starts' | 'actingKeys'>,
    ends: AbortSignal,
  ): Promise<void> {
    const { migration, flow, heartbeatEveryMs } = this.#config;
    const { stream } = flowNames(migration, flow);
    const { managed, eyes } = this.#deps;
    const lacking = eyes.lacking.bind(eyes);
    const applier = createApplier({
      ...between,
      stream,
      flow,
      migration,
      managed,
      lacking,
      heartbeatEveryMs,
    });
    this.#applier = applier;
    this.#state = 'running';
    this.#stopAgain(applier);
    this.#deps.log(`the ${flow} flow runs`);
    try {
      await applier.run(ends);
    } finally {
      this.#lastStatus = applier.status();
      this.#applier = undefined;
      this.#receiver?.feed(undefined);
    }
  }

  /** A comparison that relies on the stop must not be undone by an attempt that begins in the middle of it. */
  #stopAgain(applier: Applier): void {
    const stop = this.#stop;
    const restMs = stop === undefined ? 0 : stop.untilMs - monotonicMs();
    if (stop === undefined || restMs <= 0) return;
    // Who asked was told already, or got the error of the attempt before.
    applier.stopAt(stop.position, restMs).catch(() => undefined);
  }

  async #readProgress(sink: Sink, starts: TableStarts): Promise<SinkProgress> {
    try {
      this.#progress = await sink.progress();
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYNC-118')) throw error;
      const applied = await this.#deps.probe.firstPosition();
      refuseLateStream(starts, applied);
      const mode = this.#config.flow === 'forward' ? 'live' : 'shadow';
      this.#progress = await sink.progress({ applied, mode, epoch: 0, rogueTransactions: 0 });
    }
    return this.#progress;
  }

  async #ensureReceiver(applied: Position): Promise<ReceiverSide> {
    if (this.#givenUp !== undefined) throw errorOfGivenUp(this.#givenUp);
    if (this.#receiver?.ended === true) await this.#dropReceiver();
    this.#receiver ??= new ReceiverSide(applied, this.#deps);
    return this.#receiver;
  }

  async #dropReceiver(): Promise<void> {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    await receiver?.[Symbol.asyncDispose]();
  }

  async #afterFailure(thrown: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const failure = failureOf(thrown);
    this.#lastFailure = failure;
    this.#deps.log(failure.reason);
    this.#retry = Promise.withResolvers<void>();
    const mayPass = isTealError(thrown) && thrown.entry.retry === 'auto';
    this.#state = mayPass ? 'retrying' : 'failed';
    const pauseMs = mayPass ? retryPauseMs(failures, maxRetryPauseMs) : 1 << 30;
    const wake = new AbortController();
    try {
      await Promise.race([this.#retry.promise, sleep(pauseMs, AbortSignal.any([signal, wake.signal]))]);
    } catch {
      // Aborted: the caller looks at its own signal.
    } finally {
      wake.abort();
    }
  }

  #flowState(applier: ApplierStatus | undefined, position: Position): FlowState {
    const failure = this.#lastFailure;
    if (this.#givenUp !== undefined) return { state: 'failed', ...failureOf(errorOfGivenUp(this.#givenUp)) };
    if (this.#state === 'failed' && failure !== undefined) return { state: 'failed', ...failure };
    if (this.#state === 'running' && applier !== undefined) {
      const broken = this.#receiver?.failure;
      if (applier.now.state === 'running' && broken !== undefined) return { state: 'waiting', ...broken, position };
      return beforeItIsJudged(applier.now, position);
    }
    if (this.#state === 'receiving') return this.#onlyReceives(position);
    const reason = failure ?? { code: 'TEAL-CARRIERS-005', reason: 'the worker connects' };
    return { state: 'waiting', ...reason, position };
  }

  #onlyReceives(position: Position): FlowState {
    const broken = this.#receiver?.failure;
    const reason = broken ?? { code: 'TEAL-CARRIERS-006', reason: 'receives; applies when the copy is complete' };
    return { state: 'waiting', ...reason, position };
  }

  /**
   * While the flow only watches, what Teal has written into its source need not even be decoded there. Not while it is `fenced`: the owner row of the other side comes
   * back as one that was replayed. And not where others replay too: what they wrote would be a rogue's.
   */
  #leaveOutReplayed(look: SourceLook): void {
    const applier = this.#applier?.status();
    if (look.othersReplay !== false) this.#receiver?.leaveOutReplayed(undefined);
    else if (applier?.kept === 'shadow') this.#receiver?.leaveOutReplayed(applier.taken);
  }

  /** Where the source keeps what is not applied yet, it may forget the rest. */
  #tellApplied(): void {
    const durable = this.#applier?.status().durable;
    if (durable !== undefined) this.#receiver?.applied(durable);
  }

  #break(error: TealError): void {
    this.#broken ??= error;
    this.#attempt.abort(error);
  }

  /** What can never be is told as what it is; all else may be asked again. */
  #notNow(): TealError {
    const failure = this.#lastFailure;
    if (failure === undefined) return new TealError('TEAL-CARRIERS-005', 'the worker has not connected yet');
    const error = errorOfFailure(failure);
    return error.entry.retry === 'never' ? error : new TealError('TEAL-CARRIERS-005', failure.reason, {}, error);
  }
}

/** What an applier that has just failed says, until what it held is closed and the attempt is over: whether the flow has failed is whether it is tried again. */
function beforeItIsJudged(now: FlowState, position: Position): FlowState {
  if (now.state !== 'failed' || !isErrorCode(now.code)) return now;
  const { code, reason } = now;
  return errorOfFailure({ code, reason }).entry.retry === 'auto' ? { state: 'waiting', code, reason, position } : now;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
