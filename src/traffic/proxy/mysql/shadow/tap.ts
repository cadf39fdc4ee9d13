import { monotonicMs } from '../../../../kernel/clock.ts';
import type { Capabilities } from '../../../../wire/mysql/flags.ts';
import type { Read } from '../../shadow/judge.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { answerLimitBytes } from '../../shadow/tap-desk.ts';
import type { MysqlJudged } from './judge.ts';
import type { MysqlSample, MysqlSessionFacts, Question } from './sample.ts';

/** What a tap asks of those who compare. */
export interface MysqlTapDesk {
  /** Reads are taken from clients now. */
  readonly isOpen: boolean;
  /** Nothing is compared any more. */
  readonly isOver: boolean;
  /** Whether the next read is one of the share. */
  draws(): boolean;
  judge(text: string): MysqlJudged;
  skip(why: SkipReason): void;
  offer(sample: MysqlSample): void;
}

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
 * Watches one client's session as it passes: picks reads of the share, with the answers that blue gave, and knows when the session is no longer as it was when the watch began. Delays and changes
 * nothing; what it keeps is bounded.
 */
export class MysqlTap {
  readonly #desk: MysqlTapDesk;
  readonly #session: MysqlSessionFacts;
  #sampled: Sampled | undefined;
  #isOver = false;

  constructor(desk: MysqlTapDesk, session: MysqlSessionFacts) {
    this.#desk = desk;
    this.#session = session;
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
    if (!this.#desk.isOpen || !this.#desk.draws()) return;
    const why = whyNot(judged, command);
    if (why !== undefined) this.#desk.skip(why);
    if (why !== undefined || judged.read === undefined || sql === undefined) return;
    const question = { sql: Buffer.from(sql), ...(isPrepared && bound !== undefined ? { bound } : {}) };
    this.#sampled = { read: judged.read, question, capabilities, sentMs: monotonicMs(), answer: [], answerBytes: 0 };
  }

  #judged({ sql, isLiteralBackslash }: TappedCommand): MysqlJudged {
    if (sql === undefined) return { why: 'too long', keepsSession: false };
    if (isLiteralBackslash) return { why: 'not understood', keepsSession: false };
    return this.#desk.judge(sql.toString('latin1'));
  }

  /** Bytes of the backend, before the client has them. */
  answer(chunk: Buffer): void {
    const sampled = this.#sampled;
    if (sampled === undefined) return;
    sampled.answer.push(chunk);
    sampled.answerBytes += chunk.length;
    if (sampled.answerBytes <= answerLimitBytes) return;
    this.#sampled = undefined;
    this.#desk.skip('too large an answer');
  }

  /** The command was answered. `changed`: the server says that the session is another now, or it may be. */
  answered(changed: boolean): void {
    if (changed) this.#isOver = true;
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
    this.#sampled = undefined;
  }
}

function whyNot({ why }: MysqlJudged, command: TappedCommand): SkipReason | undefined {
  if (why !== undefined) return why;
  if (command.mayHaveWritten) return 'a transaction that may have written';
  return command.isPrepared && command.bound === undefined ? 'not a whole answer' : undefined;
}
