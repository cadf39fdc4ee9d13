import { monotonicMs } from '../../../kernel/clock.ts';
import { status } from '../../../wire/postgres/backend.ts';
import { frameHeaderBytes } from '../../../wire/postgres/frames.ts';
import {
  encodeDescribePortal,
  encodeExecute,
  encodeSync,
  frontend,
  isWholeExecute,
  namedStatement,
  readParse,
  statementKey,
  unnamedBind,
  unnamedParse,
} from '../../../wire/postgres/frontend.ts';
import { firstUserType } from './answer.ts';
import { judgedBytes, type Judged, type Read } from './judge.ts';
import type { SkipReason } from './skip-reason.ts';
import type { SessionFacts } from './sample.ts';
import { answerLimitBytes, type TapDesk, type TapPlace } from './tap-desk.ts';
import { WriteWatch, type Put, type UnitWrites } from './write-watch.ts';

const tappedBytes = judgedBytes + 1_024;
const tapped: ReadonlySet<number> = new Set([frontend.query, frontend.bind, frontend.execute]);

/** How much of a message of the client must lie together for a tap; 0: nothing but its type. */
export function tappedNeed(type: number, length: number): number {
  return tapped.has(type) ? Math.min(length, tappedBytes) : 0;
}

/** Everything up to one ReadyForQuery. */
interface TappedUnit {
  /** It is one of the share, and may be compared as far as is known. */
  isSampled: boolean;
  read: Read | undefined;
  /** Statements that were run. */
  runs: number;
  /** The question as it will be put to others. */
  message: Buffer | undefined;
  writes: boolean;
  /** Where what it writes is one of the share. */
  readonly written: UnitWrites | undefined;
  sentMs: number;
  readonly answer: Buffer[];
  answerBytes: number;
}

interface Prepared {
  readonly judged: Judged;
  readonly parse: Buffer | undefined;
}

/**
 * Watches one client's session as it passes: picks reads and writes of the shares, with the answers that blue gave, and knows when the session is no longer as it was when the watch began. Delays
 * and changes nothing; what it keeps of a unit is bounded.
 */
export class SessionTap {
  readonly #desk: TapDesk;
  readonly #session: SessionFacts;
  /** Sent and not answered, in order. */
  #units: TappedUnit[] = [];
  #sending: TappedUnit | undefined;
  /** Prepared in units that have not been answered. */
  readonly #unanswered = new Map<string, Prepared>();
  /** The open transaction has written nothing. */
  #isClean = true;
  readonly #writes: WriteWatch;
  #isOver = false;

  constructor(desk: TapDesk, session: SessionFacts) {
    this.#desk = desk;
    this.#session = session;
    this.#writes = new WriteWatch(desk, session);
  }

  /** The session is not known any more, or nobody compares: nothing more is to be told to this tap. */
  get isOver(): boolean {
    return this.#isOver || this.#desk.isOver;
  }

  /** A message of the client is about to be passed on; `head` is its beginning, `length` its whole length. Never throws, as all that is told to a tap. */
  client(head: Buffer, length: number, place: TapPlace): void {
    this.#guarded(() => this.#client(head, head.length === length, place));
  }

  /** Bytes of the backend, before the client has them. */
  answer(chunk: Buffer): void {
    const unit = this.#units[0] ?? this.#sending;
    if (unit === undefined || !isKept(unit)) return;
    unit.answer.push(chunk);
    unit.answerBytes += chunk.length;
    if (unit.answerBytes <= answerLimitBytes) return;
    unit.written?.leaveOut('too large an answer');
    this.#leaveOut(unit, 'too large an answer');
    unit.answer.length = 0;
  }

  /** ReadyForQuery: the oldest unit has been answered. `isKept`: the client does not get it, for the unit will be sent again. */
  ready(transactionStatus: number, isKept: boolean): void {
    const unit = this.#units.shift();
    if (this.#units.length === 0) this.#unanswered.clear();
    if (unit !== undefined && !isKept) this.#guarded(() => this.#finish(unit, transactionStatus));
    else this.#writes.passed(transactionStatus);
    if (transactionStatus === status.idle) this.#isClean = true;
    else if (unit === undefined || unit.writes) this.#isClean = false;
  }

  /** The session has another backend: nothing is in flight. */
  restart(): void {
    this.#units = [];
    this.#sending = undefined;
    this.#unanswered.clear();
    this.#writes.restart();
  }

  /** What a tap does not understand ends the watch, not the session. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#isOver = true;
      this.#desk.failed(error);
    }
  }

  #client(head: Buffer, isWhole: boolean, place: TapPlace): void {
    switch (head[0]) {
      case frontend.query:
        this.#query(head, isWhole, place);
        return;
      case frontend.parse:
        this.#parse(head, isWhole, this.#unit(place));
        return;
      case frontend.bind:
        this.#bind(head, isWhole, this.#unit(place), place);
        return;
      case frontend.execute: {
        const unit = this.#unit(place);
        unit.sentMs = monotonicMs();
        if (isWhole && isWholeExecute(head)) return;
        unit.written?.leaveOut('not a whole answer');
        this.#leaveOut(unit, 'not a whole answer');
        return;
      }
      case frontend.sync:
        this.#sent(this.#unit(place));
        return;
      case frontend.functionCall:
        this.#isOver = true;
        return;
      case frontend.describe:
      case frontend.close:
      case frontend.flush:
        this.#unit(place);
        return;
      default:
    }
  }

  #unit(place: TapPlace): TappedUnit {
    if (this.#sending !== undefined) return this.#sending;
    // Where nothing is in flight, nothing is owed to a unit either: a COPY may have swallowed its Sync.
    if (place.alone) this.#units = [];
    const isSampled = this.#desk.isOpen && this.#desk.draws();
    const unit: TappedUnit = {
      isSampled,
      read: undefined,
      runs: 0,
      message: undefined,
      writes: false,
      written: this.#writes.unit(place),
      sentMs: monotonicMs(),
      answer: [],
      answerBytes: 0,
    };
    this.#sending = unit;
    if (!place.alone) this.#leaveOut(unit, 'several at once');
    else if (place.status !== status.idle && !(place.status === status.inTransaction && this.#isClean)) {
      this.#leaveOut(unit, 'a transaction that may have written');
    }
    return unit;
  }

  #query(head: Buffer, isWhole: boolean, place: TapPlace): void {
    const unit = this.#unit(place);
    const text = head.toString('latin1', frameHeaderBytes, isWhole ? head.length - 1 : head.length);
    this.#run(unit, this.#desk.judge(text), () => (isWhole ? Buffer.from(head) : 'too long'));
    this.#sent(unit);
  }

  #parse(head: Buffer, isWhole: boolean, unit: TappedUnit): void {
    const nameEnd = head.indexOf(0, frameHeaderBytes);
    const textEnd = head.indexOf(0, nameEnd + 1);
    const text = head.toString('latin1', nameEnd + 1, textEnd === -1 ? head.length : textEnd);
    const parse = isWhole && isKept(unit) ? Buffer.from(head) : undefined;
    this.#unanswered.set(statementKey(head, frameHeaderBytes, nameEnd), { judged: this.#desk.judge(text), parse });
  }

  #bind(head: Buffer, isWhole: boolean, unit: TappedUnit, place: TapPlace): void {
    const name = namedStatement(head);
    const prepared = name === undefined ? undefined : this.#preparedAs(name, place);
    if (prepared === undefined) {
      // It may be anything.
      this.#isOver = true;
      return;
    }
    this.#run(unit, prepared.judged, () => questionOf(prepared.parse, isWhole ? head : undefined));
  }

  #preparedAs(name: string, { parseOf }: TapPlace): Prepared | undefined {
    const unanswered = this.#unanswered.get(name);
    if (unanswered !== undefined) return unanswered;
    const parse = parseOf(name);
    if (parse === undefined) return undefined;
    const nameEnd = parse.indexOf(0, frameHeaderBytes);
    const text = parse.toString('latin1', nameEnd + 1, parse.indexOf(0, nameEnd + 1));
    return { judged: this.#desk.judge(text), parse };
  }

  #run(unit: TappedUnit, judged: Judged, put: Put): void {
    unit.runs += 1;
    unit.writes ||= !judged.writesNothing;
    if (!judged.keepsSession) this.#isOver = true;
    unit.written?.run(judged, put);
    unit.read = judged.read;
    if (!unit.isSampled) return;
    const question =
      judged.read === undefined ? (judged.why ?? 'no read') : unit.runs > 1 ? 'several statements' : put();
    if (typeof question === 'string') this.#leaveOut(unit, question);
    else unit.message = question;
  }

  #sent(unit: TappedUnit): void {
    this.#sending = undefined;
    this.#units.push(unit);
  }

  #leaveOut(unit: TappedUnit, why: SkipReason): void {
    if (!unit.isSampled) return;
    unit.isSampled = false;
    unit.message = undefined;
    if (!isKept(unit)) unit.answer.length = 0;
    this.#desk.skip(why);
  }

  #finish(unit: TappedUnit, transactionStatus: number): void {
    if (this.#isOver) return;
    const { read, message, answer, written } = unit;
    const ms = monotonicMs() - unit.sentMs;
    if (written === undefined) this.#writes.passed(transactionStatus);
    else this.#writes.answered(written, answer, ms, transactionStatus);
    if (!unit.isSampled || read === undefined || message === undefined) return;
    this.#desk.offer({ session: this.#session, read, message, answer, blueMs: ms });
  }
}

/** Somebody wants its answer. */
function isKept({ isSampled, written }: Pick<TappedUnit, 'isSampled' | 'written'>): boolean {
  return isSampled || (written !== undefined && written.why === undefined);
}

/** A statement that was prepared and bound, as a whole of its own. `bind`: whole, or undefined. */
function questionOf(parse: Buffer | undefined, bind: Buffer | undefined): Buffer | SkipReason {
  if (bind === undefined) return 'too long';
  const unnamed = unnamedBind(bind);
  if (unnamed === undefined || parse === undefined) return 'not a whole answer';
  if (readParse(parse).parameterTypes.some((type) => type >= firstUserType)) return 'a type that is not built in';
  return Buffer.concat([unnamedParse(parse), unnamed, encodeDescribePortal(), encodeExecute(), encodeSync()]);
}
