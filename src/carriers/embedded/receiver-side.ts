import { orAborted } from '../../kernel/abort.ts';
import type { Position } from '../../model/position.ts';
import { errorOfFailure, type Failure, type ReceiverReport } from '../../sync/receiver.ts';
import type { SpoolReader } from '../../sync/spool-reader.ts';
import type { SpoolPlace } from '../../sync/spool-recovery.ts';
import type { CarrierStatus } from './protocol.ts';
import type { CarrierDeps, ReceiverHandle } from './worker-ports.ts';

/** The receiver as the flow sees it: what it said last, and the reader that is to know. It outlives readers. */
export class ReceiverSide implements AsyncDisposable {
  readonly #handle: ReceiverHandle;
  #readable: SpoolPlace | undefined;
  #ready = Promise.withResolvers<SpoolPlace>();
  #reader: SpoolReader | undefined;
  #ended: Failure | undefined;
  #connecting: Failure | undefined;
  #isStreaming = false;
  #isFull = false;
  received: Position;
  spoolBytes = 0;

  constructor(initial: Position, deps: Pick<CarrierDeps, 'startReceiver'>) {
    this.received = initial;
    // Nobody may be waiting when it fails; `failure` and the reader tell it.
    this.#ready.promise.catch(() => undefined);
    this.#handle = deps.startReceiver(initial, {
      report: (report) => this.#take(report),
      failed: (failure) => this.#fail(failure),
    });
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Why it ended, or why its last attempt to connect did not hold. */
  get failure(): Failure | undefined {
    return this.#ended ?? this.#connecting;
  }

  get state(): CarrierStatus['receiving'] {
    if (!this.#isStreaming) return 'connecting';
    return this.#isFull ? 'spool full' : 'streaming';
  }

  /** Resolves with the place up to which the spool can be read, once there is a spool. Rejects when the receiver has ended, or with the signal's reason. */
  async ready(signal: AbortSignal): Promise<SpoolPlace> {
    await orAborted(this.#ready.promise, signal);
    return this.#readable ?? (await this.#ready.promise);
  }

  /** Tells this reader from now on how far it may read, and that the receiver has ended if it has. */
  feed(reader: SpoolReader | undefined): void {
    this.#reader = reader;
    if (this.#readable !== undefined) reader?.extend(this.#readable);
    if (this.#ended !== undefined) reader?.fail(errorOfFailure(this.#ended));
  }

  removed(bytes: number): void {
    this.#handle.removed(bytes);
  }

  applied(upTo: Position): void {
    this.#handle.applied(upTo);
  }

  leaveOutReplayed(upTo: Position | undefined): void {
    this.#handle.leaveOutReplayed(upTo);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle[Symbol.asyncDispose]();
  }

  #take(report: ReceiverReport): void {
    switch (report.kind) {
      case 'piece':
        this.#reader?.take(report.piece);
        return;
      case 'streaming':
        this.#isStreaming = true;
        this.#connecting = undefined;
        return;
      case 'connecting':
        this.#isStreaming = false;
        this.#connecting = report.failure;
        return;
      case 'progress':
        this.#readable = report.readable;
        this.received = report.received;
        this.spoolBytes = report.spoolBytes;
        this.#isFull = report.full;
        this.#reader?.extend(report.readable);
        this.#ready.resolve(report.readable);
        return;
      default:
        report satisfies never;
    }
  }

  #fail(failure: Failure): void {
    this.#ended = failure;
    this.#isStreaming = false;
    this.#ready.reject(errorOfFailure(failure));
    this.#reader?.fail(errorOfFailure(failure));
  }
}
