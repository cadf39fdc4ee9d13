import { monotonicMs, sleep } from '../kernel/clock.ts';
import { TealError, describeError, isTealError, type ErrorCode } from '../kernel/errors.ts';
import type { Position } from '../model/position.ts';
import type { ChangeSource, ChangeStream, StreamStart } from '../ports/change-source.ts';
import type { SpoolPiece, SpoolPlace } from './spool-recovery.ts';
import type { SpoolWriter } from './spool-writer.ts';

/** What went wrong, in a form that passes between threads and processes. */
export interface Failure {
  readonly code: ErrorCode;
  readonly reason: string;
}

export function failureOf(error: unknown): Failure {
  return { code: isTealError(error) ? error.code : 'TEAL-KERNEL-001', reason: describeError(error) };
}

/** What the receiver says of itself; each report replaces the one before of its kind, but for pieces. */
export type ReceiverReport =
  | {
      readonly kind: 'progress';
      readonly readable: SpoolPlace;
      readonly received: Position;
      readonly spoolBytes: number;
      /** The spool is at its limit: the socket is not read, the source keeps its log. */
      readonly full: boolean;
    }
  /** Before it is in the spool: `progress` says when. */
  | { readonly kind: 'piece'; readonly piece: SpoolPiece }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'connecting'; readonly attempt: number; readonly failure?: Failure };

export interface ReceiverOptions {
  readonly source: ChangeSource;
  readonly spool: SpoolWriter;
  /** Where to begin when the spool is new: what the target holds. */
  readonly initial: Position;
  /** What the source may forget: what is in the spool, or only what was `applied`. Default: the first. */
  readonly acknowledges?: 'received' | 'applied';
  /**
   * Beyond it nothing is read, also inside of a transaction, until readers have removed enough: the spool is never larger than this and what one call of
   * `next` brings. Only a transaction that has not room alone, when all that was before it is removed, is received whole all the same.
   */
  readonly spoolLimitBytes: number;
  /** Pause between two fsyncs; default 20. What was acknowledged is never ahead of the last one. */
  readonly syncPauseMs?: number;
  /** Longest pause before another attempt; default 15 000. */
  readonly maxRetryPauseMs?: number;
  readonly report: (report: ReceiverReport) => void;
}

const firstRetryPauseMs = 200;
/** An attempt that streamed for so long was a good one: the next pause is short again. */
const goodAttemptMs = 30_000;

/**
 * One receiving end of a flow: source → spool → acknowledgement. It never waits for the target. Connections that break are made anew, with growing pauses and
 * without end, for as long as the error says that it may pass (`retry: auto`); any other error is thrown. Only the abort of the signal ends it otherwise.
 */
export class Receiver {
  readonly #options: ReceiverOptions;
  #applied: Position;
  #durable: Position;
  #stream: ChangeStream | undefined;
  #roomMade: () => void = () => undefined;
  #leavesOut = false;
  /** Up to here there may be an owner row in what was received; and up to here the applier had judged when it let replayed transactions be left out. */
  #decidedUpTo: Position;
  #judgedUpTo: Position | undefined;
  /** Ends a stream so that another one is started at the same place. */
  #change: () => void = () => undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#applied = options.initial;
    this.#durable = options.spool.received ?? options.initial;
    this.#decidedUpTo = options.spool.received ?? options.initial;
  }

  /**
   * The applier has come to `upTo`, and its flow only watches there: the source may leave out what was replayed into it. That holds until the next owner row, and is passed over where
   * one was received after that place. Undefined: nothing may be left out any more.
   */
  leaveOutReplayed(upTo: Position | undefined): void {
    const stream = this.#stream;
    const may = upTo !== undefined && upTo >= this.#decidedUpTo;
    if (may === this.#leavesOut || (may && stream?.canLeaveOutReplayed !== true)) return;
    if (!may && upTo !== undefined) return;
    this.#leavesOut = may;
    this.#judgedUpTo = upTo;
    this.#change();
  }

  /** The target holds all up to here. Never goes backwards. */
  applied(upTo: Position): void {
    if (upTo > this.#applied) this.#applied = upTo;
  }

  /** A reader has removed segments from the spool. */
  removed(bytes: number): void {
    this.#options.spool.removed(bytes);
    this.#roomMade();
  }

  async run(signal: AbortSignal): Promise<never> {
    const { report } = this.#options;
    let failures = 0;
    let failure: Failure | undefined;
    // What an earlier run has received can be applied while the source is away.
    this.#tell(false);
    for (let isChange = false; ;) {
      const attempt = { attempt: failures + 1 };
      if (!isChange) report({ kind: 'connecting', ...attempt, ...(failure === undefined ? {} : { failure }) });
      isChange = false;
      const began = monotonicMs();
      try {
        await this.#receive(signal);
        isChange = true;
        continue;
      } catch (error) {
        signal.throwIfAborted();
        if (!isTealError(error) || error.entry.retry !== 'auto') throw error;
        failure = failureOf(error);
      }
      failures = monotonicMs() - began > goodAttemptMs ? 1 : failures + 1;
      await sleep(retryPauseMs(failures, this.#options.maxRetryPauseMs ?? 15_000), signal);
    }
  }

  /** Returns when another stream is to be started at once. */
  async #receive(signal: AbortSignal): Promise<void> {
    const { source, spool, initial } = this.#options;
    const { received: after = initial, identity } = spool;
    // It may have come with the last of the stream before.
    if (this.#judgedUpTo === undefined || this.#judgedUpTo < this.#decidedUpTo) this.#leavesOut = false;
    const start: StreamStart = {
      after,
      ...(identity === undefined ? {} : { identity }),
      ...(this.#options.acknowledges === 'applied' ? { acknowledged: this.#forgettable } : {}),
      ...(this.#leavesOut ? { leaveOutReplayed: true } : {}),
    };
    const change = Promise.withResolvers<void>();
    this.#change = change.resolve;
    await using stream = await source.start(start, signal);
    await spool.beginStream(stream.identity, after);
    this.#stream = stream;
    this.#options.report({ kind: 'streaming' });
    this.#tell(false);
    // Whichever of the two fails ends the other.
    const stop = new AbortController();
    const syncing = this.#acknowledge(AbortSignal.any([signal, stop.signal]));
    const storing = this.#store(stream, AbortSignal.any([signal, stop.signal]));
    try {
      await Promise.race([storing, syncing, change.promise]);
    } finally {
      stop.abort();
      this.#stream = undefined;
      await stream[Symbol.asyncDispose]();
      await Promise.allSettled([storing, syncing]);
    }
  }

  /** Returns when the stream has left things out and may do so no longer. */
  async #store(stream: ChangeStream, signal: AbortSignal): Promise<void> {
    const { spool, spoolLimitBytes, report } = this.#options;
    const ahead = (piece: SpoolPiece): void => report({ kind: 'piece', piece });
    for (;;) {
      const records = await stream.next();
      signal.throwIfAborted();
      const decision = records.find((record) => record.kind === 'commit' && record.decides === true);
      const isOver = decision !== undefined && this.#leavesOut;
      await spool.append(isOver ? records.slice(0, records.indexOf(decision) + 1) : records, ahead);
      this.#tell(false);
      if (decision !== undefined) this.#decidedUpTo = spool.received ?? this.#decidedUpTo;
      if (isOver) {
        this.#leavesOut = false;
        return;
      }
      // After every read: under a backlog hardly one of them happens to end at a boundary.
      while (spool.totalBytes > spoolLimitBytes && spool.closedBytes > 0) await this.#room(signal);
    }
  }

  async #acknowledge(signal: AbortSignal): Promise<never> {
    for (let last: Position | undefined; ;) {
      this.#durable = (await this.#options.spool.sync()) ?? this.#durable;
      const upTo = this.#forgettable;
      if (upTo !== last) this.#stream?.acknowledge(upTo);
      last = upTo;
      await sleep(this.#options.syncPauseMs ?? 20, signal);
    }
  }

  /** What is on disk here, or on the target where no spool may be needed. */
  get #forgettable(): Position {
    const isKept = this.#options.acknowledges === 'applied' && this.#applied < this.#durable;
    return isKept ? this.#applied : this.#durable;
  }

  async #room(signal: AbortSignal): Promise<void> {
    // An abort while the spool was written is never told to a listener that is added after it.
    signal.throwIfAborted();
    this.#tell(true);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#roomMade = resolve;
    const abort = (): void => resolve();
    signal.addEventListener('abort', abort, { once: true });
    await promise;
    signal.removeEventListener('abort', abort);
    signal.throwIfAborted();
    this.#tell(false);
  }

  #tell(full: boolean): void {
    const { spool, report } = this.#options;
    const { readable, received } = spool;
    if (readable === undefined || received === undefined) return;
    report({ kind: 'progress', readable, received, spoolBytes: spool.totalBytes, full });
  }
}

/** Half of it at random, so that many flows do not come back at the same moment. */
export function retryPauseMs(failures: number, maxMs: number): number {
  const bound = Math.min(maxMs, firstRetryPauseMs * 2 ** Math.min(failures - 1, 20));
  return bound / 2 + (Math.random() * bound) / 2;
}

/** The error of a failure that was reported elsewhere. */
export function errorOfFailure(failure: Failure): TealError {
  const detail = failure.reason.startsWith(`${failure.code}: `)
    ? failure.reason.slice(failure.code.length + 2)
    : failure.reason;
  return new TealError(failure.code, detail);
}
