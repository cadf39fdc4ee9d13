import { expect, test } from 'vitest';
import { feltBetween } from './clients.ts';

const call = (startedMs: number, endedMs: number): { startedMs: number; endedMs: number } => ({ startedMs, endedMs });

test('silence is the longest time between two answers of anybody, the wait is of one client', () => {
  const calls = [call(0, 10), call(5, 12), call(11, 90), call(12, 112), call(113, 115), call(114, 500)];
  expect(feltBetween(calls, 0, 112)).toEqual({ silenceMs: 78, longestWaitMs: 100, p50Ms: 10, p99Ms: 100 });
});

test('what ended before or began after does not count', () => {
  expect(feltBetween([call(0, 900), call(2_000, 2_100)], 1_000, 1_500)).toMatchObject({
    silenceMs: 0,
    longestWaitMs: 0,
  });
});
