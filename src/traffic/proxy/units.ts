import { backend, status } from '../../wire/postgres/backend.ts';
import { frontend } from '../../wire/postgres/frontend.ts';

/** A Parse that was forwarded and not yet answered. */
export interface ExpectedParse {
  readonly kind: 'parse';
  readonly name: string;
  /** The whole message; undefined when it was too long to keep. */
  readonly bytes: Buffer | undefined;
  /** Sent by the proxy, so its answer is not the client's. */
  readonly injected: boolean;
  /** Which backend knew a statement of this name before: where it still is, should this Parse fail. */
  readonly knownOn: number | undefined;
  /** The unit that it was sent in (`Units.unit`). */
  readonly unit: number;
}

/** A Close; without a name when it is of a portal. */
export interface ExpectedClose {
  readonly kind: 'close';
  readonly name: string | undefined;
  /** Sent by the proxy, so its answer is not the client's. */
  readonly injected: boolean;
}

export type Expected =
  | { readonly kind: 'query' }
  | { readonly kind: 'sync' }
  | ExpectedClose
  /** Not answered: the client has ended a COPY before the server has told that there is one. */
  | { readonly kind: 'copy end' }
  | ExpectedParse;

const query: Expected = Object.freeze({ kind: 'query' });
const sync: Expected = Object.freeze({ kind: 'sync' });
const copyEnd: Expected = Object.freeze({ kind: 'copy end' });

/**
 * Where a session stands between its client and its backend, from message types alone (PostgreSQL manual, "Message Flow"). A *unit* is what is
 * answered by one ReadyForQuery: a Query, a FunctionCall, or extended messages up to their Sync. Pure: no I/O.
 *
 * Where the protocol leaves room for doubt the count errs towards "in flight": then a cut is given up, and no query is lost.
 */
export class Units {
  #expected: Expected[] = [];
  #outstanding = 0;
  #unit = 0;
  #unsynced = false;
  #status: number = status.idle;
  #copyIn: 'no' | 'simple' | 'extended' = 'no';
  #completed = false;

  /** ReadyForQuery messages that are still to come. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** The number of the unit that the next message belongs to. */
  get unit(): number {
    return this.#unit;
  }

  /** A unit has begun and its end has not been forwarded. */
  get midUnit(): boolean {
    return this.#unsynced || this.#copyIn !== 'no';
  }

  get status(): number {
    return this.#status;
  }

  /** Nothing is in flight and no transaction is open: here, and only here, a session can change its backend. */
  get atBoundary(): boolean {
    return this.#outstanding === 0 && this.#status === status.idle && !this.#unsynced && this.#copyIn === 'no';
  }

  /** A command of the unit at hand has completed: from here on the unit may have had an effect. */
  get completed(): boolean {
    return this.#completed;
  }

  /** A message of the client was forwarded. */
  sent(type: number): void {
    switch (type) {
      case frontend.query:
      case frontend.functionCall:
        this.#begin(query);
        return;
      case frontend.sync:
        // While COPY runs the server ignores Sync: it will not be answered.
        if (this.#copyIn === 'no') this.#begin(sync);
        if (this.#copyIn === 'no') this.#unsynced = false;
        return;
      case frontend.copyData:
        return;
      case frontend.copyDone:
      case frontend.copyFail:
        if (this.#copyIn === 'no' && (this.#unsynced || this.#outstanding > 0)) this.#expected.push(copyEnd);
        this.#endCopy();
        return;
      default:
        this.#unsynced = true;
    }
  }

  expect(entry: Expected): void {
    this.#expected.push(entry);
  }

  /** ParseComplete: the Parse that it answers. */
  parsed(): ExpectedParse | undefined {
    const [head] = this.#expected;
    if (head?.kind !== 'parse') return undefined;
    this.#expected.shift();
    return head;
  }

  /** CloseComplete: the Close that it answers. */
  closed(): ExpectedClose | undefined {
    const [head] = this.#expected;
    if (head?.kind !== 'close') return undefined;
    this.#expected.shift();
    return head;
  }

  commandCompleted(): void {
    this.#completed = true;
  }

  /**
   * CopyInResponse. In an extended unit the Syncs that were sent before it belong to the copy, and are ignored by the server; what a client sent behind the copy's end, without
   * waiting for this answer, does not.
   */
  copyStarted(): void {
    const isSimple = this.#expected.find((entry) => isEnd(entry))?.kind === 'query';
    const end = this.#expected.indexOf(copyEnd);
    const ofCopy = end === -1 ? this.#expected : this.#expected.slice(0, end);
    const behind = end === -1 ? [] : this.#expected.slice(end + 1);
    this.#expected = [...(isSimple ? ofCopy : ofCopy.filter((entry) => entry.kind !== 'sync')), ...behind];
    this.#outstanding = this.#expected.reduce((count, entry) => count + (isEnd(entry) ? 1 : 0), 0);
    if (end === -1) this.#copyIn = isSimple ? 'simple' : 'extended';
    if (isSimple) return;
    if (end === -1) this.#unsynced = false;
    else if (!behind.some((entry) => isEnd(entry))) this.#unsynced = true;
  }

  /** ErrorResponse: ends a COPY; in an extended unit the server now waits for a Sync. */
  failed(): void {
    if (this.#copyIn !== 'no') this.#endCopy();
  }

  /** ReadyForQuery. Returns the Parses of the unit that were never answered: they failed, or were skipped after an error. */
  ready(transactionStatus: number): readonly ExpectedParse[] {
    this.#status = transactionStatus;
    this.#completed = false;
    if (this.#copyIn !== 'no') this.#copyIn = 'no';
    if (this.#outstanding === 0) {
      this.#unsynced = false;
      return none;
    }
    this.#outstanding -= 1;
    const lost = this.#unanswered();
    while (this.#expected[0]?.kind === 'copy end') this.#expected.shift();
    return lost;
  }

  /** A new backend knows nothing of what was expected of the old one. Only at a boundary. */
  restart(): void {
    this.#expected = [];
    this.#completed = false;
  }

  #begin(entry: Expected): void {
    this.#unit += 1;
    this.#outstanding += 1;
    this.#expected.push(entry);
  }

  #endCopy(): void {
    if (this.#copyIn === 'extended') this.#unsynced = true;
    this.#copyIn = 'no';
  }

  #unanswered(): readonly ExpectedParse[] {
    let lost: ExpectedParse[] | undefined;
    for (let entry = this.#expected.shift(); entry !== undefined && !isEnd(entry); entry = this.#expected.shift()) {
      if (entry.kind === 'parse') (lost ??= []).push(entry);
    }
    return lost ?? none;
  }
}

/** It is answered by a ReadyForQuery. */
function isEnd({ kind }: Expected): boolean {
  return kind === 'query' || kind === 'sync';
}

const none: readonly ExpectedParse[] = Object.freeze([]);

/** Messages of a backend that say something about where the session stands. All others pass unseen. */
export const telling: ReadonlySet<number> = new Set([
  backend.readyForQuery,
  backend.error,
  backend.parseComplete,
  backend.closeComplete,
  backend.commandComplete,
  backend.copyIn,
  backend.parameterStatus,
  backend.notification,
]);
