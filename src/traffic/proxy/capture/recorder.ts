import { monotonicMs } from '../../../kernel/clock.ts';
import { frontend } from '../../../wire/postgres/frontend.ts';
import { plainMessage, type PlainMessage } from '../../../wire/postgres/plain-message.ts';
import { isReadable } from '../shadow/sample.ts';
import type { TapPlace } from '../shadow/tap-desk.ts';
import type { LeftOut, RecorderDesk } from './recorder-desk.ts';
import type { Redactor } from './redact.ts';

/** Longer messages are not recorded. */
const messageLimitBytes = 256 << 10;
const unitLimitBytes = 1 << 20;
const statementsAtMost = 10_000;
const recorded: ReadonlySet<number> = new Set([
  frontend.query,
  frontend.parse,
  frontend.bind,
  frontend.describe,
  frontend.execute,
  frontend.close,
  frontend.flush,
]);

/** How much of a message of the client must lie together for a recorder. */
export function recordedNeed(type: number, length: number): number {
  return recorded.has(type) && length <= messageLimitBytes ? length : 1;
}

interface Unit {
  readonly number: number;
  readonly fromMs: number;
  readonly messages: PlainMessage[];
  bytes: number;
  /** When the last message was passed on that makes the server do something. */
  sentMs: number;
  isLeftOut: boolean;
  error: string | undefined;
}

/**
 * Records what one client asks and how long it was waited for, as it passes. Delays and changes nothing, and keeps one unit at most that has not been sent whole. Begins at a boundary.
 */
export class SessionRecorder {
  readonly #desk: RecorderDesk<Redactor>;
  readonly #name: string;
  /** Sent and not answered, in order. */
  #units: Unit[] = [];
  #sending: Unit | undefined;
  #count = 0;
  /** Statements whose Parse is recorded, with the types that it named. */
  readonly #types = new Map<string, readonly number[]>();
  #isOver = false;

  constructor(desk: RecorderDesk<Redactor>, name: string) {
    this.#desk = desk;
    this.#name = name;
  }

  get isOver(): boolean {
    return this.#isOver || this.#desk.isOver;
  }

  /** A message of the client is about to be passed on; `head` is its beginning, `length` its whole length. Never throws, as all that is told to a recorder. */
  client(head: Buffer, length: number, place: Pick<TapPlace, 'parseOf'>): void {
    const type = head[0] ?? 0;
    if (type === frontend.terminate) return;
    if (type === frontend.copyData || type === frontend.copyDone || type === frontend.copyFail) return;
    this.#sending ??= this.#begin();
    const unit = this.#sending;
    if (type === frontend.functionCall) this.#leaveOut(unit, 'a function call');
    else if (type !== frontend.sync && head.length < length) this.#leaveOut(unit, 'too long');
    else if (type !== frontend.sync && !unit.isLeftOut) this.#take(unit, head, place);
    if (type === frontend.query || type === frontend.execute) unit.sentMs = monotonicMs();
    if (type === frontend.query || type === frontend.sync || type === frontend.functionCall) this.#sent(unit);
  }

  /** Parameters of the session are these now. One whose texts cannot be read any more is recorded no further where values are replaced. */
  shows(shown: ReadonlyMap<string, string>): void {
    if (this.#desk.redactor !== undefined && !isReadable({ shown })) this.close();
  }

  /** The server answered with an error. */
  failed(sqlState: string): void {
    const unit = this.#units[0] ?? this.#sending;
    if (unit !== undefined) unit.error ??= sqlState;
  }

  /** ReadyForQuery. `isKept`: the client does not get it, for the unit will be sent again. */
  ready(isKept: boolean): void {
    const unit = this.#units.shift();
    if (unit === undefined || unit.isLeftOut || isKept || this.isOver) return;
    this.#desk.done(this.#name, unit.number, monotonicMs() - unit.sentMs, unit.error);
  }

  /** The session has another backend: nothing is in flight. */
  restart(): void {
    this.#units = [];
    this.#sending = undefined;
  }

  /** The session has ended. */
  close(): void {
    if (this.isOver) return;
    this.#isOver = true;
    this.#desk.close(this.#name);
  }

  #begin(): Unit {
    this.#count += 1;
    const nowMs = monotonicMs();
    return {
      number: this.#count,
      fromMs: nowMs,
      messages: [],
      bytes: 0,
      sentMs: nowMs,
      isLeftOut: false,
      error: undefined,
    };
  }

  #take(unit: Unit, bytes: Buffer, place: Pick<TapPlace, 'parseOf'>): void {
    try {
      const message = plainMessage(bytes);
      if (message === undefined) return;
      if (message[0] === 'B') this.#introduce(unit, message[2], place);
      if (message[0] === 'D' && message[1] === 'S') this.#introduce(unit, message[2], place);
      this.#add(unit, message, bytes.length);
    } catch {
      this.#leaveOut(unit, 'not understood');
    }
  }

  /** A statement that was prepared before the recording began is prepared in it when it is first used. */
  #introduce(unit: Unit, statement: string, place: Pick<TapPlace, 'parseOf'>): void {
    if (this.#types.has(statement)) return;
    const bytes = place.parseOf(statement);
    const parse = bytes === undefined ? undefined : plainMessage(bytes);
    if (bytes !== undefined && parse !== undefined) this.#add(unit, parse, bytes.length);
  }

  #add(unit: Unit, message: PlainMessage, bytes: number): void {
    if (unit.isLeftOut) return;
    const { redactor } = this.#desk;
    if (message[0] === 'P') this.#remember(message[1], message[3]);
    if (isCopy(message)) return this.#leaveOut(unit, 'a copy of rows');
    const kept = redactor === undefined ? message : redactor.message(message, (name) => this.#types.get(name) ?? []);
    unit.bytes += bytes;
    if (kept === undefined) this.#leaveOut(unit, 'not understood');
    else if (unit.bytes > unitLimitBytes) this.#leaveOut(unit, 'too long');
    else unit.messages.push(kept);
  }

  /** Forgotten ones are introduced again. */
  #remember(statement: string, types: readonly number[]): void {
    if (this.#types.size >= statementsAtMost) this.#types.clear();
    this.#types.set(statement, types);
  }

  #sent(unit: Unit): void {
    this.#sending = undefined;
    this.#units.push(unit);
    if (unit.messages.length === 0) unit.isLeftOut = true;
    if (unit.isLeftOut) return;
    if (this.#desk.ask(this.#name, unit.number, unit.messages, unit.fromMs)) {
      unit.messages.length = 0;
      return;
    }
    unit.isLeftOut = true;
    this.#desk.drop();
  }

  #leaveOut(unit: Unit, why: LeftOut): void {
    if (unit.isLeftOut) return;
    unit.isLeftOut = true;
    unit.messages.length = 0;
    this.#desk.leaveOut(why);
  }
}

/** What a COPY carries is not recorded, so that nobody could send it again. */
function isCopy(message: PlainMessage): boolean {
  const text = message[0] === 'Q' ? message[1] : message[0] === 'P' ? message[2] : '';
  return /^\s*copy\b/i.test(text);
}
