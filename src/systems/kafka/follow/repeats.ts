import type { CarriedRecord } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import { readCommitted, type ReadLimits } from '../mirror/read-committed.ts';
import { isSameRecord } from './log-reader.ts';

/** Offsets of the first look back; each further one is wider, down to the begin of the log. */
const firstLook = 1_000n;
const widerBy = 8n;

/**
 * Tells of a copy whether it stands for a record that had come before. A carrier that was stopped between two notes of its place goes back to the earlier one and sends on from there: so the first copy is
 * searched, the nearest first, and those after it are looked for behind it.
 */
export class Repeats {
  readonly #cluster: Cluster;
  readonly #place: LedPartition;
  readonly #start: bigint;
  readonly #limits: ReadLimits;
  #following: AsyncGenerator<CarriedRecord> | undefined;
  #expected: CarriedRecord | undefined;

  /** Of the log that is copied. `start`: nothing below it was ever copied. */
  constructor(
    { cluster, place, start }: { readonly cluster: Cluster; readonly place: LedPartition; readonly start: bigint },
    limits: ReadLimits,
  ) {
    this.#cluster = cluster;
    this.#place = place;
    this.#start = start;
    this.#limits = limits;
  }

  /** The offset of the record, below `below`, that this is a copy of; undefined where there is none. */
  async of(copy: CarriedRecord, below: bigint): Promise<bigint | undefined> {
    const expected = this.#expected;
    if (expected !== undefined && expected.offset < below && isSameRecord(expected, copy)) {
      await this.#goOn();
      return expected.offset;
    }
    const found = await this.#search(copy, below);
    if (found === undefined) return undefined;
    this.#following = readCommitted(this.#cluster, this.#place, { from: found + 1n, end: below }, this.#limits);
    await this.#goOn();
    return found;
  }

  async #goOn(): Promise<void> {
    const next = await this.#following?.next();
    this.#expected = next?.done === false ? next.value : undefined;
  }

  async #search(copy: CarriedRecord, below: bigint): Promise<bigint | undefined> {
    const earliest = await this.#cluster.offsetOf(this.#place, 'earliest');
    const start = earliest > this.#start ? earliest : this.#start;
    let [end, width] = [below, firstLook];
    while (end > start) {
      const from = end - width > start ? end - width : start;
      let found: bigint | undefined;
      for await (const record of readCommitted(this.#cluster, this.#place, { from, end }, this.#limits)) {
        if (isSameRecord(record, copy)) found = record.offset;
      }
      if (found !== undefined) return found;
      [end, width] = [from, width * widerBy];
    }
    return undefined;
  }
}
