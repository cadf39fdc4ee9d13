import type { BucketSum } from '../ports/digester.ts';

/**
 * What one side of a table sums to, bucket by bucket. Sums are additive and know no order: the parts of a table may be read in any split, and the two sides
 * in different ones. A count and four sums, never XOR: two equal rows that are both missing cancel there (sync-diff-inspector, pt-table-checksum).
 */
export type TableSums = ReadonlyMap<number, BucketSum>;

export class SumsBuilder {
  readonly #byBucket = new Map<number, BucketSum>();

  add(parts: readonly BucketSum[]): void {
    for (const part of parts) {
      const before = this.#byBucket.get(part.bucket);
      this.#byBucket.set(part.bucket, before === undefined ? part : plus(before, part));
    }
  }

  get sums(): TableSums {
    return this.#byBucket;
  }
}

function plus(a: BucketSum, b: BucketSum): BucketSum {
  const [a0, a1, a2, a3] = a.words;
  const [b0, b1, b2, b3] = b.words;
  return { bucket: a.bucket, rows: a.rows + b.rows, words: [a0 + b0, a1 + b1, a2 + b2, a3 + b3] };
}

/** Buckets whose count or any sum differs, ascending. */
export function differingBuckets(a: TableSums, b: TableSums): readonly number[] {
  const all = new Set([...a.keys(), ...b.keys()]);
  return [...all].filter((bucket) => !isSame(a.get(bucket), b.get(bucket))).sort((x, y) => x - y);
}

function isSame(a: BucketSum | undefined, b: BucketSum | undefined): boolean {
  if (a === undefined || b === undefined) return (a ?? b)?.rows === 0n;
  return a.rows === b.rows && a.words.every((word, index) => word === b.words[index]);
}

export interface TotalSum {
  readonly rows: bigint;
  /** 64 hexadecimal digits: the four sums modulo 2^64. */
  readonly digest: string;
}

export function totalOf(sums: TableSums): TotalSum {
  let rows = 0n;
  const words = [0n, 0n, 0n, 0n];
  for (const part of sums.values()) {
    rows += part.rows;
    part.words.forEach((word, index) => (words[index] = (words[index] ?? 0n) + word));
  }
  return { rows, digest: words.map((word) => BigInt.asUintN(64, word).toString(16).padStart(16, '0')).join('') };
}
