import { expect, test } from 'vitest';
import { deathsUpTo, deathWindowMs, pauseAfter } from './restarts.ts';

test('pauses grow, and have an end', () => {
  expect([1, 2, 3, 6, 7, 8, 60].map(pauseAfter)).toEqual([500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
});

test('deaths count for a while', () => {
  expect(deathsUpTo(5, [])).toEqual([5]);
  expect(deathsUpTo(deathWindowMs + 7, [6, 7, 8])).toEqual([8, deathWindowMs + 7]);
});
