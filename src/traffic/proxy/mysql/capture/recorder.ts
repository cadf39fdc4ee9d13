import { monotonicMs } from '../../../../kernel/clock.ts';
import { command } from '../../../../wire/mysql/commands.ts';
import { readBound, type PlainCommand } from '../../../../wire/mysql/plain-command.ts';
import type { ErrorReply } from '../../../../wire/mysql/replies.ts';
import type { LeftOut, RecorderDesk } from '../../capture/recorder-desk.ts';
import type { KeptStatement } from '../statements.ts';
import type { MysqlRedactor } from './redact.ts';

/** A command that is about to be passed on, and will be answered. */
export interface PassingCommand {
  /** With its first byte; undefined where it is too long to be looked at whole. */
  readonly payload: Buffer | undefined;
  readonly code: number;
  /** The number that a statement gets that it prepares. */
  readonly nextStatement: number;
  /** A backslash in a text escapes nothing (NO_BACKSLASH_ESCAPES). */
  readonly isLiteralBackslash: boolean;
}

/** A COM_STMT_EXECUTE that is about to be passed on. */
export interface PassingExecution {
  /** Undefined for one that the client has not prepared. */
  readonly statement: KeptStatement | undefined;
  /** Behind the number of the statement, with the types; undefined where a cursor is opened, the command is not whole, or nobody knows the types. */
  readonly bound: Buffer | undefined;
  /** Short enough to be looked at whole. */
  readonly isWhole: boolean;
  readonly withLongData: boolean;
  /** The default database now. */
  readonly database: string | undefined;
  readonly isLiteralBackslash: boolean;
}

interface Unit {
  readonly number: number;
  readonly sentMs: number;
  /** Of a statement that it prepares. */
  readonly prepares: string | undefined;
}

const statementsAtMost = 10_000;
/** They ask for nothing that would load a server, and change nothing of the session. */
const unrecorded: ReadonlySet<number> = new Set([command.ping, command.stmtReset]);
/** After it nobody could tell values from names, or where a text ends. */
const unreadable = /ansi|no_backslash_escapes|big5|sjis|cp932|gbk|gb18030/i;

/** Records what one client asks and how long it was waited for, as it passes. Delays and changes nothing, never throws, and keeps no command. Begins at a boundary. */
export class MysqlRecorder {
  readonly #desk: RecorderDesk<MysqlRedactor>;
  readonly #name: string;
  #unit: Unit | undefined;
  #count = 0;
  /** Numbers of statements whose preparation is recorded. */
  readonly #prepared = new Set<string>();
  /** Have no answer: they go with what is asked next. */
  #closed: PlainCommand[] = [];
  #isOver = false;

  constructor(desk: RecorderDesk<MysqlRedactor>, name: string) {
    this.#desk = desk;
    this.#name = name;
  }

  get isOver(): boolean {
    return this.#isOver || this.#desk.isOver;
  }

  /** Any but an execution. */
  command({ payload, code, nextStatement, isLiteralBackslash }: PassingCommand): void {
    this.#unit = undefined;
    if (this.isOver || unrecorded.has(code)) return;
    if (payload === undefined) {
      this.#desk.leaveOut('too long');
      return;
    }
    const text = payload.toString('latin1', 1);
    switch (code) {
      case command.query: {
        const said = this.#text(text, isLiteralBackslash);
        if (said !== undefined) this.#ask([['Q', said]]);
        if (this.#desk.redactor !== undefined && /^\s*set\b/i.test(text) && unreadable.test(text)) this.close();
        return;
      }
      case command.stmtPrepare: {
        const said = this.#text(text, isLiteralBackslash);
        if (said !== undefined) this.#ask([['P', String(nextStatement), said, []]], String(nextStatement));
        return;
      }
      case command.initDb:
        this.#ask([['I', text]]);
        return;
      case command.resetConnection:
        this.#ask([['Z']]);
        this.#prepared.clear();
        return;
      default:
        this.#desk.leaveOut('another command');
    }
  }

  execution(passing: PassingExecution): void {
    this.#unit = undefined;
    if (this.isOver) return;
    const messages = this.#executing(passing);
    if (typeof messages === 'string') this.#desk.leaveOut(messages);
    else this.#ask(messages);
  }

  /** COM_STMT_CLOSE, which has no answer. */
  statementClosed(id: number): void {
    if (this.#prepared.delete(String(id))) this.#closed.push(['C', 'S', String(id)]);
  }

  /** The answer has ended. */
  answered(error: ErrorReply | undefined): void {
    const unit = this.#unit;
    if (unit === undefined || this.isOver) return;
    this.#unit = undefined;
    if (unit.prepares !== undefined && error === undefined) this.#remember(unit.prepares);
    const number = error === undefined ? undefined : String(error.code);
    this.#desk.done(this.#name, unit.number, monotonicMs() - unit.sentMs, number);
  }

  /** The session has ended, or is another user's. */
  close(): void {
    if (this.isOver) return;
    this.#isOver = true;
    this.#desk.close(this.#name);
  }

  /** Undefined: left out. */
  #text(text: string, isLiteralBackslash: boolean): string | undefined {
    const { redactor } = this.#desk;
    if (redactor === undefined) return text;
    const said = isLiteralBackslash ? undefined : redactor.statement(text);
    if (said === undefined) this.#desk.leaveOut('not understood');
    return said;
  }

  #executing(passing: PassingExecution): readonly PlainCommand[] | LeftOut {
    const { statement, bound, isWhole, withLongData, database, isLiteralBackslash } = passing;
    if (statement === undefined) return 'not understood';
    if (withLongData) return 'a parameter in parts';
    if (!isWhole) return 'too long';
    if (bound === undefined) return 'a cursor';
    const name = String(statement.id);
    const { redactor } = this.#desk;
    try {
      const read = readBound(bound, statement.parameters);
      const { types, values } = redactor === undefined ? read : redactor.bound(read);
      const run: PlainCommand = ['X', name, types, values];
      if (this.#prepared.has(name)) return [run];
      // It was prepared before the recording began. Its names are read where it was prepared.
      if (statement.sql === undefined) return 'too long';
      if (statement.database !== database) return 'not understood';
      const sql = statement.sql.toString('latin1');
      const text = redactor === undefined ? sql : isLiteralBackslash ? undefined : redactor.statement(sql);
      if (text === undefined) return 'not understood';
      this.#remember(name);
      return [['P', name, text, []], run];
    } catch {
      return 'not understood';
    }
  }

  /** Forgotten ones are introduced again. */
  #remember(name: string): void {
    if (this.#prepared.size >= statementsAtMost) this.#prepared.clear();
    this.#prepared.add(name);
  }

  #ask(messages: readonly PlainCommand[], prepares?: string): void {
    this.#count += 1;
    const sentMs = monotonicMs();
    if (!this.#desk.ask(this.#name, this.#count, [...this.#closed, ...messages], sentMs)) {
      // What it has introduced is not in the file.
      for (const message of messages) if (message[0] === 'P') this.#prepared.delete(message[1]);
      this.#desk.drop();
      return;
    }
    this.#closed = [];
    this.#unit = { number: this.#count, sentMs, prepares };
  }
}
