import { expect, test } from 'vitest';
import { HeldRange } from './held-range.ts';

test('a number must be seen within the range for the whole time', () => {
  let nowMs = 0;
  const held = new HeldRange({ below: 0.01, forMs: 60_000 }, () => nowMs);
  expect(held.judge(0.009)).toEqual({
    answer: 'not yet',
    evidence: 'the value is 0.009, below 0.01, seen so for 0 of 60000 ms',
  });
  for (; nowMs < 60_000; nowMs += 20_000) expect(held.judge(0).answer).toBe('not yet');
  expect(held.judge(0)).toEqual({
    answer: 'yes',
    evidence: 'the value is 0, below 0.01, seen so for 60000 of 60000 ms',
  });
  // One look outside, and the time begins anew.
  expect(held.judge(0.01)).toEqual({ answer: 'not yet', evidence: 'the value is 0.01, expected below 0.01' });
  expect(held.judge(0).answer).toBe('not yet');
});

test('a pause in looking begins the time anew, for nobody knows what the number was', () => {
  let nowMs = 0;
  const held = new HeldRange({ below: 1, forMs: 40_000 }, () => nowMs);
  const lookAfter = (pauseMs: number): string => {
    nowMs += pauseMs;
    return held.judge(0).answer;
  };
  expect([0, 20_000, 20_000].map(lookAfter)).toEqual(['not yet', 'not yet', 'yes']);
  expect([30_001, 20_000, 20_000].map(lookAfter)).toEqual(['not yet', 'not yet', 'yes']);
  held.lose();
  expect([1, 30_000, 10_000].map(lookAfter)).toEqual(['not yet', 'not yet', 'yes']);
});

test.each([
  [{ below: 5 }, 5, 'not yet'],
  [{ below: 5 }, 4.999, 'yes'],
  [{ above: 5 }, 5, 'not yet'],
  [{ above: 5 }, 5.001, 'yes'],
  [{ above: -1, below: 1 }, 0, 'yes'],
  [{ above: -1, below: 1 }, -1, 'not yet'],
  [{ below: 5 }, Number.NaN, 'not yet'],
])('%j and %d: %s', (range, value, answer) => {
  const told = new HeldRange({ ...range, forMs: 0 }).judge(value);
  expect(told.answer).toBe(answer);
});
