import { monotonicMs } from '../../../../kernel/clock.ts';
import type { Capabilities } from '../../../../wire/mysql/flags.ts';
import type { Read } from '../../shadow/judge.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { answerLimitBytes } from '../../shadow/tap-desk.ts';
import type { MysqlJudged } from './judge.ts';
import type { MysqlSample, MysqlSessionFacts, Question } from './sample.ts';
import { MysqlWriteWatch, type AfterAnswer, type MysqlWriteDesk, type WatchedCommand } from './write-watch.ts';

/** What a tap asks of those who compare. */
export interface MysqlTapDesk extends MysqlWriteDesk {
  /** Nothing is compared any more. */
  readonly isOver: boolean;
  /** Whether the next read is one of the share. */
  draws(): boolean;
  judge(text: string): MysqlJudged;
  skip(why: SkipReason): void;
  offer(sample: MysqlSample): void;
}

/** Statements that begin as reads: what they may write is not needed for what follows to be understood. */
const passedOver: ReadonlySet<SkipReason> = new Set([
  'locks rows',
  'calls a volatile function',
  'reads what is of the server itself',
  'depends on its session',
]);

/** A statement that a client sends, just before it is passed on. */
export interface TappedCommand {
  /** Undefined where it is too long to be looked at whole. */
  readonly sql: Buffer | undefined;
  /** Of one that was prepared: see `Question`; undefined where it cannot be asked elsewhere. */
  readonly bound?: Buffer | undefined;
  readonly isPrepared: boolean;
  /** A backslash in a text escapes nothing (NO_BACKSLASH_ESCAPES): where texts end is not known, nor what is a literal. */
  readonly isLiteralBackslash: boolean;
  /** The open transaction may have written, or nothing is known of it. */
  readonly mayHaveWritten: boolean;
  /** One is open, or it is not known. */
  readonly inTransaction: boolean;
  readonly capabilities: Capabilities;
}

interface Sampled {
  readonly read: Read;
  readonly question: Question;
  readonly capabilities: Capabilities;
  readonly sentMs: number;
  readonly answer: Buffer[];
  answerBytes: number;
}

/**
 * Watches one client's session as it passes: picks reads of the share, with the answers that blue gave, and what it writes, and knows when the session is no longer as it was when the watch began. Delays and changes
 * nothing; what it keeps is bounded.
 */
export class MysqlTap {
  readonly #desk: MysqlTapDesk;
  readonly #session: MysqlSessionFacts;
  readonly #writes: MysqlWriteWatch;
  #sampled: Sampled | undefined;
  #isOver = false;
  #setsAutocommit = false;

  constructor(desk: MysqlTapDesk, session: MysqlSessionFacts) {
    this.#desk = desk;
    this.#session = session;
    this.#writes = new MysqlWriteWatch(desk, session);
  }

  /** The session is not known any more, or nobody compares. */
  get isOver(): boolean {
    return this.#isOver || this.#desk.isOver;
  }

  client(command: TappedCommand): void {
    this.#sampled = undefined;
    const { sql, isPrepared, bound, capabilities } = command;
    const judged = this.#judged(command);
    if (!judged.keepsSession) this.#isOver = true;
    this.#setsAutocommit = judged.setsAutocommit === true;
    this.#writes.client(watched(command, judged));
    if (!this.#desk.isOpen || !this.#desk.draws()) return;
    const why = whyNot(judged, command);
    if (why !== undefined) this.#desk.skip(why);
    if (why !== undefined || judged.read === undefined || sql === undefined) return;
    const question = questionOf(sql, isPrepared ? bound : undefined);
    this.#sampled = { read: judged.read, question, capabilities, sentMs: monotonicMs(), answer: [], answerBytes: 0 };
  }

  #judged({ sql, isLiteralBackslash }: TappedCommand): MysqlJudged {
    if (sql === undefined) return { why: 'too long', keepsSession: false };
    if (isLiteralBackslash) return { why: 'not understood', keepsSession: false };
    return this.#desk.judge(sql.toString('latin1'));
  }

  /** Bytes of the backend, before the client has them. */
  answer(chunk: Buffer): void {
    this.#writes.answer(chunk);
    const sampled = this.#sampled;
    if (sampled === undefined) return;
    sampled.answer.push(chunk);
    sampled.answerBytes += chunk.length;
    if (sampled.answerBytes <= answerLimitBytes) return;
    this.#sampled = undefined;
    this.#desk.skip('too large an answer');
  }

  /** The command was answered. `changed`: the server says that the session is another now, or it may be. */
  answered(changed: boolean, after: AfterAnswer): void {
    if (changed && !this.#setsAutocommit) this.#isOver = true;
    if (!this.isOver) this.#writes.answered(after);
    const sampled = this.#sampled;
    this.#sampled = undefined;
    if (sampled === undefined || this.isOver) return;
    const { read, question, capabilities, sentMs, answer } = sampled;
    this.#desk.offer({
      session: this.#session,
      read,
      question,
      capabilities,
      answer,
      blueMs: monotonicMs() - sentMs,
    });
  }

  /** The session has another backend, or the command will be sent again. */
  restart(): void {
    this.#writes.restart();
    this.#sampled = undefined;
  }
}

/** What a tap has seen of a command, for the transaction that it is of. The bytes of what is no write are not kept. */
function watched(command: TappedCommand, judged: MysqlJudged): WatchedCommand {
  const { sql, isPrepared, bound, capabilities, inTransaction } = command;
  const { why, read, write } = judged;
  const isWhole = sql !== undefined && (!isPrepared || bound !== undefined);
  const unread = why === 'too long' || why === 'not understood' || why === 'several statements' ? why : undefined;
  return {
    judged,
    unread,
    isRead: read !== undefined || (why !== undefined && passedOver.has(why)),
    question: () => (write === undefined || !isWhole ? undefined : questionOf(sql, isPrepared ? bound : undefined)),
    capabilities,
    inTransaction,
  };
}

function questionOf(sql: Buffer, bound: Buffer | undefined): Question {
  return { sql: Buffer.from(sql), ...(bound === undefined ? {} : { bound }) };
}

function whyNot({ why }: MysqlJudged, command: TappedCommand): SkipReason | undefined {
  if (why !== undefined) return why;
  if (command.mayHaveWritten) return 'a transaction that may have written';
  return command.isPrepared && command.bound === undefined ? 'not a whole answer' : undefined;
}
