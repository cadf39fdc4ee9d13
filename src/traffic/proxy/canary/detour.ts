import { monotonicMs } from '../../../kernel/clock.ts';
import { backend, readError, status } from '../../../wire/postgres/backend.ts';
import type { BackendLink, LinkOwner } from '../backend-link.ts';
import { sizeOf } from '../backlog.ts';
import { FrameTap } from '../frame-tap.ts';
import { columnsForBlue } from './columns.ts';
import type { Question } from './unit.ts';

/** How a read on green has ended. Of all but the first and the last the client has had nothing. */
export type DetourEnd =
  /** `status`: as in the ReadyForQuery. `failed`: the SQLSTATE that the client was told. */
  | { readonly how: 'answered'; readonly ms: number; readonly status: number; readonly failed?: string }
  | { readonly how: 'refused'; readonly sqlState: string }
  /** The answer has types that the client would not know. */
  | { readonly how: 'foreign' }
  /** The connection is lost, or was given up. */
  | { readonly how: 'unanswered' }
  /** The same after a part of the answer was passed on. */
  | { readonly how: 'broken' };

export interface DetourOptions {
  readonly link: BackendLink;
  readonly question: Question;
  /** Green's numbers of types that are not built in: blue's. */
  readonly types: ReadonlyMap<number, number>;
  /** To the client; false when it is to be waited for. `isLast`: the answer is over. */
  readonly pass: (bytes: Buffer, isLast: boolean) => boolean;
  readonly end: (end: DetourEnd) => void;
}

/** So much of an answer is kept before the client has any of it: until then blue can answer instead. */
export const heldAnswerBytes = 64 << 10;
const lookedAtBytes = 1 << 20;
const lookedAt: ReadonlySet<number> = new Set([
  backend.readyForQuery,
  backend.error,
  backend.parseComplete,
  backend.closeComplete,
  backend.rowDescription,
  backend.parameterStatus,
  backend.notification,
]);

/** One read of a client on its connection to green. Ends once, and lets go of the connection then. */
export class Detour implements LinkOwner {
  readonly startedMs = monotonicMs();
  readonly #options: DetourOptions;
  readonly #drops: { close: boolean; parse: boolean; columns: boolean };
  readonly #tap: FrameTap;
  #held: Buffer[] = [];
  #hasPassed = false;
  #isDone = false;
  #status: number = status.idle;
  #isOver = false;
  #isForeign = false;
  #error: string | undefined;
  /** The client itself has asked for an end: whatever comes is its answer. */
  #isCancelled = false;

  constructor(options: DetourOptions) {
    this.#options = options;
    this.#drops = { ...options.question.drops };
    this.#tap = new FrameTap(
      {
        gate: () => true,
        need: (type, length) => (lookedAt.has(type) && length <= lookedAtBytes ? length : 0),
        see: (bytes, start, end) => this.#see(bytes.subarray(start, end)),
      },
      (bytes) => {
        if (!this.#isDropped) this.#held.push(bytes);
      },
    );
  }

  start(): void {
    if (this.#isOver) return;
    const { link, question } = this.#options;
    link.attach(this);
    if (!this.#isOver) link.write(question.message);
  }

  /** Its client has gone: nobody is told how it ends. */
  abandon(): void {
    this.#isOver = true;
    this.link.detach();
  }

  get link(): BackendLink {
    return this.#options.link;
  }

  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  /** The connection is given up, for green takes too long or is not asked any more. One that answers its client already goes on. */
  giveUp(): void {
    if (this.#hasPassed || this.#isOver) return;
    this.link.detach();
    this.link.destroy();
    this.#end({ how: 'unanswered' });
  }

  data(chunk: Buffer): void {
    try {
      this.#tap.push(chunk);
    } catch {
      // It cannot be understood: as good as lost.
      this.link.destroy();
      this.closed();
      return;
    }
    if (this.#isDone) this.#finish();
    else if (sizeOf(this.#held) > heldAnswerBytes || this.#hasPassed) this.#flush(false);
  }

  drain(): void {}

  closed(): void {
    this.#end({ how: this.#hasPassed ? 'broken' : 'unanswered' });
  }

  /** Nothing of it is the client's: nobody asks on this connection. */
  aside(): void {}

  get #isDropped(): boolean {
    if (this.#hasPassed || this.#isCancelled) return false;
    return this.#isForeign || this.#error !== undefined;
  }

  #see(bytes: Buffer): boolean {
    switch (bytes[0]) {
      case backend.readyForQuery:
        this.#isDone = true;
        this.#status = bytes[5] ?? status.idle;
        return true;
      case backend.error:
        this.#error = readError(bytes).code;
        if (this.#isDropped) this.#held = [];
        return true;
      case backend.parseComplete:
        return this.#passes('parse');
      case backend.closeComplete:
        return this.#passes('close');
      case backend.rowDescription:
        return this.#seeColumns(bytes);
      default:
        return false;
    }
  }

  #seeColumns(bytes: Buffer): boolean {
    const columns = columnsForBlue(bytes, this.#options.types);
    if (columns === undefined) this.#isForeign = true;
    else if (this.#passes('columns')) this.#tap.insert(columns);
    if (this.#isDropped) this.#held = [];
    return false;
  }

  #passes(what: 'close' | 'parse' | 'columns'): boolean {
    const drops = this.#drops[what];
    this.#drops[what] = false;
    return !drops;
  }

  #flush(isLast: boolean): void {
    const bytes = this.#held;
    this.#held = [];
    if (bytes.length === 0) return;
    this.#hasPassed = true;
    const isTaken = this.#options.pass(Buffer.concat(bytes), isLast);
    if (!isTaken && !isLast) this.link.socket.pause();
  }

  #finish(): void {
    const ms = monotonicMs() - this.startedMs;
    const error = this.#error;
    if (this.#isDropped) {
      this.#end(error === undefined ? { how: 'foreign' } : { how: 'refused', sqlState: error });
      return;
    }
    this.#flush(true);
    this.#end({ how: 'answered', ms, status: this.#status, ...(error === undefined ? {} : { failed: error }) });
  }

  #end(end: DetourEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.link.detach();
    this.#options.end(end);
  }
}
