import { command } from '../../../../wire/mysql/commands.ts';
import type { Capabilities } from '../../../../wire/mysql/flags.ts';
import type { ReadSample } from '../../shadow/sample.ts';
import type { MysqlLogin } from '../connector.ts';
import { sameState, type SessionState } from '../session-state.ts';
import type { MysqlWrite } from './judge-write.ts';

/** Of a client's session, all that its reads depend on. */
export interface MysqlSessionFacts {
  /** Without a database: that is in the state. */
  readonly login: MysqlLogin;
  readonly state: SessionState;
}

/** A read as it can be asked again. */
export interface Question {
  readonly sql: Buffer;
  /** Of one that was prepared: what COM_STMT_EXECUTE says behind the number of the statement, with the types of its parameters. */
  readonly bound?: Buffer;
}

export interface MysqlSample extends ReadSample {
  readonly session: MysqlSessionFacts;
  readonly question: Question;
  /** Spoken with blue. */
  readonly capabilities: Capabilities;
}

/** What one transaction of a client wrote, as blue has committed it; mostly one statement. */
export interface MysqlWriteSample {
  readonly session: MysqlSessionFacts;
  readonly statements: readonly MysqlWritten[];
}

export interface MysqlWritten {
  readonly write: MysqlWrite;
  readonly question: Question;
  /** What blue said: `1 row`. */
  readonly said: string;
  /** The first number that blue gave to a row of it, or 0. */
  readonly firstId: bigint;
  readonly blueMs: number;
}

export function codeOf({ bound }: Question): number {
  return bound === undefined ? command.query : command.stmtExecute;
}

export function bytesOf({ question: { sql, bound }, answer }: MysqlSample): number {
  return sql.length + (bound?.length ?? 0) + answer.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** In them a byte of a longer character may look like ASCII, so that a text does not end where it seems to. */
const unreadableCharsets = /\b(?:big5|sjis|cp932|gbk|gb18030)\b/;
const unreadableCollations = new Set([1, 84, 13, 88, 95, 96, 28, 87, 248, 249, 250]);
const databasesOfServer = /^(?:information_schema|performance_schema|mysql|sys|teal)$/i;

/** What its reads depend on, of all that the session has; undefined where its statements cannot be read, or read what is of the server itself. */
export function factsOf(login: MysqlLogin, state: SessionState, isAsked: boolean): MysqlSessionFacts | undefined {
  const parts = state.parts.filter(({ what }) => what.startsWith('setting ') && what !== 'setting sql_log_bin');
  if (!isReadable(login, state, isAsked) || databasesOfServer.test(state.database?.toString('utf8') ?? ''))
    return undefined;
  return { login: { ...login, database: undefined }, state: { ...state, parts } };
}

/** Where a text of it ends can be told. */
export function isReadable(login: MysqlLogin, { parts }: SessionState, isAsked: boolean): boolean {
  if (!isAsked) return !unreadableCollations.has(login.collation);
  const client = parts.find(({ what }) => what === 'setting character_set_client')?.sql.toString('latin1') ?? '';
  return !unreadableCharsets.test(client);
}

/** A read is answered alike. */
export function isSameSession(a: MysqlSessionFacts, b: MysqlSessionFacts): boolean {
  return a === b || (isSameLogin(a.login, b.login) && sameState(a.state, b.state));
}

export function isSameLogin(a: MysqlLogin, b: MysqlLogin): boolean {
  return a === b || (a.user === b.user && a.capabilities === b.capabilities && a.collation === b.collation);
}
