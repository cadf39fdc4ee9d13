import { expect, test } from 'vitest';
import { lagOf } from './lag.ts';

const seen = { writtenMs: 10_000, appliedMs: 10_012 };

test.each([
  ['no heartbeat yet is no lag of 0', undefined, 99_000, undefined],
  ['a flow that keeps up is as far behind as its heartbeat took', seen, 10_900, 12],
  ['a heartbeat that is a little late is not a lag yet', seen, 11_005, 12],
  ['a flow that stands still falls behind by the clock', seen, 15_000, 4_000],
  ['a source whose clock is ahead is not ahead of itself', { writtenMs: 10_100, appliedMs: 10_000 }, 10_050, 0],
])('%s', (_, heartbeat, nowMs, lag) => {
  expect(lagOf(heartbeat, 1_000, nowMs)).toBe(lag);
});
