import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BucketSum } from '../ports/digester.ts';
import { TableSums } from './sums.ts';

const buckets = 4;

function sumOf(row: string): BucketSum {
  const hash = createHash('md5').update(row).digest();
  return { bucket: hash.readUInt8(15) % buckets, rows: 1n, sums: [hash.readBigInt64BE(0), hash.readBigInt64BE(8)] };
}

function sumsOf(parts: readonly (readonly string[])[]): TableSums {
  const sums = new TableSums(buckets);
  for (const part of parts) sums.add(part.map(sumOf));
  return sums;
}

const rows = fc.array(fc.constantFrom('', 'a', 'b', 'c', 'd', 'e'), { maxLength: 40 });

test('order and split make no difference', () => {
  fc.assert(
    fc.property(rows, fc.nat(40), fc.nat(1_000_000), (all, cut, seed) => {
      const shuffled = [...all].sort((a, b) => sumOf(a + seed).bucket - sumOf(b + seed).bucket);
      const whole = sumsOf([all]);
      const split = sumsOf([shuffled.slice(cut), shuffled.slice(0, cut)]);
      expect(whole.differingBuckets(split)).toEqual([]);
      expect(whole.total()).toEqual(split.total());
    }),
  );
});

test('two multisets sum to the same exactly when they are the same', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const same = JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
      expect(sumsOf([a]).differingBuckets(sumsOf([b])).length === 0).toBe(same);
    }),
  );
});

test('a pair of equal rows, which XOR cancels, is seen; so are a row and a bucket of none', () => {
  expect(sumsOf([['a', 'b', 'b']]).differingBuckets(sumsOf([['a']]))).toEqual([sumOf('b').bucket]);
  expect(sumsOf([['a']]).differingBuckets(sumsOf([[]]))).toEqual([sumOf('a').bucket]);
});

test('sums stay exact beyond what a JavaScript number holds', () => {
  const big: BucketSum = { bucket: 0, rows: 2n ** 60n, sums: [2n ** 62n, -(2n ** 62n)] };
  const sums = new TableSums(1);
  sums.add([big, big, { bucket: 0, rows: 1n, sums: [1n, 0n] }]);
  expect(sums.total()).toEqual({
    rows: 2n ** 61n + 1n,
    digest: `${'0'.repeat(16)}8000000000000001${'0'.repeat(16)}8000000000000000`,
  });
});

test('a bucket that a table does not have is a fault, and nothing that is left out', () => {
  expect(() => new TableSums(buckets).add([{ bucket: buckets, rows: 1n, sums: [0n, 0n] }])).toThrow(RangeError);
});
