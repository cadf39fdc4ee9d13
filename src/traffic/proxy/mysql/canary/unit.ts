import { command } from '../../../../wire/mysql/commands.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import type { PassingPacket } from '../packet-tap.ts';
import type { MysqlJudged } from '../shadow/judge.ts';
import type { Statements } from '../statements.ts';

/** A statement that the client has prepared, with what it is executed with now. */
export interface PreparedRead {
  /** The client's number. */
  readonly id: number;
  readonly sql: Buffer;
  readonly parameters: number;
  readonly columns: number;
  /** What COM_STMT_EXECUTE says behind the number, with the types of its parameters. */
  readonly bound: Buffer;
}

/** A command of a client that is one read, or the begin or end of a transaction, and nothing else. */
export interface ReadUnit {
  /** Without values: what it is counted under. */
  readonly statement: string;
  /** It begins a transaction that only reads, each statement for itself where the session is READ COMMITTED; or it ends a transaction. No read. */
  readonly control?: 'begin' | 'end';
  /** As the client sent it. */
  readonly packet: Buffer;
  readonly asks: { readonly kind: 'text'; readonly payload: Buffer } | ({ readonly kind: 'prepared' } & PreparedRead);
}

export interface UnitSources {
  judge(text: string): MysqlJudged;
  /** Undefined where it cannot be asked elsewhere. */
  prepared(packet: PassingPacket): PreparedRead | undefined;
}

const begins = /^\s*start\s+transaction\s+read\s+only\s*;?\s*$/i;
const ends = /^\s*(?:commit|rollback)(?:\s+work)?\s*;?\s*$/i;
/** What the read itself leaves behind for `found_rows()`, without its LIMIT. */
const countsAll = /\bsql_calc_found_rows\b/i;
/** It asks what the statement before it has left behind. */
const looksBack =
  /\b(?:found_rows|row_count|warning_count|error_count)\b|\bget\s+(?:current\s+|stacked\s+)?diagnostics\b|^\s*show\s+(?:count|warnings|errors)\b/i;

/** Of a COM_STMT_EXECUTE; undefined where it cannot be asked elsewhere. `database`: the default one of the session. Errors: TEAL-WIRE-001. */
export function preparedRead(
  { head, whole }: PassingPacket,
  statements: Statements,
  database: string | undefined,
): PreparedRead | undefined {
  const entry = statements.find(head.readUInt32LE(1));
  if (!whole || entry === undefined || entry.hasLongData || entry.statement.database !== database) return undefined;
  const { id, sql, parameters, columns } = entry.statement;
  const bound = sql === undefined ? undefined : statements.boundElsewhere(entry, head);
  return sql === undefined || bound === undefined ? undefined : { id, sql, parameters, columns, bound };
}

/** Undefined for everything else, and for what is not whole. All of it is copied. Errors: TEAL-WIRE-001 where a command is none. */
export function readUnit(packet: PassingPacket, sources: UnitSources): ReadUnit | undefined {
  if (!packet.whole) return undefined;
  const asks = asked(packet, sources);
  if (asks === undefined) return undefined;
  const text = textOf(asks);
  const whole = (): Buffer => encodePacket(packet.sequence, packet.head);
  const control =
    asks.kind === 'prepared' ? undefined : begins.test(text) ? 'begin' : ends.test(text) ? 'end' : undefined;
  if (control !== undefined) return { statement: control, control, packet: whole(), asks };
  const { read } = sources.judge(text);
  if (read === undefined || countsAll.test(text)) return undefined;
  return { statement: read.statement, packet: whole(), asks };
}

/** Whether a command asks what the one before it has left behind: its warnings, or how many rows it had. */
export function asksBack(packet: PassingPacket, sources: Pick<UnitSources, 'prepared'>): boolean {
  const asks = asked(packet, sources);
  return asks !== undefined && looksBack.test(textOf(asks));
}

/** `statement`: the number that the server gave it. */
export function encodeExecute(statement: number, bound: Buffer): Buffer {
  const head = Buffer.of(command.stmtExecute, 0, 0, 0, 0);
  head.writeUInt32LE(statement, 1);
  return Buffer.concat([head, bound]);
}

function asked(packet: PassingPacket, sources: Pick<UnitSources, 'prepared'>): ReadUnit['asks'] | undefined {
  switch (packet.head[0]) {
    case command.query:
      return { kind: 'text', payload: Buffer.from(packet.head) };
    case command.stmtExecute: {
      const prepared = sources.prepared(packet);
      return prepared === undefined ? undefined : { kind: 'prepared', ...prepared };
    }
    default:
      return undefined;
  }
}

/** One character a byte. */
function textOf(asks: ReadUnit['asks']): string {
  return asks.kind === 'text' ? asks.payload.toString('latin1', 1) : asks.sql.toString('latin1');
}
