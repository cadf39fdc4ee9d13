import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedValues, notSentMark, nullMark } from './packed-values.ts';

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
});
