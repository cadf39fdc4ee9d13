/** What clients of Kafka have written and read, and what is wrong with it. A record is `producer:number`, and each producer has keys of its own. */

/** Of all records that were acknowledged: how far each producer came. Numbers begin with 1, and none is left out. */
export type Written = Readonly<Record<string, number>>;

export interface Judged {
  readonly records: number;
  /** Acknowledged, and never read. */
  readonly lost: number;
  /** Read more than once; each time after the first. */
  readonly doubled: number;
  /** Read after one of the same key that was written later. */
  readonly disordered: number;
}

/** What one reader has met, in the order in which it did. */
export class ReadBook {
  readonly #times = new Map<string, Map<number, number>>();
  readonly #lastOfKey = new Map<string, number>();
  #disordered = 0;
  #lastMs: number | undefined;
  #longestGapMs = 0;

  note(key: string, value: string, atMs: number): void {
    const [producer = '', text = ''] = value.split(':');
    const number = Number(text);
    const seen = this.#times.get(producer) ?? new Map<number, number>();
    this.#times.set(producer, seen.set(number, (seen.get(number) ?? 0) + 1));
    const last = this.#lastOfKey.get(key) ?? 0;
    // The same one again is doubled, and no matter of order.
    if (number < last) this.#disordered += 1;
    this.#lastOfKey.set(key, Math.max(last, number));
    if (this.#lastMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#lastMs);
    this.#lastMs = atMs;
  }

  get hasRead(): boolean {
    return this.#lastMs !== undefined;
  }

  get longestGapMs(): number {
    return this.#longestGapMs;
  }

  judge(written: Written): Judged {
    let [records, lost, doubled] = [0, 0, 0];
    for (const [producer, count] of Object.entries(written)) {
      const seen = this.#times.get(producer);
      records += count;
      for (let number = 1; number <= count; number += 1) if (seen?.has(number) !== true) lost += 1;
    }
    for (const seen of this.#times.values()) for (const times of seen.values()) doubled += times - 1;
    return { records, lost, doubled, disordered: this.#disordered };
  }
}
