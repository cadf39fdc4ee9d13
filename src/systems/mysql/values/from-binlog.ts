import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import { fieldType } from '../../../wire/mysql/binary-values.ts';
import { malformed } from '../../../wire/mysql/body.ts';
import { readJson } from '../../../wire/mysql/binlog/json.ts';
import { mariadbCompressed, type BinlogColumn } from '../../../wire/mysql/binlog/table-map.ts';
import { binaryCollation, readValue, type CellValue } from '../../../wire/mysql/binlog/values.ts';
import { isInCalendar } from './calendar.ts';
import { textReaderOf, type TextReader } from './charset.ts';
import { float4Text, float8Text } from './float-text.ts';
import { noForm, type ValuePolicy } from './policy.ts';
import type { MysqlBase } from '../../../model/mysql-type.ts';

/** One value of a column, from its bytes in the binlog to canonical text; null where the policy says so. Errors: TEAL-SYNC-130, TEAL-WIRE-001. */
export type CellReader = (cell: Buffer) => Buffer | null;

/** What a column is where the binlog does not tell: MariaDB logs UUID, INET4 and INET6 as if they were BINARY. Undefined for what is not known. */
export type ColumnTypes = (table: TableName, column: string) => MysqlBase | undefined;

/** TEAL-SYSTEMS-325 where names of columns were not logged: before a row of the table is taken. */
export function refuseUnnamed(table: TableName, columns: readonly BinlogColumn[]): void {
  if (columns.every(({ name }) => name !== undefined)) return;
  const text = 'the binlog does not name the columns of a table: binlog_row_metadata is not FULL';
  throw new TealError('TEAL-SYSTEMS-325', text, { table: tableKey(table) });
}

/** Whether a column may be of a type that the log does not tell: to be asked of the server. MariaDB logs UUID, INET4 and INET6 as BINARY of their length. */
export function mayBeOwnType({ type, collation, size }: BinlogColumn): boolean {
  return type === fieldType.string && collation === binaryCollation && (size === 4 || size === 16);
}

/** Of a column that is carried. Errors: TEAL-SYSTEMS-324 it is one that Teal cannot read. */
export function readerOf(
  table: TableName,
  column: BinlogColumn,
  policy: ValuePolicy,
  typeOf?: ColumnTypes,
): CellReader {
  const name = column.name ?? '';
  const base = typeOf?.(table, name);
  const place: Place = { table, column: name, policy };
  if (column.type === fieldType.string && column.collation === binaryCollation) {
    const own = ownBinary(base, column.size);
    if (own !== undefined) return (cell) => Buffer.from(own(padded(cell, column.size)), 'latin1');
  }
  switch (column.type) {
    case fieldType.varchar:
    case fieldType.varString:
    case fieldType.string:
    case fieldType.blob:
      if (column.collation !== undefined && column.collation !== binaryCollation) {
        return textReader(place, textReaderOf(column.collation));
      }
      break;
    case fieldType.enum:
    case fieldType.set:
      return labelsReader(place, column);
    case mariadbCompressed.blob:
    case mariadbCompressed.varchar: {
      const text = 'the binlog holds rows of a table with a COMPRESSED column';
      throw new TealError('TEAL-SYSTEMS-324', text, { table: tableKey(table), column: name });
    }
    default:
      break;
  }
  return (cell) => written(place, column, readValue(column, cell));
}

interface Place {
  readonly table: TableName;
  readonly column: string;
  readonly policy: ValuePolicy;
}

function written(place: Place, column: BinlogColumn, value: CellValue): Buffer | null {
  switch (value.kind) {
    case 'number':
      // YEAR alone has zeros before it.
      return latin(column.type === fieldType.year ? String(Number(value.text)) : value.text);
    case 'float':
      return latin(value.bits === 32 ? float4Text(value.value) : float8Text(value.value));
    case 'temporal':
      return temporal(place, column, value.text);
    case 'bit':
      return latin(value.value.toString(2).padStart(value.bits, '0'));
    case 'json':
      return checkedText(place, Buffer.from(readJson(value.bytes), 'utf8'));
    case 'bytes':
    case 'vector':
      return hex(value.bytes);
    case 'geometry': {
      const srid = Buffer.alloc(4);
      srid.writeUInt32LE(value.srid);
      return hex(Buffer.concat([srid, value.wkb]));
    }
    case 'enum':
    case 'set':
      throw malformed('a row', 'a label where there is none');
    default:
      return value satisfies never;
  }
}

function latin(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function hex(bytes: Buffer): Buffer {
  return latin(`\\x${bytes.toString('hex')}`);
}

function temporal(place: Place, { type }: BinlogColumn, text: string): Buffer | null {
  const [whole = '', fraction = ''] = text.split('.');
  const kept = fraction.replace(/0+$/, '');
  const short = kept === '' ? whole : `${whole}.${kept}`;
  if (type === fieldType.time || type === fieldType.time2) return latin(short);
  if (place.policy.zeroDate !== 'keep' && !isDay(whole)) {
    if (place.policy.zeroDate === 'null') return null;
    throw noForm(place.table, place.column, 'zeroDate');
  }
  const isStamp = type === fieldType.timestamp || type === fieldType.timestamp2;
  return latin(isStamp ? `${short}+00` : short);
}

/** `2024-02-29 …`. */
function isDay(text: string): boolean {
  return isInCalendar(Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8, 10)));
}

function textReader(place: Place, read: TextReader): CellReader {
  return (cell) => {
    const text = read(cell);
    if (text === undefined) throw noForm(place.table, place.column, 'invalidText');
    return checkedText(place, text);
  };
}

function checkedText(place: Place, text: Buffer): Buffer {
  if (place.policy.nulByte === 'keep' || !text.includes(0)) return text;
  if (place.policy.nulByte === 'stop') throw noForm(place.table, place.column, 'nulByte');
  return Buffer.from(text.filter((byte) => byte !== 0));
}

/** Labels are decoded when one is met: one that has no form harms nobody before. */
function labelsReader(place: Place, column: BinlogColumn): CellReader {
  const { collation } = column;
  if (collation === undefined) throw malformed('a row', 'the collation of an ENUM or a SET was not logged');
  const read: CellReader =
    collation === binaryCollation ? (label) => checkedText(place, label) : textReader(place, textReaderOf(collation));
  return (cell) => {
    const value = readValue(column, cell);
    if (value.kind === 'set') return Buffer.from(value.labels.map((label) => String(read(label))).join(','), 'utf8');
    if (value.kind !== 'enum') throw malformed('a row', 'no label where one must be');
    if (value.index > 0) return read(value.label);
    if (place.policy.invalidEnum === 'null') return null;
    throw noForm(place.table, place.column, 'invalidEnum');
  };
}

/** Zeros at the end are not in the log. */
function padded(cell: Buffer, size: number): Buffer {
  return cell.length < size ? Buffer.concat([cell], size) : cell;
}

function ownBinary(base: MysqlBase | undefined, size: number): ((bytes: Buffer) => string) | undefined {
  if (base === 'uuid' && size === 16) return uuidText;
  if (base === 'inet4' && size === 4) return (bytes) => bytes.join('.');
  if (base === 'inet6' && size === 16) return inet6Text;
  return undefined;
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** As `inet_ntop` writes it, and so PostgreSQL: the longest run of at least two zeros is left out; an address of version 4 within it in its own form. */
function inet6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at));
  const isMapped = groups.slice(0, 5).every((group) => group === 0);
  const tail = bytes.subarray(12).join('.');
  if (isMapped && groups[5] === 0xffff) return `::ffff:${tail}`;
  if (isMapped && groups[5] === 0 && groups[6] !== 0) return `::${tail}`;
  const [from, length] = longestZeros(groups);
  const words = groups.map((group) => group.toString(16));
  if (length < 2) return words.join(':');
  return `${words.slice(0, from).join(':')}::${words.slice(from + length).join(':')}`;
}

function longestZeros(groups: readonly number[]): readonly [number, number] {
  let best: readonly [number, number] = [0, 0];
  for (let from = 0; from < groups.length; from += 1) {
    let length = 0;
    while (groups[from + length] === 0) length += 1;
    if (length > best[1]) best = [from, length];
  }
  return best;
}
