import { status } from '../../../wire/postgres/backend.ts';
import { readAnswer } from './answer.ts';
import type { Judged } from './judge.ts';
import type { SkipReason } from './skip-reason.ts';
import type { SessionFacts, WriteSample, WrittenStatement } from './sample.ts';
import { answerLimitBytes, type TapDesk, type TapPlace } from './tap-desk.ts';

/** A transaction that writes more than this is not repeated. */
const limits = { statements: 20, bytes: 64 << 10 };

/** The question as it will be put to green, or why it cannot be. */
export type Put = () => Buffer | SkipReason;

interface Run {
  readonly judged: Judged;
  /** Of a write. */
  readonly message?: Buffer;
}

/** What is known of one unit of a client (everything up to one ReadyForQuery), for its writes. */
export class UnitWrites {
  readonly runs: Run[] = [];
  why: SkipReason | undefined;

  run(judged: Judged, put: Put): void {
    if (this.why !== undefined) return;
    const message = judged.write === undefined ? undefined : put();
    if (typeof message === 'string') this.leaveOut(message);
    else this.runs.push(message === undefined ? { judged } : { judged, message });
  }

  leaveOut(why: SkipReason): void {
    this.why ??= why;
    this.runs.length = 0;
  }
}

interface OpenTransaction {
  readonly statements: WrittenStatement[];
  bytes: number;
  why: SkipReason | undefined;
  /** Blue did not take all of it, or its client did not want it. */
  isGone: boolean;
}

/**
 * Collects what one client writes on blue, transaction by transaction, with what blue said to it. Only what blue has committed is offered; of a transaction in which something cannot be
 * repeated nothing is, for the rest may depend on it. Reads in between are passed over. Bounded.
 */
export class WriteWatch {
  readonly #desk: TapDesk;
  readonly #session: SessionFacts;
  /** Drawn, and begun by the client. */
  #open: OpenTransaction | undefined;

  constructor(desk: TapDesk, session: SessionFacts) {
    this.#desk = desk;
    this.#session = session;
  }

  /** A unit begins; undefined where its writes are not looked at. */
  unit(place: TapPlace): UnitWrites | undefined {
    if (!place.alone) {
      // In which transaction it is only the answers before it will tell.
      if (this.#open !== undefined) this.#open.why ??= 'several at once';
      return undefined;
    }
    if (place.status === status.idle) this.#open = undefined;
    const isDrawn = this.#open !== undefined || (place.status === status.idle && this.#isDrawn);
    return isDrawn ? new UnitWrites() : undefined;
  }

  /** It was answered. `ms`: how long that took. */
  answered(unit: UnitWrites, chunks: readonly Buffer[], ms: number, transactionStatus: number): void {
    const open = this.#open ?? { statements: [], bytes: 0, why: undefined, isGone: false };
    this.#open = transactionStatus === status.idle ? undefined : open;
    if (unit.why === undefined) take(open, unit.runs, chunks, ms);
    else open.why ??= unit.why;
    if (transactionStatus === status.failed) open.isGone = true;
    if (transactionStatus === status.idle) this.#end(open);
  }

  /** A unit was answered of which nothing is known: who opened a transaction in it is not looked at. */
  passed(transactionStatus: number): void {
    if (transactionStatus === status.idle) this.#open = undefined;
    else if (this.#open !== undefined) this.#open.why ??= 'a part of its transaction is not repeated';
  }

  restart(): void {
    this.#open = undefined;
  }

  get #isDrawn(): boolean {
    return this.#desk.isOpen && this.#desk.drawsWrite();
  }

  #end({ statements, why, isGone }: OpenTransaction): void {
    if (isGone) return;
    if (why !== undefined) this.#desk.skipWrite(why);
    else if (statements.length > 0) this.#desk.offerWrite({ session: this.#session, statements } satisfies WriteSample);
  }
}

function take(open: OpenTransaction, runs: readonly Run[], chunks: readonly Buffer[], ms: number): void {
  const { tags = [], error } = readAnswer(chunks, 4 * answerLimitBytes);
  if (error !== undefined || tags.includes('ROLLBACK')) {
    open.isGone ||= error !== undefined || !runs.some(({ judged }) => judged.control === 'savepoint');
  }
  // An empty statement has no tag, and a text of several has many: which is whose is not known then.
  const isPlain = tags.length === runs.length;
  for (const [at, { judged, message }] of runs.entries()) {
    open.why ??= whyNot(judged, isPlain);
    const tag = tags[at];
    if (open.why !== undefined || message === undefined || judged.write === undefined || tag === undefined) continue;
    open.statements.push({ write: judged.write, message, tag, ...(runs.length === 1 ? { blueMs: ms } : {}) });
    open.bytes += message.length;
    if (open.statements.length > limits.statements || open.bytes > limits.bytes) open.why = 'too large a transaction';
  }
  if (open.why !== undefined) open.statements.length = 0;
}

/** Of statements that begin as reads: what they may write is not needed for what follows to be understood. */
const reading: ReadonlySet<SkipReason> = new Set([
  'locks rows',
  'calls a volatile function',
  'reads what is of the server itself',
]);

function whyNot({ whyNoWrite, control, write, writesNothing, why }: Judged, isPlain: boolean): SkipReason | undefined {
  if (whyNoWrite !== undefined) return whyNoWrite;
  if (control !== undefined && control !== 'savepoint') return undefined;
  const isPassedOver = control === undefined && (writesNothing || (why !== undefined && reading.has(why)));
  if (write === undefined && !isPassedOver) return 'a part of its transaction is not repeated';
  return isPlain ? undefined : 'several statements';
}
