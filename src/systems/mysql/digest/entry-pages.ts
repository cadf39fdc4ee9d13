import type { DigestEntry } from '../../../ports/digester.ts';

type PairOf = Pick<DigestEntry, 'key' | 'row'>;

/** By (key, row) as ASCII. */
function compare(a: PairOf, b: PairOf): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.row !== b.row) return a.row < b.row ? -1 : 1;
  return 0;
}

/**
 * The smallest of the entries at or after `from`, so many as memory allows: a sort of all of them would need room for all. `limit` is then the first that was left out, where the next
 * pass begins. Equal entries stay together, however many they are.
 */
export class SmallestEntries {
  readonly #from: PairOf | undefined;
  readonly #most: number;
  #entries: DigestEntry[] = [];
  #limit: PairOf | undefined;

  constructor(from: PairOf | undefined, most: number) {
    this.#from = from;
    this.#most = most;
  }

  add(entry: DigestEntry): void {
    if (this.#from !== undefined && compare(entry, this.#from) < 0) return;
    if (this.#limit !== undefined && compare(entry, this.#limit) >= 0) return;
    this.#entries.push(entry);
    if (this.#entries.length >= 2 * this.#most) this.#shrink();
  }

  /** In order, and where to go on; undefined when nothing was left out. */
  end(): { readonly entries: readonly DigestEntry[]; readonly limit: PairOf | undefined } {
    this.#entries.sort(compare);
    return { entries: this.#entries, limit: this.#limit };
  }

  #shrink(): void {
    this.#entries.sort(compare);
    const entries = this.#entries;
    const last = entries[this.#most];
    if (last === undefined) return;
    let cut = this.#most;
    while (cut > 0 && compare(entries[cut - 1] ?? last, last) === 0) cut -= 1;
    if (cut === 0) {
      // One entry, over and over: the next other one is the limit.
      cut = entries.findIndex((entry) => compare(entry, last) !== 0);
      if (cut === -1) return;
    }
    this.#limit = entries[cut];
    entries.length = cut;
  }
}
