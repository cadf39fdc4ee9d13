import type { BucketSum } from '../../../ports/digester.ts';

/** Sums of so many 32-bit words are exact as numbers. */
const exactRows = 1 << 20;

interface Bucket {
  rows: number;
  /** Of each half of the hash its upper word, signed, and its lower one. */
  readonly words: [number, number, number, number];
}

/** Adds up hashes by bucket, exactly, in memory that depends on the number of buckets alone. */
export class BucketSums {
  readonly #open = new Map<number, Bucket>();
  readonly #closed = new Map<number, BucketSum>();

  add(bucket: number, rowHash: Buffer): void {
    let sum = this.#open.get(bucket);
    if (sum === undefined) {
      sum = { rows: 0, words: [0, 0, 0, 0] };
      this.#open.set(bucket, sum);
    }
    sum.rows += 1;
    sum.words[0] += rowHash.readInt32BE(0);
    sum.words[1] += rowHash.readUInt32BE(4);
    sum.words[2] += rowHash.readInt32BE(8);
    sum.words[3] += rowHash.readUInt32BE(12);
    if (sum.rows === exactRows) this.#close(bucket, sum);
  }

  sums(): readonly BucketSum[] {
    for (const [bucket, sum] of this.#open) this.#close(bucket, sum);
    return [...this.#closed.values()];
  }

  #close(bucket: number, { rows, words }: Bucket): void {
    this.#open.delete(bucket);
    const before = this.#closed.get(bucket) ?? { bucket, rows: 0n, sums: [0n, 0n] };
    const [first, second] = before.sums;
    this.#closed.set(bucket, {
      bucket,
      rows: before.rows + BigInt(rows),
      sums: [first + joined(words[0], words[1]), second + joined(words[2], words[3])],
    });
  }
}

function joined(upper: number, lower: number): bigint {
  return (BigInt(upper) << 32n) + BigInt(lower);
}
