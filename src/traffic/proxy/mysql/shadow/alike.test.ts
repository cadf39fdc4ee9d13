import { expect, test } from 'vitest';
import { fieldType } from '../../../../wire/mysql/binary-values.ts';
import { lengthEncodedBytes } from '../../../../wire/mysql/body.ts';
import { differenceIn } from '../../shadow/compare.ts';
import { alike } from './alike.ts';
import { mysqlDialect, type MysqlAnswer, type MysqlColumn } from './answer.ts';

const column = (type: number, more: Partial<MysqlColumn> = {}): MysqlColumn => ({
  name: 'c',
  type,
  binary: false,
  isUnsigned: false,
  ...more,
});
/** What was prepared, of one row and one column. */
const prepared = (of: MysqlColumn, value: Buffer): MysqlAnswer => ({
  columns: [of],
  rows: [Buffer.concat([Buffer.of(0, 0), value])],
  isBinary: true,
});
const differs = (blue: MysqlAnswer, green: MysqlAnswer): string | undefined =>
  differenceIn(mysqlDialect, alike(blue), alike(green), { ordered: true, arbitrary: false })?.kind;

const seven = prepared(column(fieldType.longlong), Buffer.of(7, 0, 0, 0, 0, 0, 0, 0));
const text = Buffer.from('[1, 2]');

test.for([
  ['INT for BIGINT', seven, prepared(column(fieldType.long), Buffer.of(7, 0, 0, 0)), undefined],
  ['another number', seven, prepared(column(fieldType.long), Buffer.of(8, 0, 0, 0)), 'rows'],
  [
    'numbers without a sign',
    prepared(column(fieldType.longlong, { isUnsigned: true }), Buffer.alloc(8, 0xff)),
    prepared(column(fieldType.longlong), Buffer.alloc(8, 0xff)),
    'rows',
  ],
  [
    'LONGTEXT for JSON',
    prepared(column(fieldType.json, { binary: true }), lengthEncodedBytes(text)),
    prepared(column(fieldType.longBlob), lengthEncodedBytes(text)),
    undefined,
  ],
  [
    'bytes for text',
    prepared(column(fieldType.varString), lengthEncodedBytes(text)),
    prepared(column(fieldType.blob, { binary: true }), lengthEncodedBytes(text)),
    'columns',
  ],
  ['a number for a text', seven, prepared(column(fieldType.varString), lengthEncodedBytes('7')), 'columns'],
  [
    'a moment without its zeros',
    prepared(column(fieldType.datetime), Buffer.of(4, 0xea, 7, 2, 3)),
    prepared(column(fieldType.timestamp, { binary: true }), Buffer.of(7, 0xea, 7, 2, 3, 0, 0, 0)),
    undefined,
  ],
  [
    'another moment',
    prepared(column(fieldType.datetime), Buffer.of(4, 0xea, 7, 2, 3)),
    prepared(column(fieldType.datetime), Buffer.of(7, 0xea, 7, 2, 3, 0, 0, 1)),
    'rows',
  ],
] as const)('%s', ([, blue, green, kind]) => {
  expect(differs(blue, green)).toBe(kind);
});

test('NULL is no value of any type, and a row that ends too early is refused', () => {
  const nothing = { ...seven, rows: [Buffer.of(0, 4)] };
  expect(differs(nothing, nothing)).toBe(undefined);
  expect(differs(seven, nothing)).toBe('rows');
  expect(() => alike({ ...seven, rows: [Buffer.of(0, 0, 7)] })).toThrow('TEAL-WIRE-001');
});
