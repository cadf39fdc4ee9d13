import { expect, test } from 'vitest';
import { mostAtOnce } from './summary.ts';

test('sessions at the same time are counted by their times, not by their places in the file', () => {
  expect(mostAtOnce([], [])).toBe(0);
  // Of one process first, then of another.
  expect(mostAtOnce([0, 5], [20, 9])).toBe(2);
  expect(mostAtOnce([10, 0], [20, 9])).toBe(1);
  expect(mostAtOnce([0, 1, 2, 30], [3, 3])).toBe(3);
  expect(mostAtOnce([0, 7], [7])).toBe(2);
});
