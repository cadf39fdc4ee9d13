import fc from 'fast-check';
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

test('never less than what is known to be late, never more than what was late, and 0 only when nothing is', () => {
  const everyMs = 1_000;
  const delays = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(delays, fc.nat({ max: 30_000 }), (all, nowMs) => {
      // One heartbeat a second, each comes through some time later and in order.
      let last = 0;
      const beats = all.map((delay, at) => ({
        writtenMs: at * everyMs,
        appliedMs: (last = Math.max(last, at * everyMs + delay)),
      }));
      const there = beats.filter(({ appliedMs }) => appliedMs <= nowMs);
      const lag = lagOf(there.at(-1), everyMs, nowMs);
      const [missing] = beats.slice(there.length);
      if (there.length === 0) {
        expect(lag).toBeUndefined();
        return;
      }
      const known = lag ?? 0;
      if (missing !== undefined) expect(known).toBeGreaterThanOrEqual(nowMs - missing.writtenMs);
      const oldest = missing ?? { writtenMs: all.length * everyMs };
      const took = Math.max(...there.map(({ writtenMs, appliedMs }) => appliedMs - writtenMs));
      expect(known).toBeLessThanOrEqual(Math.max(took, nowMs - oldest.writtenMs));
      expect(known).toBeGreaterThan(0);
    }),
    { numRuns: 2_000 },
  );
});
