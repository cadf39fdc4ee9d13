import { assert } from '../kernel/assert.ts';

/**
 * Records that lie one after the other on both sides: the record at `sourceStart + i` is the one at `targetStart + i`, for every i below `length`. A run ends where either
 * side has something else between two records: control records, what compaction took away, an offset of nobody.
 */
export interface OffsetRun {
  readonly sourceStart: bigint;
  readonly targetStart: bigint;
  readonly length: bigint;
}

/** One place on both sides. */
export interface OffsetPair {
  readonly source: bigint;
  readonly target: bigint;
}

/**
 * Where a reader who goes on at an offset of one side goes on at the other: it meets there exactly the records that it would have met.
 *
 * - `record`: that very record.
 * - `next`: no record has that offset; the first one after it.
 * - `end`: there is no later record in the map; the place after the last.
 * - `beyond`: the map does not reach so far yet, and what is there cannot be told.
 */
export type Translated =
  | { readonly kind: 'record' | 'next' | 'end'; readonly offset: bigint }
  | { readonly kind: 'beyond' };

type Side = 'source' | 'target';

/** Cells of one run: where it starts on each side, and its length. */
const stride = 3;
const cellOf = { source: 0, target: 1 } as const;
const lengthCell = 2;

/**
 * Which offset of a partition became which of its mirror, for every record, in both directions. The two never differ by a constant: the mirror's own commits take
 * offsets of the target, and transactions and compaction leave offsets of the source without a record.
 *
 * It only grows, at its end. 24 bytes a run; a translation is a binary search.
 */
export class OffsetMap {
  /** Where the mirror began: the first source offset it asked for, and the end of the target then. */
  readonly origin: OffsetPair;
  #cells = new BigInt64Array(64 * stride);
  #count = 0;
  #reached: OffsetPair;

  constructor(origin: OffsetPair) {
    this.origin = origin;
    this.#reached = origin;
  }

  /** Every record of the source below `source` is in the map; `target` is the place after the last of them on the target. */
  get reached(): OffsetPair {
    return this.#reached;
  }

  get runCount(): number {
    return this.#count;
  }

  *runs(): Generator<OffsetRun> {
    for (let at = 0; at < this.#count; at += 1) yield this.#run(at);
  }

  /** Adds records at the end, lengthening the last run where they continue it on both sides. Going back on either side is a defect. */
  append(run: OffsetRun): void {
    const { sourceStart, targetStart, length } = run;
    assert(length > 0n, 'a run of records is empty', { length });
    assert(sourceStart >= this.#reached.source && targetStart >= this.#reached.target, 'a run of records goes back', {
      ...this.#reached,
      sourceStart,
      targetStart,
    });
    const continues =
      this.#count > 0 &&
      this.#end(this.#count - 1, 'source') === sourceStart &&
      this.#end(this.#count - 1, 'target') === targetStart;
    if (continues) this.#cells[(this.#count - 1) * stride + lengthCell] = this.#length(this.#count - 1) + length;
    else this.#push(run);
    this.#reached = { source: sourceStart + length, target: targetStart + length };
  }

  /** Says that the source has no further record below this offset. */
  reachSource(source: bigint): void {
    assert(source >= this.#reached.source, 'a map of offsets goes back', { ...this.#reached, to: source });
    this.#reached = { source, target: this.#reached.target };
  }

  /** Where a reader of the source that goes on at `offset` goes on at the target. */
  toTarget(offset: bigint): Translated {
    if (offset > this.#reached.source) return { kind: 'beyond' };
    return this.#translate(offset, 'source', 'target');
  }

  /**
   * The lowest offset of the target at which a reader meets what it would meet at `toTarget(offset)`: between the two lies no record. What was translated as `end` is such a place once the map has grown:
   * the next record lies behind the mirror's own commit.
   */
  leastOnTarget(offset: bigint): bigint {
    const at = this.#firstEndingAfter(offset, 'source');
    const passed = at < this.#count ? offset - this.#start(at, 'source') : 0n;
    if (passed > 0n) return this.#start(at, 'target') + passed;
    return at === 0 ? this.origin.target : this.#end(at - 1, 'target');
  }

  /**
   * Where a reader of the target that goes on at `offset` goes on at the source. Whatever lies on the target after the last mirrored record (the mirror's own commit; after
   * a cut, records of others) is `end`: who knows from which offset on the target holds others' records asks this map about nothing from there on.
   */
  toSource(offset: bigint): Translated {
    return this.#translate(offset, 'target', 'source');
  }

  #translate(offset: bigint, from: Side, to: Side): Translated {
    const at = this.#firstEndingAfter(offset, from);
    if (at === this.#count) return { kind: 'end', offset: this.#reached[to] };
    const start = this.#start(at, from);
    if (offset < start) return { kind: 'next', offset: this.#start(at, to) };
    return { kind: 'record', offset: this.#start(at, to) + (offset - start) };
  }

  /** Index of the first run whose end lies after the offset; their number if none does. */
  #firstEndingAfter(offset: bigint, side: Side): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#end(middle, side) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #push(run: OffsetRun): void {
    const at = this.#count * stride;
    if (at === this.#cells.length) {
      const longer = new BigInt64Array(this.#cells.length * 2);
      longer.set(this.#cells);
      this.#cells = longer;
    }
    this.#cells[at + cellOf.source] = run.sourceStart;
    this.#cells[at + cellOf.target] = run.targetStart;
    this.#cells[at + lengthCell] = run.length;
    this.#count += 1;
  }

  #run(at: number): OffsetRun {
    return {
      sourceStart: this.#start(at, 'source'),
      targetStart: this.#start(at, 'target'),
      length: this.#length(at),
    };
  }

  #start(at: number, side: Side): bigint {
    return this.#cells[at * stride + cellOf[side]] ?? 0n;
  }

  #length(at: number): bigint {
    return this.#cells[at * stride + lengthCell] ?? 0n;
  }

  #end(at: number, side: Side): bigint {
    return this.#start(at, side) + this.#length(at);
  }
}
