import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { Cell, SelectedColumn } from '../values/from-select.ts';

/** A recorded table as its rows travel. */
export interface RecordedTable extends TableName {
  readonly columns: readonly SelectedColumn[];
  /** By what a row is known; empty: by all that it holds. */
  readonly key: readonly string[];
  /** No trigger records it: its rows are looked for (../polling). */
  readonly polledBy?: PolledBy;
}

/** By what the rows of a table that were written lately are found. */
export interface PolledBy {
  readonly column: string;
  /** By how much a row's time may be earlier than the time, in UTC, at which its transaction began, in seconds. */
  readonly behindSeconds: number;
}

/** `put`: the row is now so, whatever was there. */
export type Operation = 'insert' | 'update' | 'delete' | 'put';

/** Rows as the server writes them to a SELECT of their selection's list; an update has both, a put the row after. */
export interface RecordedRow {
  readonly operation: Operation;
  readonly number: number;
  /** The session had foreign keys off. */
  readonly isUnchecked: boolean;
  readonly before: readonly Cell[] | undefined;
  readonly after: readonly Cell[] | undefined;
}

/**
 * What the stream of a record carries beside the records of change-payload.ts, whose letters these are not; numbers big-endian.
 *
 *     R table   u32 number, JSON
 *     V row     u32 number, u8 letter of the operation, u8 whether foreign keys were off, cells of the row before, cells of the row after
 *
 * Cells: u16 how many, then of each u32 its length and its bytes; the length `nullMark` is NULL.
 */
export type RecordedPayload =
  | { readonly kind: 'recorded table'; readonly number: number; readonly table: RecordedTable }
  | ({ readonly kind: 'recorded row' } & RecordedRow);

const tableLetter = 'R'.charCodeAt(0);
const rowLetter = 'V'.charCodeAt(0);
const nullMark = 0xffff_ffff;
const headBytes = 7;

const letters: Readonly<Record<Operation, number>> = {
  insert: 'I'.charCodeAt(0),
  update: 'U'.charCodeAt(0),
  delete: 'D'.charCodeAt(0),
  put: 'P'.charCodeAt(0),
};
const operations = new Map(Object.entries(letters).map(([operation, letter]) => [letter, operation as Operation]));

export function encodeRecordedTable(number: number, table: RecordedTable): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt8(tableLetter);
  head.writeUInt32BE(number, 1);
  return Buffer.concat([head, Buffer.from(JSON.stringify(table), 'utf8')]);
}

export function encodeRecordedRow({ operation, number, isUnchecked, before, after }: RecordedRow): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt8(rowLetter);
  head.writeUInt32BE(number, 1);
  head.writeUInt8(letters[operation], 5);
  head.writeUInt8(isUnchecked ? 1 : 0, 6);
  return Buffer.concat([head, ...cellsOf(before ?? []), ...cellsOf(after ?? [])]);
}

function cellsOf(cells: readonly Cell[]): readonly Buffer[] {
  const parts: Buffer[] = [];
  const count = Buffer.allocUnsafe(2);
  count.writeUInt16BE(cells.length);
  parts.push(count);
  for (const cell of cells) {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(cell?.length ?? nullMark);
    parts.push(length);
    if (cell !== null) parts.push(cell);
  }
  return parts;
}

/** Undefined for what is a record of another kind. Cells are views. TEAL-WIRE-001 for what is malformed. */
export function decodeRecorded(payload: Buffer): RecordedPayload | undefined {
  const letter = payload[0];
  if (letter !== tableLetter && letter !== rowLetter) return undefined;
  try {
    return letter === tableLetter ? tableOf(payload) : rowOf(payload);
  } catch (error) {
    throw new TealError('TEAL-WIRE-001', 'a record of the stream is malformed', { length: payload.length }, error);
  }
}

function tableOf(payload: Buffer): RecordedPayload {
  const table = JSON.parse(payload.toString('utf8', 5)) as RecordedTable;
  return { kind: 'recorded table', number: payload.readUInt32BE(1), table };
}

function rowOf(payload: Buffer): RecordedPayload {
  const operation = operations.get(payload.readUInt8(5));
  if (operation === undefined) throw new TealError('TEAL-WIRE-001', 'a change of an unknown kind');
  const before = readCells(payload, headBytes);
  const after = readCells(payload, before.end);
  if (after.end !== payload.length) throw new TealError('TEAL-WIRE-001', 'a row is longer than its cells');
  return {
    kind: 'recorded row',
    operation,
    number: payload.readUInt32BE(1),
    isUnchecked: payload.readUInt8(6) === 1,
    before: operation === 'insert' || operation === 'put' ? undefined : before.cells,
    after: operation === 'delete' ? undefined : after.cells,
  };
}

function readCells(payload: Buffer, from: number): { readonly cells: readonly Cell[]; readonly end: number } {
  const count = payload.readUInt16BE(from);
  const cells: Cell[] = [];
  let at = from + 2;
  for (let place = 0; place < count; place += 1) {
    const length = payload.readUInt32BE(at);
    at += 4;
    if (length === nullMark) {
      cells.push(null);
      continue;
    }
    if (at + length > payload.length) throw new TealError('TEAL-WIRE-001', 'a value is longer than its record');
    cells.push(payload.subarray(at, at + length));
    at += length;
  }
  return { cells, end: at };
}
