import type { CarriedRecord } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import { readCommitted, type ReadLimits } from '../mirror/read-committed.ts';
import { digestOf } from '../record-digest.ts';

/** Digests in memory of what was passed, and of what comes: some megabytes a partition. */
const mostRecent = 20_000;
const mostAhead = 20_000;
const chunk = 4_096n;

/**
 * What lies around the place of a follower in a compacted log. Compaction takes records away on the source before or after they were copied, so the copy at hand may be one further on, or one that the source
 * has no more. Which records are the newest of their keys a comparison tells (`compareKeys`).
 */
export class CompactedLog {
  readonly #cluster: Cluster;
  readonly #place: LedPartition;
  readonly #limits: ReadLimits;
  readonly #recent = new Map<string, bigint>();
  readonly #ahead = new Map<string, bigint>();
  #aheadTo = 0n;

  constructor(cluster: Cluster, place: LedPartition, limits: ReadLimits) {
    this.#cluster = cluster;
    this.#place = place;
    this.#limits = limits;
  }

  /** Its copy was found. */
  passed(record: CarriedRecord): void {
    this.#recent.set(digestOf(record), record.offset);
    if (this.#recent.size <= mostRecent) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      return;
    }
  }

  /** Whether it is a copy of a record that was passed lately, and of which. */
  recent(copy: CarriedRecord): bigint | undefined {
    return this.#recent.get(digestOf(copy));
  }

  /** Whether it is a copy of one of the next records from `next` on and below `end`, and of which. */
  async ahead(copy: CarriedRecord, next: bigint, end: bigint): Promise<bigint | undefined> {
    if (this.#aheadTo < next || this.#ahead.size > 2 * mostAhead) {
      this.#ahead.clear();
      this.#aheadTo = next;
    }
    const digest = digestOf(copy);
    for (;;) {
      const found = this.#ahead.get(digest);
      if (found !== undefined && found >= next) return found;
      if (this.#aheadTo >= end || this.#ahead.size >= mostAhead) return undefined;
      await this.#readOn(end);
    }
  }

  async #readOn(end: bigint): Promise<void> {
    const from = this.#aheadTo;
    const to = from + chunk < end ? from + chunk : end;
    for await (const record of readCommitted(this.#cluster, this.#place, { from, end: to }, this.#limits)) {
      this.#ahead.set(digestOf(record), record.offset);
    }
    this.#aheadTo = to;
  }
}
