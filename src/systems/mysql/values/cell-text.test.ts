import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fieldType } from '../../../wire/mysql/binary-values.ts';
import { decimalBytes } from '../../../wire/mysql/binlog/decimal.ts';
import type { BinlogColumn } from '../../../wire/mysql/binlog/table-map.ts';
import { fractionBytes } from '../../../wire/mysql/binlog/temporal.ts';
import { cellTextOf, mostTextBytes } from './cell-text.ts';
import { readerOf } from './from-binlog.ts';
import { familyPolicy, strictPolicy, type ValuePolicy } from './policy.ts';

const table = { schema: 's', name: 't' };
const policies: readonly ValuePolicy[] = [
  strictPolicy,
  familyPolicy,
  { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove', invalidText: 'stop' },
];

function column(type: number, more: Partial<BinlogColumn> = {}): BinlogColumn {
  const unknown = { unsigned: undefined, collation: undefined, labels: undefined, geometryType: undefined };
  return { type, size: 0, scale: 0, nullable: true, name: 'c', ...unknown, visible: true, ...more };
}

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each));

interface Kind {
  readonly what: string;
  readonly column: BinlogColumn;
  readonly cell: fc.Arbitrary<Buffer>;
  /** Cells that are known by hand, and their texts. */
  readonly known: readonly (readonly [hex: string, text: string])[];
}

const integer = (what: string, type: number, length: number, unsigned: boolean, known: Kind['known']): Kind => ({
  what,
  column: column(type, { unsigned }),
  cell: fc.oneof(
    bytes(length),
    fc.constantFrom(0, 0x7f, 0x80, 0xff).map((byte) => Buffer.alloc(length, byte)),
  ),
  known,
});

/** Digits in groups of nine, the odd ones at both outer ends; the highest bit is the sign, and of a negative number all are inverted. */
function decimalCell(precision: number, scale: number): fc.Arbitrary<Buffer> {
  const split = (digits: number): readonly number[] => Array.from({ length: Math.floor(digits / 9) }, () => 9);
  const odd = (digits: number): readonly number[] => (digits % 9 === 0 ? [] : [digits % 9]);
  const whole = precision - scale;
  const groups = [...odd(whole), ...split(whole), ...split(scale), ...odd(scale)];
  const group = (digits: number): fc.Arbitrary<Buffer> =>
    fc.oneof(fc.constant(0), upTo(Math.min(10 ** digits - 1, 2 ** 31 - 1))).map((value) => {
      const out = Buffer.alloc(decimalBytes(digits, 0));
      out.writeUIntBE(value, 0, out.length);
      return out;
    });
  return fc.tuple(fc.boolean(), ...groups.map(group)).map(([isNegative, ...parts]) => {
    const all = Buffer.concat(parts);
    all[0] = (all[0] ?? 0) ^ 0x80;
    return isNegative ? Buffer.from(all.map((byte) => ~byte)) : all;
  });
}

const decimal = (precision: number, scale: number, known: Kind['known']): Kind => ({
  what: `decimal(${precision},${scale})`,
  column: column(fieldType.newDecimal, { size: precision, scale }),
  cell: fc.oneof(decimalCell(precision, scale), decimalCell(precision, scale), bytes(decimalBytes(precision, scale))),
  known,
});

const text = (what: string, collation: number, letters: fc.Arbitrary<Buffer>): Kind => ({
  what,
  column: column(fieldType.varchar, { size: 200, collation }),
  cell: letters,
  known: [['616263', 'abc']],
});

const utf8 = fc.string({ unit: 'binary', maxLength: 40 }).map((each) => Buffer.from(each));
const ascii = fc.string({ maxLength: 90 }).map((each) => Buffer.from(each));
const anyBytes = fc.uint8Array({ maxLength: 20 }).map((each) => Buffer.from(each));

/** Packed as the server does: 13 months a year. */
function datetimeBytes(...[year, month, day, hour, minute, second]: readonly number[]): Buffer {
  const months = 13 * (year ?? 0) + (month ?? 0);
  const clock = ((hour ?? 0) << 12) | ((minute ?? 0) << 6) | (second ?? 0);
  const packed = (months * 32 + (day ?? 0)) * 2 ** 17 + clock + 2 ** 39;
  const out = Buffer.alloc(5);
  out.writeUIntBE(packed, 0, 5);
  return out;
}

const moment = fc
  .tuple(upTo(10_000), upTo(12), upTo(31), upTo(23), upTo(59), upTo(59))
  .map((parts) => datetimeBytes(...parts));
const fractionOf = (digits: number): fc.Arbitrary<Buffer> =>
  upTo(100 ** fractionBytes(digits) - 1).map((units) => {
    const out = Buffer.alloc(fractionBytes(digits));
    if (out.length > 0) out.writeUIntBE(units, 0, out.length);
    return out;
  });
const joined = (head: fc.Arbitrary<Buffer>, digits: number): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.oneof(head, bytes(5)), fractionOf(digits)).map((parts) => Buffer.concat(parts));

const kinds: readonly Kind[] = [
  integer('tinyint', fieldType.tiny, 1, false, [['80', '-128']]),
  integer('tinyint unsigned', fieldType.tiny, 1, true, [['ff', '255']]),
  integer('smallint', fieldType.short, 2, false, [['0080', '-32768']]),
  integer('mediumint', fieldType.int24, 3, false, [['ffffff', '-1']]),
  integer('mediumint unsigned', fieldType.int24, 3, true, [['ffffff', '16777215']]),
  integer('int', fieldType.long, 4, false, [['00000080', '-2147483648']]),
  integer('int unsigned', fieldType.long, 4, true, [['ffffffff', '4294967295']]),
  integer('bigint', fieldType.longlong, 8, false, [
    ['ffffffffffffffff', '-1'],
    ['0000000000000020', '2305843009213693952'],
  ]),
  integer('bigint unsigned', fieldType.longlong, 8, true, [['ffffffffffffffff', '18446744073709551615']]),
  decimal(10, 2, [['8000000000', '0.00']]),
  decimal(12, 2, [['800000000c22', '12.34']]),
  decimal(4, 4, []),
  decimal(20, 0, []),
  decimal(65, 30, []),
  text('a text of utf8mb4', 255, fc.oneof(utf8, ascii, anyBytes)),
  text('a text of latin1', 8, fc.oneof(ascii, anyBytes)),
  text('a text of ascii', 11, fc.oneof(ascii, anyBytes)),
  { ...text('a text of sjis', 13, fc.oneof(ascii, anyBytes)) },
  {
    what: 'date',
    column: column(fieldType.date),
    cell: bytes(3),
    known: [['5dd00f', '2024-02-29']],
  },
  ...[0, 1, 3, 6].map((digits): Kind => ({
    what: `datetime(${digits})`,
    column: column(fieldType.datetime2, { size: digits }),
    cell: joined(moment, digits),
    known: [],
  })),
  ...[0, 2, 6].map((digits): Kind => ({
    what: `timestamp(${digits})`,
    column: column(fieldType.timestamp2, { size: digits }),
    cell: fc.tuple(bytes(4), fractionOf(digits)).map((parts) => Buffer.concat(parts)),
    known: digits === 0 ? [['0000003c', '1970-01-01 00:01:00+00']] : [],
  })),
];

test.each(kinds)('of $what it is what the reader of cells says, or is left to it', ({ column: of, cell, known }) => {
  for (const policy of policies) {
    const write = cellTextOf(of, policy);
    const read = readerOf(table, of, policy);
    if (write === undefined) throw new Error('nothing is written');
    let written = 0;
    const told = (each: Buffer): string | undefined => {
      const [source, out] = [
        Buffer.concat([Buffer.of(1, 2), each, Buffer.of(3)]),
        Buffer.alloc(7 + each.length + mostTextBytes),
      ];
      const end = write(source, 2, 2 + each.length, out, 7);
      if (end === -1) return undefined;
      written += 1;
      return out.toString('latin1', 7, end);
    };
    fc.assert(
      fc.property(cell, (each) => {
        const found = told(each);
        if (found !== undefined) expect(found).toBe(read(each)?.toString('latin1'));
      }),
    );
    expect(written).toBeGreaterThan(0);
    for (const [hex, wanted] of known) {
      const each = Buffer.from(hex, 'hex');
      expect(read(each)?.toString('utf8')).toBe(wanted);
      expect([undefined, wanted]).toContain(told(each));
    }
  }
});

test('of types whose texts are made otherwise nothing is written', () => {
  for (const of of [
    column(fieldType.double),
    column(fieldType.json),
    column(fieldType.varchar, { size: 9, collation: 63 }),
    column(fieldType.varchar, { size: 9, collation: 54 }),
    column(fieldType.long),
  ]) {
    expect(cellTextOf(of, strictPolicy)).toBeUndefined();
  }
});
