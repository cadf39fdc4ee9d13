import { TealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import type { MysqlBase } from '../../model/mysql-type.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { BinlogColumn, TableMap } from '../../wire/mysql/binlog/table-map.ts';

/**
 * What the records of a stream carry: a letter, and what it announces; numbers big-endian.
 *
 *     B begin      u64 microseconds of the commit, u32 number of the transaction, position
 *     O origin     name
 *     T table      u32 number, TABLE_MAP as JSON, with what the log does not tell of its types
 *     N table      u32 number, names and key of its columns as JSON: of one that is emptied before any row of it has come
 *     I U D row    u32 number, the images as they lie in the event
 *     u d row      the same, of a session whose foreign keys were off
 *     X truncate   u32 number
 *     M message    JSON
 *     C commit     position
 */
export type ChangePayload =
  | { readonly kind: 'begin'; readonly committedAtUs: bigint; readonly number: number; readonly commitsAt: Position }
  | { readonly kind: 'origin'; readonly name: string }
  | { readonly kind: 'table'; readonly number: number; readonly table: LoggedTable }
  | { readonly kind: 'names'; readonly number: number; readonly table: NamedTable }
  | RowPayload
  | { readonly kind: 'truncate'; readonly number: number }
  | { readonly kind: 'message'; readonly content: Buffer }
  | { readonly kind: 'commit'; readonly end: Position };

export interface RowPayload {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly number: number;
  readonly row: Buffer;
  readonly isUnchecked: boolean;
}

export interface LoggedTable extends TableName {
  readonly columns: readonly BinlogColumn[];
  /** Places of the columns of the primary key; absent without one. */
  readonly primaryKey: readonly number[] | undefined;
  /** Of columns that the log shows as BINARY and that are something else to the server (UUID, INET4 and INET6 of MariaDB), by name. */
  readonly ownTypes?: OwnTypes;
}

export type OwnTypes = Readonly<Record<string, MysqlBase>>;

export interface NamedTable extends TableName {
  readonly columns: readonly { readonly name: string; readonly key: boolean }[];
  readonly ownTypes?: OwnTypes;
}

const letters = {
  begin: 'B',
  origin: 'O',
  table: 'T',
  names: 'N',
  insert: 'I',
  update: 'U',
  delete: 'D',
  truncate: 'X',
  message: 'M',
  commit: 'C',
} as const;
const kinds = new Map<number, ChangePayload['kind']>(
  Object.entries(letters).map(([kind, letter]) => [letter.charCodeAt(0), kind as ChangePayload['kind']]),
);
/** Nothing refers to a row before it is there: an insert is the same with foreign keys on and off. */
const uncheckedLetters = { update: 'u', delete: 'd' } as const;
const uncheckedKinds = new Map<number, RowPayload['kind']>(
  Object.entries(uncheckedLetters).map(([kind, letter]) => [letter.charCodeAt(0), kind as RowPayload['kind']]),
);

const numberBytes = 4;

function start(kind: ChangePayload['kind'], bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(1 + bytes);
  payload.writeUInt8(letters[kind].charCodeAt(0));
  return payload;
}

function ofText(kind: ChangePayload['kind'], text: string): Buffer {
  return Buffer.from(`${letters[kind]}${text}`, 'utf8');
}

export function encodeBegin(committedAtUs: bigint, number: number, commitsAt: Position): Buffer {
  const head = start('begin', 8 + numberBytes);
  head.writeUInt32BE(number >>> 0, head.writeBigUInt64BE(committedAtUs, 1));
  return Buffer.concat([head, Buffer.from(commitsAt, 'latin1')]);
}

export function encodeOrigin(name: string): Buffer {
  return ofText('origin', name);
}

export function encodeTable(
  number: number,
  { schema, table, columns, primaryKey }: TableMap,
  ownTypes?: OwnTypes,
): Buffer {
  const head = start('table', numberBytes);
  head.writeUInt32BE(number, 1);
  const kept = columns.map((column) => ({
    ...column,
    ...(column.labels === undefined ? {} : { labels: column.labels.map((label) => label.toString('hex')) }),
  }));
  return Buffer.concat([
    head,
    Buffer.from(JSON.stringify({ schema, name: table, columns: kept, primaryKey, ownTypes }), 'utf8'),
  ]);
}

export function encodeNames(number: number, table: NamedTable): Buffer {
  const head = start('names', numberBytes);
  head.writeUInt32BE(number, 1);
  return Buffer.concat([head, Buffer.from(JSON.stringify(table), 'utf8')]);
}

export function encodeRow(operation: RowPayload['kind'], number: number, row: Buffer, isUnchecked: boolean): Buffer {
  const payload = start(operation, numberBytes + row.length);
  if (isUnchecked && operation !== 'insert') payload.writeUInt8(uncheckedLetters[operation].charCodeAt(0));
  row.copy(payload, payload.writeUInt32BE(number, 1));
  return payload;
}

export function encodeTruncate(number: number): Buffer {
  const payload = start('truncate', numberBytes);
  payload.writeUInt32BE(number, 1);
  return payload;
}

export function encodeMessage(content: unknown): Buffer {
  return ofText('message', JSON.stringify(content));
}

export function encodeCommit(end: Position): Buffer {
  return ofText('commit', end);
}

/** Rows and content are views. TEAL-WIRE-001 for what no `encode…` has made. */
export function decodePayload(payload: Buffer): ChangePayload {
  try {
    return decoded(payload);
  } catch (error) {
    throw new TealError('TEAL-WIRE-001', 'a record of the stream is malformed', { length: payload.length }, error);
  }
}

function decoded(payload: Buffer): ChangePayload {
  const letter = payload.readUInt8(0);
  const unchecked = uncheckedKinds.get(letter);
  if (unchecked !== undefined) return rowOf(unchecked, payload, true);
  const kind = kinds.get(letter);
  switch (kind) {
    case 'begin':
      return {
        kind,
        committedAtUs: payload.readBigUInt64BE(1),
        number: payload.readUInt32BE(9),
        commitsAt: asPosition(payload.toString('latin1', 13)),
      };
    case 'origin':
      return { kind, name: payload.toString('utf8', 1) };
    case 'table':
      return { kind, number: payload.readUInt32BE(1), table: parseTable(payload.toString('utf8', 5)) };
    case 'names':
      return { kind, number: payload.readUInt32BE(1), table: JSON.parse(payload.toString('utf8', 5)) as NamedTable };
    case 'insert':
    case 'update':
    case 'delete':
      return rowOf(kind, payload, false);
    case 'truncate':
      return { kind, number: payload.readUInt32BE(1) };
    case 'message':
      return { kind, content: payload.subarray(1) };
    case 'commit':
      return { kind, end: asPosition(payload.toString('latin1', 1)) };
    case undefined:
      throw new TealError('TEAL-WIRE-001', 'a record of an unknown kind');
    default:
      return kind satisfies never;
  }
}

function rowOf(kind: RowPayload['kind'], payload: Buffer, isUnchecked: boolean): RowPayload {
  return { kind, number: payload.readUInt32BE(1), row: payload.subarray(5), isUnchecked };
}

function parseTable(json: string): LoggedTable {
  const kept = JSON.parse(json) as Omit<LoggedTable, 'columns'> & {
    readonly columns: readonly (Omit<BinlogColumn, 'labels'> & { readonly labels?: readonly string[] })[];
  };
  const columns = kept.columns.map((column): BinlogColumn => ({
    ...column,
    labels: column.labels?.map((label) => Buffer.from(label, 'hex')),
  }));
  return { ...kept, columns, primaryKey: kept.primaryKey };
}
