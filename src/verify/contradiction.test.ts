import { expect, test } from 'vitest';
import { asPosition } from '../model/position.ts';
import type { BucketSum, DigestReader, DigestTable, HeldSnapshot } from '../ports/digester.ts';
import type { TablePair } from './pair-tables.ts';
import { comparePairs } from './same-position.ts';

const table: DigestTable = { schema: 'public', name: 't', oid: 1, columns: [], key: [], buckets: 1 };
const pair: TablePair = {
  name: table,
  live: table,
  other: table,
  leftOut: [],
  differentTypes: [],
  estimatedRows: 1,
  pages: 1,
};

/** A side whose two readings of one table need not agree: sums that were given, and no rows at all where they are looked for one by one. */
function side(sum: BucketSum): HeldSnapshot {
  const reader: DigestReader = {
    digest: async () => Promise.resolve([sum]),
    entries: async function* () {
      yield await Promise.resolve([]);
    },
    rows: async () => Promise.resolve([]),
    release: async () => Promise.resolve(),
    [Symbol.asyncDispose]: async () => Promise.resolve(),
  };
  return {
    position: asPosition('1'),
    takenAt: '',
    bounds: () => ['' as never],
    reader: async () => Promise.resolve(reader),
    [Symbol.asyncDispose]: async () => Promise.resolve(),
  };
}

const sum = (rows: bigint, half: bigint): BucketSum => ({ bucket: 0, rows, sums: [half, 0n] });

test.each([
  ['texts are the same where only the compact form differs', true, sum(3n, 1n), sum(3n, 2n), 'equal'],
  ['counts that differ are not explained by the compact form', true, sum(3n, 1n), sum(4n, 2n), 'unsettled'],
  ['sums of texts that differ are not explained by equal rows', false, sum(3n, 1n), sum(3n, 2n), 'unsettled'],
  ['the same sums', false, sum(3n, 1n), sum(3n, 1n), 'equal'],
] as const)('%s', async (_, quickIsComparable, live, other, outcome) => {
  const signal = new AbortController().signal;
  const compared = await comparePairs([pair], { live: side(live), other: side(other) }, quickIsComparable, {
    live: { side: 'blue' } as never,
    other: { side: 'green' } as never,
    signal,
    readers: 1,
  });
  expect(compared.map((each) => each.outcome)).toEqual([outcome]);
});
