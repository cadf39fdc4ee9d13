import type { BucketSum } from '../ports/digester.ts';

/** Of a bucket: its rows, and the two sums. */
const perBucket = 3;

/**
 * What one side of a table sums to, bucket by bucket, modulo 2^64. Sums are additive and know no order: the parts of a table may be read in any split, and the two sides in different ones. A count and two
 * sums of 64 bits, never XOR: two equal rows that are both missing cancel there (sync-diff-inspector, pt-table-checksum). 24 bytes a bucket: many tables are on the way at a time.
 */
export class TableSums {
  readonly #all: BigInt64Array;

  constructor(buckets: number) {
    this.#all = new BigInt64Array(buckets * perBucket);
  }

  add(parts: readonly BucketSum[]): void {
    for (const { bucket, rows, sums } of parts) {
      const at = bucket * perBucket;
      this.#plus(at, rows);
      this.#plus(at + 1, sums[0]);
      this.#plus(at + 2, sums[1]);
    }
  }

  /** Buckets whose count or any sum differs, ascending. */
  differingBuckets(other: TableSums): readonly number[] {
    const differing = new Set<number>();
    this.#all.forEach((sum, at) => {
      if (sum !== other.#all[at]) differing.add(Math.floor(at / perBucket));
    });
    return [...differing];
  }

  total(): TotalSum {
    const sums = new BigUint64Array(perBucket);
    this.#all.forEach((sum, at) => (sums[at % perBucket] = (sums[at % perBucket] ?? 0n) + sum));
    const [rows = 0n, ...halves] = sums;
    return { rows, digest: halves.map((half) => half.toString(16).padStart(32, '0')).join('') };
  }

  #plus(at: number, value: bigint): void {
    const before = this.#all[at];
    // An array ignores what is written behind its end.
    if (before === undefined) throw new RangeError(`no bucket at ${at} of ${this.#all.length}`);
    this.#all[at] = before + value;
  }
}

export interface TotalSum {
  readonly rows: bigint;
  /** 64 hexadecimal digits: the two sums modulo 2^64, 32 for each. */
  readonly digest: string;
}
