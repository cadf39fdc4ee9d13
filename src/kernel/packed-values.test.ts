import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedValues, ValuePacker, notSentMark, nullMark } from './packed-values.ts';

type CellOrNone = Buffer | null | undefined;

const value = fc.option(
  fc.option(
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    { nil: null },
  ),
  { nil: undefined },
);

describe('packed values', () => {
  test('are some of them, in any order', () => {
    const packed = PackedValues.of([Buffer.from('a'), null, undefined, Buffer.from('bc')]);
    expect(packed.only([3, 1, 2]).toArray()).toEqual([Buffer.from('bc'), null, undefined]);
    expect(packed.only([3, 1, 2]).byteLength).toBe(2);
    expect(packed.only([]).length).toBe(0);
  });

  test('are what they were made of', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), (values) => {
        const packed = PackedValues.of(values);
        expect(packed.length).toBe(values.length);
        expect(packed.toArray()).toEqual(values);
        expect(packed.isWhole).toBe(!values.includes(undefined));
        expect(packed.byteLength).toBe(values.reduce((sum, each) => sum + (each?.length ?? 0), 0));
        for (const [index, each] of values.entries()) {
          expect(packed.isNull(index)).toBe(each === null);
          expect(packed.isSent(index)).toBe(each !== undefined);
          expect(packed.latin1(index)).toBe(each?.toString('latin1'));
        }
        expect(packed.at(values.length)).toBeUndefined();
      }),
    );
  });

  test('are the same where both have the same bytes, wherever these lie', () => {
    fc.assert(
      fc.property(value, value, fc.nat({ max: 5 }), (one, other, ahead) => {
        const bytes = Buffer.concat([Buffer.alloc(ahead, 'x'), other ?? Buffer.alloc(0)]);
        const mark = other === null ? nullMark : notSentMark;
        const elsewhere = new PackedValues(
          bytes,
          Int32Array.from(Buffer.isBuffer(other) ? [ahead, bytes.length] : [mark, mark]),
        );
        const expected = Buffer.isBuffer(one) && Buffer.isBuffer(other) && one.equals(other);
        expect(PackedValues.of([one]).hasSame(0, elsewhere)).toBe(expected);
        expect(PackedValues.of([one]).hasSame(0, PackedValues.of([one]))).toBe(Buffer.isBuffer(one));
      }),
    );
  });

  test('of many rows that share their memory each is what was given, whatever came behind it', () => {
    const given = fc.oneof(
      value.map((put) => ({ put })),
      fc.nat({ max: 70_000 }).map((length) => ({ put: Buffer.alloc(length, length % 251) })),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => ({ written: Buffer.from(bytes) })),
    );
    fc.assert(
      fc.property(fc.array(fc.array(given, { maxLength: 8 }), { maxLength: 12 }), (rows) => {
        const packer = new ValuePacker();
        const packed = rows.map((row) => {
          packer.begin(row.length, 8 * row.length);
          for (const each of row) {
            if ('put' in each) packer.put(each.put);
            else packer.wrote(packer.at + each.written.copy(packer.bytes, packer.at));
          }
          return packer.end();
        });
        // Such as the runner itself would take seconds to compare.
        const isSame = (one: CellOrNone, other: CellOrNone): boolean =>
          Buffer.isBuffer(one) && Buffer.isBuffer(other) ? one.equals(other) : one === other;
        for (const [at, row] of rows.entries()) {
          const found = packed[at]?.toArray() ?? [];
          expect(found.length).toBe(row.length);
          expect(row.map((each, place) => isSame(found[place], 'put' in each ? each.put : each.written))).not.toContain(
            false,
          );
        }
      }),
      { numRuns: 50 },
    );
  });
});
