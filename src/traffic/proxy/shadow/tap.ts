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
import { judgedBytes, type Judged, type Read, type SkipReason } from './judge.ts';
import type { Sample, SessionFacts } from './sample.ts';

/** What a tap asks of those who compare. */
export interface TapDesk {
  /** Reads are taken from clients now. */
  readonly isOpen: boolean;
  /** Nothing is compared any more. */
  readonly isOver: boolean;
  /** Whether the next read is one of the share. */
  draws(): boolean;
  judge(text: string): Judged;
  skip(why: SkipReason): void;
  offer(sample: Sample): void;
  /** Something of a client was not understood. */
  failed(error: unknown): void;
}

/** Where the session stands just before a message of its client is passed on. */
export interface TapPlace {
  /** Nothing is in flight, and the answer to what begins here begins with the next byte. */
  readonly alone: boolean;
  /** As in the last ReadyForQuery. */
  readonly status: number;
  /** The Parse of a statement that the session has. */
  readonly parseOf: (name: string) => Buffer | undefined;
}

const tappedBytes = judgedBytes + 1_024;
const tapped: ReadonlySet<number> = new Set([frontend.query, frontend.bind, frontend.execute]);

/** How much of a message of the client must lie together for a tap; 0: nothing but its type. */
export function tappedNeed(type: number, length: number): number {
  return tapped.has(type) ? Math.min(length, tappedBytes) : 0;
}

export const answerLimitBytes = 256 << 10;

/** Everything up to one ReadyForQuery. */
interface TappedUnit {
  /** It is one of the share, and may be compared as far as is known. */
  isSampled: boolean;
  read: Read | undefined;
  /** Statements that were run. */
  runs: number;
  /** Messages of the question as it will be put to others. */
  readonly parts: Buffer[];
  writes: boolean;
  sentMs: number;
  readonly answer: Buffer[];
  answerBytes: number;
}

interface Prepared {
  readonly judged: Judged;
  readonly parse: Buffer | undefined;
}

/**
 * Watches one client's session as it passes: picks reads of the share, with the answers that blue gave, and knows when the session is no longer as it was when the watch began. Delays
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
  #isOver = false;

  constructor(desk: TapDesk, session: SessionFacts) {
    this.#desk = desk;
    this.#session = session;
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
    if (unit?.isSampled !== true) return;
    unit.answer.push(chunk);
    unit.answerBytes += chunk.length;
    if (unit.answerBytes > answerLimitBytes) this.#leaveOut(unit, 'too large an answer');
  }

  /** ReadyForQuery: the oldest unit has been answered. `isKept`: the client does not get it, for the unit will be sent again. */
  ready(transactionStatus: number, isKept: boolean): void {
    const unit = this.#units.shift();
    if (this.#units.length === 0) this.#unanswered.clear();
    if (unit !== undefined && !isKept) this.#guarded(() => this.#finish(unit));
    if (transactionStatus === status.idle) this.#isClean = true;
    else if (unit === undefined || unit.writes) this.#isClean = false;
  }

  /** The session has another backend: nothing is in flight. */
  restart(): void {
    this.#units = [];
    this.#sending = undefined;
    this.#unanswered.clear();
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
        if (unit.isSampled && !(isWhole && isWholeExecute(head))) this.#leaveOut(unit, 'not a whole answer');
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
      parts: [],
      writes: false,
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
    this.#run(unit, this.#desk.judge(text));
    if (unit.isSampled) unit.parts.push(Buffer.from(head));
    this.#sent(unit);
  }

  #parse(head: Buffer, isWhole: boolean, unit: TappedUnit): void {
    const nameEnd = head.indexOf(0, frameHeaderBytes);
    const textEnd = head.indexOf(0, nameEnd + 1);
    const text = head.toString('latin1', nameEnd + 1, textEnd === -1 ? head.length : textEnd);
    const parse = isWhole && unit.isSampled ? Buffer.from(head) : undefined;
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
    this.#run(unit, prepared.judged);
    if (!unit.isSampled) return;
    const bind = isWhole ? unnamedBind(head) : undefined;
    if (bind === undefined || prepared.parse === undefined) {
      this.#leaveOut(unit, isWhole ? 'not a whole answer' : 'too long');
    } else if (readParse(prepared.parse).parameterTypes.some((type) => type >= firstUserType)) {
      this.#leaveOut(unit, 'a type that is not built in');
    } else {
      unit.parts.push(unnamedParse(prepared.parse), bind, encodeDescribePortal(), encodeExecute(), encodeSync());
    }
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

  #run(unit: TappedUnit, judged: Judged): void {
    unit.runs += 1;
    unit.writes ||= !judged.writesNothing;
    if (!judged.keepsSession) this.#isOver = true;
    unit.read = judged.read;
    if (judged.read === undefined) this.#leaveOut(unit, judged.why ?? 'no read');
    else if (unit.runs > 1) this.#leaveOut(unit, 'several statements');
  }

  #sent(unit: TappedUnit): void {
    this.#sending = undefined;
    this.#units.push(unit);
  }

  #leaveOut(unit: TappedUnit, why: SkipReason): void {
    if (!unit.isSampled) return;
    unit.isSampled = false;
    unit.parts.length = 0;
    unit.answer.length = 0;
    this.#desk.skip(why);
  }

  #finish(unit: TappedUnit): void {
    if (!unit.isSampled || unit.read === undefined || unit.parts.length === 0 || this.#isOver) return;
    this.#desk.offer({
      session: this.#session,
      read: unit.read,
      message: Buffer.concat(unit.parts),
      answer: unit.answer,
      blueMs: monotonicMs() - unit.sentMs,
    });
  }
}
