import { monotonicMs } from '../../../../kernel/clock.ts';
import { TealError } from '../../../../kernel/errors.ts';
import type { Side } from '../../../../model/catalog.ts';
import { command, encodeStatementClose } from '../../../../wire/mysql/commands.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import type { Reader } from '../../shadow/reading.ts';
import { tooLarge } from '../../shadow/too-large.ts';
import type { MysqlConnectResult, MysqlLogin } from '../connector.ts';
import type { MysqlLink, MysqlLinkOwner } from '../link.ts';
import { covers, writeState } from '../session-state.ts';
import { MysqlAnswerReader, type MysqlAnswer } from './answer.ts';
import {
  codeOf,
  isSameLogin,
  isSameSession,
  type MysqlSample,
  type MysqlSessionFacts,
  type Question,
} from './sample.ts';

export interface MysqlReaderOptions {
  readonly side: Side;
  readonly connect: (side: Side, login: MysqlLogin, signal: AbortSignal) => Promise<MysqlConnectResult>;
  /** How long a server may take for one read, its connection and the state of the session before it included. */
  readonly limitMs: number;
  readonly answerLimitBytes: number;
  /** In which answers are compared; default: as they are. */
  readonly form?: (answer: MysqlAnswer) => MysqlAnswer;
  readonly signal: AbortSignal;
  /** What is said after the session's own settings, whatever these say; default: nothing is written here, and nothing runs for ever. */
  readonly guards?: (link: MysqlLink, limitMs: number) => readonly string[];
}

/**
 * One connection to one side, on which reads of any client are repeated: it takes on the login and the state of the session that a read is of, and can write nothing. Made when it is
 * needed, and made again when it was lost; never the connection of a client.
 */
export class MysqlReader implements Reader<MysqlSample, MysqlAnswer> {
  readonly #options: MysqlReaderOptions;
  #link: MysqlLink | undefined;
  /** Whose state it has. */
  #session: MysqlSessionFacts | undefined;

  constructor(options: MysqlReaderOptions) {
    this.#options = options;
  }

  /** Errors: TEAL-TRAFFIC-002 not reached, -003 the login or the state was refused, -008 lost or too slow, wire errors. After each of them the next read begins with a new connection. */
  async read({ session, question }: MysqlSample): Promise<{ readonly answer: MysqlAnswer; readonly ms: number }> {
    return this.with(session, async (link) => {
      const { answer, ms } = await ask(link, question, this.#options.answerLimitBytes);
      const { form = asIs } = this.#options;
      return { answer: form(answer), ms };
    });
  }

  /** The same for whatever is asked over a connection that is as this session. */
  async with<T>(session: MysqlSessionFacts, work: (link: MysqlLink) => Promise<T>): Promise<T> {
    const over = AbortSignal.any([this.#options.signal, AbortSignal.timeout(this.#options.limitMs)]);
    const drop = (): void => this.#drop();
    over.addEventListener('abort', drop, { once: true });
    try {
      return await work(await this.#ready(session, over));
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      over.removeEventListener('abort', drop);
    }
  }

  end(): void {
    this.#link?.end();
    this.#link = this.#session = undefined;
  }

  /** By its socket, so that who waits for an answer is told. */
  #drop(): void {
    this.#link?.socket.destroy();
    this.#link = this.#session = undefined;
  }

  async #ready(session: MysqlSessionFacts, signal: AbortSignal): Promise<MysqlLink> {
    const former = this.#session;
    if (this.#link !== undefined && !this.#link.closed && former !== undefined) {
      if (isSameSession(former, session)) return this.#link;
      if (canTakeOn(former, session)) return this.#takeOn(this.#link, session, former);
    }
    this.end();
    const { side, connect } = this.#options;
    const result = await connect(side, session.login, signal);
    if ('refused' in result) throw refused(side, 'the login of a client');
    this.#link = result.link;
    signal.throwIfAborted();
    return this.#takeOn(result.link, session, undefined);
  }

  async #takeOn(
    link: MysqlLink,
    session: MysqlSessionFacts,
    former: MysqlSessionFacts | undefined,
  ): Promise<MysqlLink> {
    this.#session = undefined;
    const { side, limitMs, guards = readOnlyGuards } = this.#options;
    const failed = await takeOn(link, session, former, guards(link, Math.ceil(limitMs * 0.8)));
    if (failed !== undefined) throw refused(side, failed);
    this.#session = session;
    return link;
  }
}

/** Whether a connection that has the state of one session can be given that of another. */
export function canTakeOn(former: MysqlSessionFacts, session: MysqlSessionFacts): boolean {
  return isSameLogin(former.login, session.login) && covers(session.state, former.state);
}

/** Gives a connection the state of a session, and settings that count whatever that state says. Returns what it does not take, without values. Errors: TEAL-TRAFFIC-008. */
export async function takeOn(
  link: MysqlLink,
  { state }: MysqlSessionFacts,
  former: MysqlSessionFacts | undefined,
  guards: readonly string[],
): Promise<string | undefined> {
  const failed = await writeState(link, state, former?.state);
  if (failed !== undefined) return failed;
  for (const guard of guards) {
    const { error } = await link.query(guard);
    if (error !== undefined) return `its guards (${error.code})`;
  }
  return undefined;
}

/** The form of two servers of one family. */
export function asIs(answer: MysqlAnswer): MysqlAnswer {
  return answer;
}

/** MySQL's limit is of milliseconds, and of SELECT; MariaDB's of seconds. */
function readOnlyGuards({ greeted }: MysqlLink, limitMs: number): readonly string[] {
  const limit =
    greeted.flavour === 'mysql' ? `max_execution_time = ${limitMs}` : `max_statement_time = ${limitMs / 1e3}`;
  return [
    `set @@session.autocommit = 1, @@session.wait_timeout = 28800, @@session.${limit}`,
    'set session transaction read only',
  ];
}

function refused(side: Side, what: string): TealError {
  return new TealError('TEAL-TRAFFIC-003', `${side} does not take ${what}`, { side });
}

/** Errors: TEAL-TRAFFIC-008, wire errors. */
export async function ask(
  link: MysqlLink,
  question: Question,
  limitBytes: number,
): Promise<{ readonly answer: MysqlAnswer; readonly ms: number }> {
  const { sql, bound } = question;
  if (bound === undefined) return askPlain(link, Buffer.concat([Buffer.of(command.query), sql]), limitBytes);
  const { prepared, error } = await link.ask(Buffer.concat([Buffer.of(command.stmtPrepare), sql]));
  if (prepared === undefined) {
    return { answer: { columns: [], rows: [], isBinary: true, error: String(error?.code ?? 0) }, ms: 0 };
  }
  const head = Buffer.of(codeOf(question), 0, 0, 0, 0);
  head.writeUInt32LE(prepared.statement, 1);
  const told = await askPlain(link, Buffer.concat([head, bound]), limitBytes);
  link.write(encodePacket(0, encodeStatementClose(prepared.statement)));
  return told;
}

async function askPlain(
  link: MysqlLink,
  payload: Buffer,
  limitBytes: number,
): Promise<{ readonly answer: MysqlAnswer; readonly ms: number }> {
  const fromMs = monotonicMs();
  const owner = new AnswerOwner(new MysqlAnswerReader(payload[0] ?? 0, link.capabilities, limitBytes), limitBytes);
  link.attach(owner);
  link.write(encodePacket(0, payload));
  try {
    return { answer: await owner.answered, ms: monotonicMs() - fromMs };
  } finally {
    link.detach();
  }
}

/** Has the bytes of one answer. */
class AnswerOwner implements MysqlLinkOwner {
  readonly answered: Promise<MysqlAnswer>;
  readonly #reader: MysqlAnswerReader;
  readonly #limitBytes: number;
  readonly #resolve: (answer: MysqlAnswer) => void;
  readonly #reject: (error: unknown) => void;
  #bytes = 0;

  constructor(reader: MysqlAnswerReader, limitBytes: number) {
    const { promise, resolve, reject } = Promise.withResolvers<MysqlAnswer>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = reader;
    this.#limitBytes = limitBytes;
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    try {
      if (this.#bytes > this.#limitBytes) throw tooLarge();
      const answer = this.#reader.push(chunk);
      if (answer !== undefined) this.#resolve(answer);
    } catch (error) {
      this.#reject(error);
    }
  }

  drain(): void {}

  closed(because?: unknown): void {
    this.#reject(new TealError('TEAL-TRAFFIC-008', 'the server closed the connection', {}, because));
  }
}
