import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chanceOfSharing, chanceOfStretch } from './chance.ts';

/** All ways in which `differing` of `all` places can be taken. */
function* ways(all: number, differing: number, from = 0): Generator<readonly number[]> {
  if (differing === 0) {
    yield [];
    return;
  }
  for (let first = from; first <= all - differing; first += 1) {
    for (const rest of ways(all, differing - 1, first + 1)) yield [first, ...rest];
  }
}

const small = fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 6 }));

test('both tests give the share of all orders that they speak of', () => {
  fc.assert(
    fc.property(small, fc.nat(6), ([differing, equal], given) => {
      const few = Math.min(given, equal);
      const orders = [...ways(differing + equal, differing)];
      const share = (is: (order: readonly number[]) => boolean): number => orders.filter(is).length / orders.length;
      const length = (order: readonly number[]): number => (order.at(-1) ?? 0) - (order[0] ?? 0) + 1;
      expect(chanceOfStretch(differing, equal, few)).toBeCloseTo(
        share((order) => length(order) - differing <= few),
        9,
      );
      // Places from the first on are those that have it in common.
      expect(chanceOfSharing(differing, equal, few)).toBeCloseTo(
        share((order) => (order.at(-1) ?? 0) < differing + few),
        9,
      );
    }),
  );
});
