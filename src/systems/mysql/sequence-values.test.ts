import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBehind, nextAfter } from './sequence-values.ts';

test('the next number is never behind the source, never out of bounds, never backwards, and settles', () => {
  const counter = fc
    .tuple(fc.bigInt({ min: 1n, max: 300n }), fc.constantFrom(127n, 255n))
    .map(([next, max]) => ({ next: next > max + 1n ? max + 1n : next, max }));
  fc.assert(
    fc.property(counter, counter, fc.nat(400), (source, target, headroom) => {
      const next = nextAfter(source, target, BigInt(headroom));
      if (next === undefined) return target.next >= source.next || target.next >= target.max;
      const moved = { ...target, next };
      const isPast = next >= source.next || next === target.max;
      return (
        isPast &&
        next > target.next &&
        next <= target.max &&
        !isBehind(source, moved) &&
        nextAfter(source, moved, 9n) === undefined
      );
    }),
  );
  expect(nextAfter({ next: 100n, max: 127n }, { next: 1n, max: 127n }, 1_000n)).toBe(113n);
  expect(nextAfter({ next: 100n, max: 127n }, { next: 1n, max: 127n }, 5n)).toBe(105n);
  expect(nextAfter({ next: 5_000n, max: 65_535n }, { next: 1n, max: 127n }, 5n)).toBe(127n);
});
