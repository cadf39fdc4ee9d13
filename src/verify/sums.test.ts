import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BucketSum } from '../ports/digester.ts';
import { differingBuckets, SumsBuilder, totalOf, type TableSums } from './sums.ts';

const buckets = 4;

function sumOf(row: string): BucketSum {
  const hash = createHash('md5').update(row).digest();
  const word = (at: number): bigint => BigInt(hash.readInt32BE(at));
  return { bucket: hash.readUInt8(15) % buckets, rows: 1n, words: [word(0), word(4), word(8), word(12)] };
}

function sumsOf(parts: readonly (readonly string[])[]): TableSums {
  const builder = new SumsBuilder();
  for (const part of parts) builder.add(part.map(sumOf));
  return builder.sums;
}

const rows = fc.array(fc.constantFrom('', 'a', 'b', 'c', 'd', 'e'), { maxLength: 40 });

test('order and split make no difference', () => {
  fc.assert(
    fc.property(rows, fc.nat(40), fc.nat(1_000_000), (all, cut, seed) => {
      const shuffled = [...all].sort((a, b) => sumOf(a + seed).bucket - sumOf(b + seed).bucket);
      const whole = sumsOf([all]);
      const split = sumsOf([shuffled.slice(cut), shuffled.slice(0, cut)]);
      expect(differingBuckets(whole, split)).toEqual([]);
      expect(totalOf(whole)).toEqual(totalOf(split));
    }),
  );
});

test('two multisets sum to the same exactly when they are the same', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const same = JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
      expect(differingBuckets(sumsOf([a]), sumsOf([b])).length === 0).toBe(same);
    }),
  );
});

test('a pair of equal rows, which XOR cancels, is seen; so are a row and a bucket of none', () => {
  expect(differingBuckets(sumsOf([['a', 'b', 'b']]), sumsOf([['a']]))).toEqual([sumOf('b').bucket]);
  expect(differingBuckets(sumsOf([['a']]), sumsOf([[]]))).toEqual([sumOf('a').bucket]);
});

test('sums stay exact beyond what a JavaScript number holds', () => {
  const big: BucketSum = { bucket: 0, rows: 2n ** 60n, words: [2n ** 62n, -(2n ** 62n), 1n, 0n] };
  const builder = new SumsBuilder();
  builder.add([big, big, { bucket: 0, rows: 1n, words: [1n, 0n, 0n, 0n] }]);
  expect(totalOf(builder.sums)).toEqual({
    rows: 2n ** 61n + 1n,
    digest: ['8000000000000001', '8000000000000000', '0000000000000002', '0000000000000000'].join(''),
  });
});
