import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextNumber, type SequenceRange } from '../sequence-values.ts';
import { apart, usedOf, wantedGap } from './apart.ts';

const int4: SequenceRange = { increment: 1n, min: 1n, max: 2n ** 31n - 1n, cycle: false };
const at = (last: bigint): { last: bigint; called: boolean } => ({ last, called: true });

test('green begins the gap beyond blue, or half of what is left, and never goes back', () => {
  expect(apart(at(100n), at(3n), int4)).toEqual({ to: at(100n + wantedGap), from: 101n, start: 101n + wantedGap });
  expect(apart(at(100n), at(50_000_000n), int4)?.start).toBe(50_000_001n);
  const near = int4.max - 1_000_000n;
  expect(apart(at(near), at(3n), int4)?.start).toBe(near + 1n + 499_999n);
  expect(apart(at(int4.max - 1_000n), at(3n), int4)).toBeUndefined();
  expect(apart(at(100n), at(3n), { ...int4, cycle: true })).toBeUndefined();
});

test('no number comes from both sides before all of those between are used', () => {
  fc.assert(
    fc.property(
      fc.bigInt(1n, 2n ** 40n),
      fc.bigInt(1n, 2n ** 40n),
      fc.constantFrom(1n, 7n, -1n, -3n),
      (blue, green, increment) => {
        const range = { increment, min: -(2n ** 63n), max: 2n ** 63n - 1n, cycle: false };
        const place = apart(at(blue), at(green), range);
        if (place === undefined) throw new Error('no room');
        expect(nextNumber(place.to, increment)).toBe(place.start);
        const sign = increment > 0n ? 1n : -1n;
        // What blue has given at 75 % is before all that green gives, and green gives none twice.
        expect(sign * (place.start - nextNumber(at(blue), increment))).toBeGreaterThan(0n);
        expect(sign * (place.start - nextNumber(at(green), increment))).toBeGreaterThanOrEqual(0n);
        expect(usedOf(place, at(blue), increment)).toBe(0);
        expect(usedOf(place, at(place.start - increment), increment)).toBe(1);
      },
    ),
  );
});
