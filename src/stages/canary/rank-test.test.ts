import { expect, test } from 'vitest';
import { LatencyCounter, type Latencies } from '../../model/latencies.ts';
import { rankTest } from './rank-test.ts';

const ranks = (...values: readonly number[]): Latencies => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
};

/** Worked out from the definition: each pair is looked at, and ranks are given one by one. */
function byHand(blue: readonly number[], green: readonly number[]): { readonly u: number; readonly z: number } {
  let u = 0;
  for (const b of blue) for (const g of green) u += g > b ? 1 : g === b ? 0.5 : 0;
  const all = [...blue, ...green];
  const rank = (value: number): number =>
    all.filter((it) => it < value).length + (all.filter((it) => it === value).length + 1) / 2;
  const mean = (all.length + 1) / 2;
  // Of the sum of green's ranks, when each choice of that many is as likely as any other.
  const spread = all.reduce((sum, it) => sum + (rank(it) - mean) ** 2, 0);
  const variance = (blue.length * green.length * spread) / (all.length * (all.length - 1));
  return { u, z: (u - (blue.length * green.length) / 2 - 0.5) / Math.sqrt(variance) };
}

test('it is the textbook test: three and three, apart', () => {
  const { p, superiority } = rankTest(ranks(1, 2, 3), ranks(4, 5, 6));
  expect(superiority).toBe(1);
  // Half of the two-sided 0.08086 that statistics programs tell.
  expect(p).toBeCloseTo(0.04043, 5);
});

test('ties are counted as by hand', () => {
  const [blue, green] = [
    [1, 1, 2, 3, 3, 3, 9, 11, 11, 12],
    [2, 3, 3, 10, 10, 11, 12, 12, 13, 1],
  ] as const;
  const { u, z } = byHand(blue, green);
  const found = rankTest(ranks(...blue), ranks(...green));
  expect(found.superiority).toBeCloseTo(u / 100, 12);
  // The area above z, by the trapezoid rule.
  let area = 0;
  for (let x = z; x < 12; x += 1e-4) area += (1e-4 * (Math.exp((-x * x) / 2) + Math.exp(-((x + 1e-4) ** 2) / 2))) / 2;
  expect(found.p).toBeCloseTo(area / Math.sqrt(2 * Math.PI), 6);
});

test('what is the same on both sides, or faster on green, is not slower; one value for all and no values tell nothing', () => {
  const spread = ranks(1, 2, 3, 4, 5, 6, 7, 8);
  expect(rankTest(spread, spread).p).toBeGreaterThan(0.45);
  expect(rankTest(ranks(5, 6, 7, 8, 9), ranks(1, 2, 3, 4, 4)).p).toBeGreaterThan(0.98);
  expect(rankTest(ranks(5, 5, 5), ranks(5, 5, 5)).p).toBe(1);
  expect(rankTest({}, spread).p).toBe(1);
});

test('far in the tail it is a number still, and falls with each read', () => {
  const [fast, slow] = [new LatencyCounter(), new LatencyCounter()];
  let last = 1;
  for (let reads = 1; reads <= 200; reads += 1) {
    fast.add(0.2 + (reads % 5) / 10);
    slow.add(40 + (reads % 5));
    const { p } = rankTest(fast.counts, slow.counts);
    if (reads > 1) expect(p).toBeLessThan(last);
    last = p;
  }
  expect(last).toBeGreaterThan(0);
  expect(last).toBeLessThan(1e-50);
});
