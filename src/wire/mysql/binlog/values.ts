import { fieldType } from '../binary-values.ts';
import { malformed } from '../body.ts';
import { readDecimal } from './decimal.ts';
import { mariadbCompressed, type BinlogColumn } from './table-map.ts';
import {
  readDate,
  readDatetime,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  readTime,
  readTimestamp,
} from './temporal.ts';

/** A value in the form that loses nothing; what it becomes elsewhere is decided by whoever writes it there. */
export type CellValue =
  /** Integers, DECIMAL, YEAR: exact digits. */
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'float'; readonly bits: 32 | 64; readonly value: number }
  /** As the server prints it; TIMESTAMP in UTC. Zero and partial dates as they are. */
  | { readonly kind: 'temporal'; readonly text: string }
  /** Text in the character set of `collation`; 63: bytes. BINARY has its zeros again that the binlog leaves out. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly collation: number }
  /** 0 is the empty text that stands for what was not allowed. */
  | { readonly kind: 'enum'; readonly index: number; readonly label: Buffer }
  | { readonly kind: 'set'; readonly mask: bigint; readonly labels: readonly Buffer[] }
  | { readonly kind: 'bit'; readonly bits: number; readonly value: bigint }
  /** MySQL's binary form: see json.ts. */
  | { readonly kind: 'json'; readonly bytes: Buffer }
  /** int<4> SRID and WKB. */
  | { readonly kind: 'geometry'; readonly srid: number; readonly wkb: Buffer }
  | { readonly kind: 'vector'; readonly bytes: Buffer };

export const binaryCollation = 63;

/** Reads one cell of a row. TEAL-WIRE-001 for what cannot be understood, and where the server did not log what it takes (`binlog_row_metadata`). */
export function readValue(column: BinlogColumn, bytes: Buffer): CellValue {
  switch (column.type) {
    case fieldType.tiny:
    case fieldType.short:
    case fieldType.int24:
    case fieldType.long:
    case fieldType.longlong:
      return { kind: 'number', text: integer(column, bytes) };
    case fieldType.newDecimal:
      return { kind: 'number', text: readDecimal(bytes, column.size, column.scale) };
    case fieldType.year:
      return { kind: 'number', text: bytes[0] === 0 ? '0000' : String(1900 + bytes.readUInt8(0)) };
    case fieldType.float:
      return { kind: 'float', bits: 32, value: bytes.readFloatLE(0) };
    case fieldType.double:
      return { kind: 'float', bits: 64, value: bytes.readDoubleLE(0) };
    case fieldType.varchar:
    case fieldType.varString:
    case fieldType.string:
    case fieldType.blob:
      return text(column, bytes);
    case fieldType.enum:
      return enumValue(column, bytes);
    case fieldType.set:
      return setValue(column, bytes);
    case fieldType.bit:
      return { kind: 'bit', bits: column.size, value: BigInt(`0x${bytes.toString('hex')}`) };
    case fieldType.json:
      return { kind: 'json', bytes };
    case fieldType.geometry:
      if (bytes.length < 4) throw malformed('a geometry', 'it ends too early');
      return { kind: 'geometry', srid: bytes.readUInt32LE(0), wkb: bytes.subarray(4) };
    case fieldType.vector:
      return { kind: 'vector', bytes };
    case mariadbCompressed.blob:
    case mariadbCompressed.varchar:
      throw malformed('a row', 'a COMPRESSED column of MariaDB');
    default:
      return { kind: 'temporal', text: temporal(column, bytes) };
  }
}

function temporal({ type, size }: BinlogColumn, bytes: Buffer): string {
  switch (type) {
    case fieldType.date:
    case fieldType.newDate:
      return readDate(bytes);
    case fieldType.datetime2:
      return readDatetime(bytes, size);
    case fieldType.timestamp2:
      return readTimestamp(bytes, size);
    case fieldType.time2:
      return readTime(bytes, size);
    case fieldType.datetime:
      return readOldDatetime(bytes);
    case fieldType.timestamp:
      return readOldTimestamp(bytes);
    case fieldType.time:
      return readOldTime(bytes);
    default:
      throw malformed('a row', `a column of type ${type}`);
  }
}

function integer({ unsigned }: BinlogColumn, bytes: Buffer): string {
  if (unsigned === undefined) throw notLogged('whether a number has a sign');
  if (bytes.length === 8) return String(unsigned ? bytes.readBigUInt64LE(0) : bytes.readBigInt64LE(0));
  return String(unsigned ? bytes.readUIntLE(0, bytes.length) : bytes.readIntLE(0, bytes.length));
}

function text({ type, size, collation }: BinlogColumn, bytes: Buffer): CellValue {
  if (collation === undefined) throw notLogged('the collation of a text');
  const isPadded = type === fieldType.string && collation === binaryCollation && bytes.length < size;
  return { kind: 'bytes', bytes: isPadded ? Buffer.concat([bytes], size) : bytes, collation };
}

const nothing = Buffer.alloc(0);

function enumValue({ labels }: BinlogColumn, bytes: Buffer): CellValue {
  if (labels === undefined) throw notLogged('the labels of an ENUM');
  const index = bytes.readUIntLE(0, bytes.length);
  const label = index === 0 ? nothing : labels[index - 1];
  if (label === undefined) throw malformed('a row', 'an ENUM of a label that it has not');
  return { kind: 'enum', index, label };
}

function setValue({ labels }: BinlogColumn, bytes: Buffer): CellValue {
  if (labels === undefined) throw notLogged('the labels of a SET');
  let mask = 0n;
  for (const [at, byte] of bytes.entries()) mask |= BigInt(byte) << BigInt(8 * at);
  if (mask >> BigInt(labels.length) !== 0n) throw malformed('a row', 'a SET of a label that it has not');
  return { kind: 'set', mask, labels: labels.filter((_, at) => ((mask >> BigInt(at)) & 1n) === 1n) };
}

function notLogged(what: string): Error {
  return malformed('a row', `${what} was not logged: binlog_row_metadata is not FULL`);
}
