import { monotonicMs } from '../../../kernel/clock.ts';
import { sizeOf } from '../backlog.ts';

/** How a read on green has ended. Of all but the first and the last the client has had nothing. */
export type DetourEnd =
  /** `status`: of the session, as its protocol tells. `failed`: the code of the error that the client was told. */
  | { readonly how: 'answered'; readonly ms: number; readonly status: number; readonly failed?: string }
  | { readonly how: 'refused'; readonly code: string }
  /** The answer has types that the client would not know. */
  | { readonly how: 'foreign' }
  /** The connection is lost, or was given up. */
  | { readonly how: 'unanswered' }
  /** The same after a part of the answer was passed on. */
  | { readonly how: 'broken' };

export interface HeldAnswerOptions<Link> {
  readonly link: Link;
  /** To the client; false when it is to be waited for. `isLast`: the answer is over. */
  readonly pass: (bytes: Buffer, isLast: boolean) => boolean;
  readonly end: (end: DetourEnd) => void;
}

interface GreenConnection {
  readonly socket: { pause(): unknown };
  detach(): void;
  destroy(): void;
}

/** So much of an answer is kept before the client has any of it: until then blue can answer instead. */
const heldAnswerBytes = 64 << 10;

/** Green's answer to one read, kept back until it is whole or 64 KiB long, whatever the protocol. Ends once, and lets go of the connection then. */
export class HeldAnswer<Link extends GreenConnection> {
  readonly startedMs = monotonicMs();
  readonly link: Link;
  readonly #options: HeldAnswerOptions<Link>;
  #held: Buffer[] = [];
  #hasPassed = false;
  #isOver = false;
  #isForeign = false;
  #error: string | undefined;
  /** The client itself has asked for an end: whatever comes is its answer. */
  #isCancelled = false;

  constructor(options: HeldAnswerOptions<Link>) {
    this.#options = options;
    this.link = options.link;
  }

  /** Nobody asks on its behalf any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The client has a part of it. */
  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  /** It is blue's to answer, or the client's own doing. */
  get isSettled(): boolean {
    return this.#hasPassed || this.#isCancelled;
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  take(bytes: Buffer): void {
    if (!this.#isDropped) this.#held.push(bytes);
  }

  /** Green has answered with an error. */
  failed(code: string): void {
    this.#error = code;
    if (this.#isDropped) this.#held = [];
  }

  /** It has types that the client would not know. */
  foreign(): void {
    this.#isForeign = true;
    if (this.#isDropped) this.#held = [];
  }

  /** Some of it has come. `status`: of the session, where that was all. */
  came(status: number | undefined): void {
    if (status !== undefined) this.#finish(status);
    else if (this.#hasPassed || sizeOf(this.#held) > heldAnswerBytes) this.#flush(false);
  }

  /** Its client has gone: nobody is told how it ends. */
  abandon(): void {
    this.#isOver = true;
    this.link.detach();
  }

  /** The connection is given up, for green takes too long or is not asked any more. One that answers its client already goes on. */
  giveUp(): void {
    if (this.#hasPassed || this.#isOver) return;
    this.link.destroy();
    this.end({ how: 'unanswered' });
  }

  /** The connection is lost. */
  lost(): void {
    this.end({ how: this.#hasPassed ? 'broken' : 'unanswered' });
  }

  end(end: DetourEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.link.detach();
    this.#options.end(end);
  }

  get #isDropped(): boolean {
    return !this.isSettled && (this.#isForeign || this.#error !== undefined);
  }

  #flush(isLast: boolean): void {
    const bytes = this.#held;
    this.#held = [];
    if (bytes.length === 0) return;
    this.#hasPassed = true;
    const isTaken = this.#options.pass(Buffer.concat(bytes), isLast);
    if (!isTaken && !isLast) this.link.socket.pause();
  }

  #finish(status: number): void {
    const ms = monotonicMs() - this.startedMs;
    const error = this.#error;
    if (this.#isDropped) {
      this.end(error === undefined ? { how: 'foreign' } : { how: 'refused', code: error });
      return;
    }
    this.#flush(true);
    this.end({ how: 'answered', ms, status, ...(error === undefined ? {} : { failed: error }) });
  }
}
