import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addLatencies, LatencyCounter, percentileMs } from './latencies.ts';

function counted(durations: readonly number[]): LatencyCounter {
  const counter = new LatencyCounter();
  for (const ms of durations) counter.add(ms);
  return counter;
}

test('a percentile is at most a fifth above what was measured', () => {
  const durations = fc.array(fc.double({ min: 0.02, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.95, 0.99), (all, share) => {
      const exact = all.toSorted((a, b) => a - b)[Math.ceil(all.length * share) - 1] ?? 0;
      const told = percentileMs(counted(all).counts, share) ?? 0;
      expect(told).toBeGreaterThanOrEqual(exact * 0.999);
      expect(told).toBeLessThanOrEqual(exact * 1.2);
    }),
  );
});

test('what several have measured is added up', () => {
  const [a, b] = [
    [1, 2, 3],
    [2, 400],
  ] as const;
  expect(addLatencies([counted(a).counts, counted(b).counts])).toEqual(counted([...a, ...b]).counts);
});

test('nothing has no percentile, and nothing is out of range', () => {
  expect(percentileMs({}, 0.5)).toBeUndefined();
  expect(percentileMs(counted([0]).counts, 0.5)).toBeCloseTo(0.01);
  expect(Object.keys(counted([1e12, Number.NaN]).counts)).toEqual(['0', '120']);
});
