import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lengthOf, numbersOf, runsOf, takeNumbers } from './runs.ts';

const numbers = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: 60n }))
  .map((some) => some.toSorted((a, b) => (a < b ? -1 : 1)));

test('runs hold exactly the numbers that they were made of, and no two of them touch', () => {
  fc.assert(
    fc.property(numbers, (some) => {
      const runs = runsOf(some);
      expect(numbersOf(runs)).toEqual(some);
      for (const [place, run] of runs.entries()) {
        expect(run.last >= run.first).toBe(true);
        const next = runs[place + 1];
        expect(next === undefined || next.first > run.last + 1n).toBe(true);
      }
    }),
  );
});

test('numbers are taken from the beginning, as many as there is room for', () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 20 }), (some, most) => {
      let left = runsOf(some);
      const all: bigint[] = [];
      while (left.length > 0) {
        const next = takeNumbers(left, most);
        const taken = numbersOf(next.taken);
        expect(taken.length).toBe(Math.min(most, some.length - all.length));
        all.push(...taken);
        left = next.left;
      }
      expect(all).toEqual(some);
    }),
  );
});

test('a run is as long as it has numbers', () => {
  expect(lengthOf({ first: 7n, last: 7n })).toBe(1);
  expect(lengthOf({ first: (1n << 63n) - 1n, last: (1n << 63n) + 1n })).toBe(3);
  expect(takeNumbers([], 5)).toEqual({ taken: [], left: [] });
});
