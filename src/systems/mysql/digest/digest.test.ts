import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DigestEntry } from '../../../ports/digester.ts';
import { BucketSums } from './bucket-sums.ts';
import { SmallestEntries } from './entry-pages.ts';
import { bucketOf, RowHasher } from './row-hash.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const cell = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));

test('a row is hashed as PostgreSQL writes it', () => {
  const hasher = new RowHasher();
  const hex = (values: readonly (string | null)[], which = values.map((_, index) => index)): string =>
    hasher.hash(values.map(cell), which).toString('hex');
  expect(hex([])).toBe(md5('()'));
  expect(hex([null])).toBe(md5('()'));
  expect(hex(['', null])).toBe(md5('("",)'));
  expect(hex(['a"b', 'c\\d', 'é', '(', 'x y', ',', '\n'])).toBe(md5('("a""b","c\\\\d",é,"(","x y",",","\n")'));
  expect(hex(['1', '2', '3'], [2, 0])).toBe(md5('(3,1)'));
  expect(hex(['x'.repeat(100_000), '"'.repeat(70_000)])).toBe(md5(`(${'x'.repeat(100_000)},"${'"'.repeat(140_000)}")`));
});

test('a bucket is by the key, or by the row’s second word', () => {
  const row = Buffer.from('00000000fffffff30000000000000000', 'hex');
  const key = Buffer.from('fffffff5000000000000000000000000', 'hex');
  expect([bucketOf(row, key, 8), bucketOf(row, undefined, 8), bucketOf(row, key, 1)]).toEqual([5, 3, 0]);
});

test('sums are exact and signed', () => {
  const sums = new BucketSums();
  const least = Buffer.from('80000000ffffffff7fffffff00000001', 'hex');
  for (let n = 0; n < (1 << 20) + 3; n += 1) sums.add(4, least);
  const rows = BigInt((1 << 20) + 3);
  expect(sums.sums()).toEqual([
    { bucket: 4, rows, sums: [rows * -(2n ** 63n - (2n ** 32n - 1n)), rows * ((2n ** 31n - 1n) * 2n ** 32n + 1n)] },
  ]);
});

test('passes of bounded size give all entries in order, once', () => {
  const part = fc.constantFrom('a', 'b', 'c', 'd');
  const entry = fc.record({ key: part, row: part, locator: fc.string({ maxLength: 3 }) });
  const sorted = (entries: readonly DigestEntry[]): readonly string[] => entries.map(({ key, row }) => `${key} ${row}`);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (entries, most) => {
      const given: DigestEntry[] = [];
      let from: Pick<DigestEntry, 'key' | 'row'> | undefined;
      let passes = 0;
      do {
        const smallest = new SmallestEntries(from, most);
        for (const one of entries) smallest.add(one);
        const pass = smallest.end();
        given.push(...pass.entries);
        from = pass.limit;
        passes += 1;
      } while (from !== undefined && passes < 100);
      expect(sorted(given)).toEqual(sorted(entries).toSorted());
      expect(given.map(({ locator }) => locator).toSorted()).toEqual(entries.map(({ locator }) => locator).toSorted());
    }),
    { numRuns: 500 },
  );
});
