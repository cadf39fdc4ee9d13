import { must } from '../../../kernel/assert.ts';
import { monotonicMs } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import { encodeQuery } from '../../../wire/postgres/frontend.ts';
import type { BackendLink, LinkOwner } from '../backend-link.ts';
import type { BackendLogin, ConnectResult } from '../connector.ts';
import { sameState, writeState } from '../session-state.ts';
import { AnswersReader, type Answer } from './answer.ts';
import type { SessionFacts } from './sample.ts';
import { tooLarge } from './too-large.ts';

export type LinkConnect = (side: Side, login: BackendLogin, signal: AbortSignal) => Promise<ConnectResult>;

export interface ReaderLinkOptions {
  readonly side: Side;
  readonly connect: LinkConnect;
  /** How long a server may take for one read, its connection and the state of the session before it included. */
  readonly limitMs: number;
  readonly answerLimitBytes: number;
  readonly signal: AbortSignal;
}

export interface TimedAnswer {
  readonly answer: Answer;
  readonly ms: number;
}

/**
 * One connection to one side, on which reads of any client are repeated: it takes on the login and the state of the session that a read is of, and can write nothing. Made when it is
 * needed, and made again when it was lost; never the connection of a client.
 */
export class ReaderLink {
  readonly #options: ReaderLinkOptions;
  #link: BackendLink | undefined;
  /** Whose state it has. */
  #session: SessionFacts | undefined;

  constructor(options: ReaderLinkOptions) {
    this.#options = options;
  }

  /**
   * Errors: TEAL-TRAFFIC-002 not reached, -003 the login or the state was refused, -008 lost or too slow, wire errors. After each of them the next read begins with a new
   * connection.
   */
  async read(session: SessionFacts, message: Buffer): Promise<TimedAnswer> {
    const [only] = await this.readAll(session, [message]);
    return must(only, 'an answer');
  }

  /** Messages that each end in one ReadyForQuery, sent at once; `ms` of each: since the answer before it. Errors: as of `read`. */
  async readAll(session: SessionFacts, messages: readonly Buffer[]): Promise<readonly TimedAnswer[]> {
    const over = AbortSignal.any([this.#options.signal, AbortSignal.timeout(this.#options.limitMs)]);
    const end = (): void => this.#drop();
    over.addEventListener('abort', end, { once: true });
    try {
      const link = await this.#ready(session, over);
      return await answersOf(link, messages, this.#options.answerLimitBytes);
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      over.removeEventListener('abort', end);
    }
  }

  end(): void {
    this.#link?.end();
    this.#link = undefined;
    this.#session = undefined;
  }

  /** By its socket, so that who waits for an answer is told. */
  #drop(): void {
    this.#link?.socket.destroy();
    this.#link = undefined;
    this.#session = undefined;
  }

  async #ready(session: SessionFacts, signal: AbortSignal): Promise<BackendLink> {
    const former = this.#session;
    if (this.#link !== undefined && !this.#link.closed && former !== undefined) {
      if (isSameSession(former, session)) return this.#link;
      if (isSameLogin(former.login, session.login)) return this.#takeOn(this.#link, session, true);
    }
    this.end();
    const { side, connect } = this.#options;
    const result = await connect(side, session.login, signal);
    if ('refused' in result) throw refused(side, 'the login of a client');
    this.#link = result.link;
    signal.throwIfAborted();
    return this.#takeOn(result.link, session, false);
  }

  async #takeOn(link: BackendLink, session: SessionFacts, isUsed: boolean): Promise<BackendLink> {
    this.#session = undefined;
    const { side, limitMs } = this.#options;
    const failed = await writeState(link, session.state, session.shown, isUsed);
    if (failed !== undefined) throw refused(side, failed);
    // After the session's own settings: whatever it says, nothing is written here, and nothing runs for ever.
    const serverMs = Math.ceil(limitMs * 0.8);
    const guard = `set default_transaction_read_only = on; set statement_timeout = ${serverMs}; set idle_session_timeout = 0`;
    const reply = await link.ask(encodeQuery(guard));
    if (reply.error !== undefined) throw refused(side, `its guards (${reply.error.code})`);
    this.#session = session;
    return link;
  }
}

function refused(side: Side, what: string): TealError {
  return new TealError('TEAL-TRAFFIC-003', `${side} does not take ${what}`, { side });
}

async function answersOf(
  link: BackendLink,
  messages: readonly Buffer[],
  limitBytes: number,
): Promise<readonly TimedAnswer[]> {
  const owner = new AnswerOwner(messages.length, limitBytes);
  link.attach(owner);
  link.write(messages.length === 1 && messages[0] !== undefined ? messages[0] : Buffer.concat(messages));
  try {
    return await owner.answered;
  } finally {
    link.detach();
  }
}

/** Has the bytes of some answers, one after the other. */
class AnswerOwner implements LinkOwner {
  readonly answered: Promise<readonly TimedAnswer[]>;
  readonly #answers: TimedAnswer[] = [];
  readonly #expected: number;
  readonly #limitBytes: number;
  readonly #reader: AnswersReader;
  readonly #resolve: (answers: readonly TimedAnswer[]) => void;
  readonly #reject: (error: unknown) => void;
  #bytes = 0;
  #fromMs = monotonicMs();

  constructor(expected: number, limitBytes: number) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly TimedAnswer[]>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#expected = expected;
    this.#limitBytes = limitBytes;
    this.#reader = new AnswersReader(limitBytes, (answer) => this.#take(answer));
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    try {
      if (this.#bytes > this.#limitBytes) this.#reject(tooLarge());
      else this.#reader.push(chunk);
    } catch (error) {
      this.#reject(error);
    }
  }

  #take(answer: Answer): void {
    const now = monotonicMs();
    this.#answers.push({ answer, ms: now - this.#fromMs });
    this.#fromMs = now;
    if (this.#answers.length === this.#expected) this.#resolve(this.#answers);
  }

  drain(): void {}

  closed(because?: unknown): void {
    this.#reject(new TealError('TEAL-TRAFFIC-008', 'the server closed the connection', {}, because));
  }

  aside(): void {}
}

/** Logged in alike, and with the same state: a read is answered alike. */
export function isSameSession(a: SessionFacts, b: SessionFacts): boolean {
  if (a === b) return true;
  return isSameLogin(a.login, b.login) && sameState(a.state, b.state) && isSameMap(a.shown, b.shown);
}

function isSameLogin(a: BackendLogin, b: BackendLogin): boolean {
  return a === b || (a.user === b.user && isSameMap(a.parameters, b.parameters));
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
