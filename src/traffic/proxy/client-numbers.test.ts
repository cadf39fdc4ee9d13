import { expect, test } from 'vitest';
import { freeNumber, placeOf, processesAtMost } from './client-numbers.ts';

test.each([
  [1, 2 ** 31 - 1],
  [2 ** 30, 2 ** 31 - 1],
])('numbers from %d to %d tell the process that gave them', (from, to) => {
  for (let place = 0; place < processesAtMost; place += 1) {
    const number = freeNumber(from, to, place, () => false);
    expect(placeOf(number)).toBe(place);
    expect(number).toBeGreaterThanOrEqual(from);
    expect(number).toBeLessThan(to);
  }
});

test('a number that is taken is not given', () => {
  const taken = new Set<number>();
  for (let count = 0; count < 6; count += 1) taken.add(freeNumber(10, 16, undefined, (number) => taken.has(number)));
  expect(taken).toEqual(new Set([10, 11, 12, 13, 14, 15]));
});
