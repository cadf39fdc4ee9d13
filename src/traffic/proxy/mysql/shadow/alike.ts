import { fieldType } from '../../../../wire/mysql/binary-values.ts';
import { BodyReader, lengthEncodedBytes, malformed } from '../../../../wire/mysql/body.ts';
import type { MysqlAnswer, MysqlColumn } from './answer.ts';

const { tiny, short, int24, long, longlong, decimal, newDecimal, date, newDate, datetime, timestamp, json } = fieldType;
const { float, double, time, year, varchar, varString, string } = fieldType;
const { tinyBlob, mediumBlob, longBlob, blob, enum: oneOf, set } = fieldType;

/** Types under several names: what a client does with a value of one it does with a value of another. */
const kinds: readonly (readonly [as: number, names: readonly number[]])[] = [
  [longlong, [tiny, short, int24, long, longlong]],
  [newDecimal, [decimal, newDecimal]],
  [date, [date, newDate]],
  [datetime, [datetime, timestamp]],
  [varString, [json, varchar, varString, string, tinyBlob, mediumBlob, longBlob, blob, oneOf, set]],
];
const kindOf: ReadonlyMap<number, number> = new Map(kinds.flatMap(([as, names]) => names.map((name) => [name, as])));
const fullLengths: ReadonlyMap<number, number> = new Map([
  [date, 11],
  [newDate, 11],
  [datetime, 11],
  [timestamp, 11],
  [time, 12],
]);

/**
 * An answer in a form in which two servers of unlike kinds agree where their clients would: MySQL says BIGINT of a number for which MariaDB says INT, and JSON of what is LONGTEXT in MariaDB. Types are those of
 * `kinds`, only a text is told from bytes, and rows are in text form. Errors: TEAL-WIRE-001.
 */
export function alike(answer: MysqlAnswer): MysqlAnswer {
  const { columns, rows, isBinary } = answer;
  return {
    ...answer,
    columns: columns.map(alikeColumn),
    rows: isBinary ? rows.map((row) => plainRow(row, columns)) : rows,
    isBinary: false,
  };
}

function alikeColumn(column: MysqlColumn): MysqlColumn {
  const type = kindOf.get(column.type) ?? column.type;
  return { ...column, type, binary: type === varString && column.type !== json && column.binary };
}

/** A row of what was prepared (MySQL manual, "Binary Protocol Resultset Row"), its values as length-encoded bytes. */
function plainRow(row: Buffer, columns: readonly MysqlColumn[]): Buffer {
  const body = new BodyReader(row, 'a row');
  body.skip(1);
  const nulls = body.bytes((columns.length + 9) >> 3);
  const values = columns.map((column, at) => {
    const bit = at + 2;
    const isNull = ((nulls[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
    return isNull ? Buffer.of(0xfb) : lengthEncodedBytes(plainValue(body, column));
  });
  body.end();
  return Buffer.concat(values);
}

function plainValue(body: BodyReader, { type, isUnsigned }: MysqlColumn): Buffer | string {
  switch (type) {
    case tiny:
      return integer(body.bytes(1), isUnsigned);
    case short:
    case year:
      return integer(body.bytes(2), isUnsigned);
    case long:
    case int24:
      return integer(body.bytes(4), isUnsigned);
    case longlong:
      return integer(body.bytes(8), isUnsigned);
    case float:
      return body.bytes(4);
    case double:
      return body.bytes(8);
    default:
      return fullLengths.has(type) ? temporal(body, fullLengths.get(type) ?? 0) : body.lengthEncodedBytes();
  }
}

function integer(bytes: Buffer, isUnsigned: boolean): string {
  if (bytes.length === 8) return String(isUnsigned ? bytes.readBigUInt64LE() : bytes.readBigInt64LE());
  return String(isUnsigned ? bytes.readUIntLE(0, bytes.length) : bytes.readIntLE(0, bytes.length));
}

/** Parts behind the last that is not zero may be left out. */
function temporal(body: BodyReader, length: number): Buffer {
  const told = body.bytes(body.uint8());
  if (told.length > length) throw malformed('a row', 'a moment that is too long');
  const full = Buffer.alloc(length);
  told.copy(full);
  return full;
}
