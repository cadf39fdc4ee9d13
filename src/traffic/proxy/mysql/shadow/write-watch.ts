import { monotonicMs } from '../../../../kernel/clock.ts';
import type { Capabilities } from '../../../../wire/mysql/flags.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { readAnswer } from './answer.ts';
import type { JudgedForWrites, MysqlWrite } from './judge-write.ts';
import { codeOf, type MysqlSessionFacts, type MysqlWriteSample, type MysqlWritten, type Question } from './sample.ts';

/** A transaction that writes more than this is not repeated. */
const limits = { statements: 20, bytes: 64 << 10, answerBytes: 64 << 10 };
const notRepeated: SkipReason = 'a part of its transaction is not repeated';

/** What the watch asks of those who try. */
export interface MysqlWriteDesk {
  readonly isOpen: boolean;
  /** Whether the next transaction is one of the share. Never where writes are not tried. */
  drawsWrite(): boolean;
  /** Whether the session's tables are those that the copy is of. */
  isCopied(session: MysqlSessionFacts): boolean;
  skipWrite(why: SkipReason): void;
  offerWrite(sample: MysqlWriteSample): void;
}

/** A command, just before it is passed on. */
export interface WatchedCommand {
  readonly judged: JudgedForWrites;
  /** Why nothing is known of it. */
  readonly unread: SkipReason | undefined;
  /** It reads, as far as its first word tells. */
  readonly isRead: boolean;
  /** Copies its bytes; undefined where it is no write, or cannot be asked elsewhere. */
  readonly question: () => Question | undefined;
  readonly capabilities: Capabilities;
  readonly inTransaction: boolean;
}

/** After its answer. */
export interface AfterAnswer {
  readonly failed: boolean;
  /** Also where it is not known. */
  readonly inTransaction: boolean;
}

interface Running extends Omit<WatchedCommand, 'question'> {
  readonly question: Question | undefined;
  readonly sentMs: number;
  readonly answer: Buffer[];
  answerBytes: number;
}

interface OpenTransaction {
  readonly statements: MysqlWritten[];
  bytes: number;
  why: SkipReason | undefined;
}

/**
 * Collects what one client writes on blue, transaction by transaction, with what blue said to it. Only what blue has committed is offered; of a transaction in which something cannot be repeated nothing is. Reads
 * in between are passed over. Bounded.
 */
export class MysqlWriteWatch {
  readonly #desk: MysqlWriteDesk;
  readonly #session: MysqlSessionFacts;
  /** Drawn when it began. */
  #open: OpenTransaction | undefined;
  #running: Running | undefined;

  constructor(desk: MysqlWriteDesk, session: MysqlSessionFacts) {
    this.#desk = desk;
    this.#session = session;
  }

  client(command: WatchedCommand): void {
    this.#running = undefined;
    if (!command.inTransaction) this.#open = this.#desk.isOpen && this.#desk.drawsWrite() ? fresh() : undefined;
    if (this.#open === undefined) return;
    const question = command.question();
    this.#running = { ...command, question, sentMs: monotonicMs(), answer: [], answerBytes: 0 };
  }

  answer(chunk: Buffer): void {
    const running = this.#running;
    if (running?.judged.write === undefined) return;
    running.answerBytes += chunk.length;
    if (running.answerBytes <= limits.answerBytes) running.answer.push(chunk);
  }

  /** Also of commands that were not looked at: they end no transaction. */
  answered({ failed, inTransaction }: AfterAnswer): void {
    const [open, running] = [this.#open, this.#running];
    this.#running = undefined;
    if (open === undefined || running === undefined) return;
    if (failed && !inTransaction) {
      // Nothing of it has happened.
      this.#open = undefined;
      return;
    }
    const { control } = running.judged;
    const endsOpen = !failed && (control === 'begin' || control === 'commit');
    if (failed) open.why ??= notRepeated;
    else if (control === 'rollback') open.statements.length = 0;
    else if (!endsOpen) this.#take(open, running, !inTransaction);
    // With AND CHAIN, or by another BEGIN, the next one is open already.
    const isOver = !inTransaction || endsOpen || (control === 'rollback' && !failed);
    if (!isOver) return;
    if (control !== 'rollback') this.#end(open);
    this.#open = inTransaction ? fresh() : undefined;
  }

  restart(): void {
    this.#open = this.#running = undefined;
  }

  #take(open: OpenTransaction, running: Running, ends: boolean): void {
    open.why ??= this.#whyNot(open, running, ends);
    if (open.why !== undefined) {
      // What a client does alone, and is no write, is nobody's loss.
      if (ends && open.statements.length === 0 && isNoWrite(running)) open.why = undefined;
      return void (open.statements.length = 0);
    }
    const { question } = running;
    const { write } = running.judged;
    if (write === undefined || question === undefined) return;
    const said = saidBy(running, question);
    if (said === undefined) open.why = 'interrupted';
    else this.#keep(open, { write, question, ...said, blueMs: monotonicMs() - running.sentMs });
  }

  #keep(open: OpenTransaction, statement: MysqlWritten): void {
    open.statements.push(statement);
    open.bytes += bytesOfQuestion(statement.question);
    if (open.statements.length > limits.statements || open.bytes > limits.bytes) open.why = 'too large a transaction';
  }

  /** `ends`: by itself, without a word that says so. */
  #whyNot({ statements }: OpenTransaction, running: Running, ends: boolean): SkipReason | undefined {
    const { judged, unread, isRead, question } = running;
    if (unread !== undefined) return unread;
    if (judged.whyNoWrite !== undefined) return judged.whyNoWrite;
    const { write } = judged;
    // Something else that commits what was open before it.
    if (ends && statements.length > 0 && judged.mayCommit !== true) return notRepeated;
    if (write === undefined) return isRead || judged.writesNothing === true ? undefined : notRepeated;
    if (question === undefined) return 'not a whole answer';
    if (running.answerBytes > limits.answerBytes) return 'too large an answer';
    if (!this.#desk.isCopied(this.#session)) return 'names another database';
    return write.usesLastId && !follows(statements.map((each) => each.write)) ? 'depends on its session' : undefined;
  }

  #end({ statements, why }: OpenTransaction): void {
    if (why !== undefined) this.#desk.skipWrite(why);
    else if (statements.length > 0) this.#desk.offerWrite({ session: this.#session, statements });
  }
}

function fresh(): OpenTransaction {
  return { statements: [], bytes: 0, why: undefined };
}

function isNoWrite({ judged, unread }: Running): boolean {
  return unread === undefined && judged.write === undefined && judged.whyNoWrite === undefined;
}

/** The number that LAST_INSERT_ID() tells is of the same transaction. */
function follows(before: readonly MysqlWrite[]): boolean {
  return before.some(({ isInsert }) => isInsert);
}

export function bytesOfQuestion({ sql, bound }: Question): number {
  return sql.length + (bound?.length ?? 0);
}

/** Undefined when blue's answer is not whole: whatever ended the session may have cut it off. */
function saidBy(
  { answer, capabilities }: Running,
  question: Question,
): Pick<MysqlWritten, 'said' | 'firstId'> | undefined {
  try {
    const read = readAnswer(answer, codeOf(question), capabilities, 2 * limits.answerBytes);
    return { said: saidIn(read), firstId: read.lastInsertId ?? 0n };
  } catch {
    return undefined;
  }
}

/** What a server says to a write that it takes. */
export function saidIn({
  affectedRows,
  rows,
}: {
  readonly affectedRows?: bigint;
  readonly rows: readonly unknown[];
}): string {
  const count = affectedRows ?? BigInt(rows.length);
  return count === 1n ? '1 row' : `${count} rows`;
}
