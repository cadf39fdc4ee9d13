import type { DigestEntry } from '../ports/digester.ts';

/** One key whose rows are not the same on both sides; what both have is already taken off. */
export interface KeyDifference {
  readonly key: string;
  readonly live: SurplusRows;
  readonly other: SurplusRows;
}

export interface SurplusRows {
  readonly count: number;
  /** At most `maxLocators` of them. */
  readonly locators: readonly string[];
}

export type EntryPages = AsyncIterable<readonly DigestEntry[]>;

/**
 * Walks two sides' entries, both in the order of (key, row), and yields the keys where they differ. Multisets: what stands twice on one side and once on
 * the other is a surplus of one. Memory: two pages, and the locators of one key. `onEqual` is told the live side's entry of each
 * row that both have.
 */
export async function* mergeEntries(
  live: EntryPages,
  other: EntryPages,
  maxLocators: number,
  onEqual?: (entry: DigestEntry) => void,
): AsyncGenerator<KeyDifference, void, undefined> {
  await using a = new EntryCursor(live);
  await using b = new EntryCursor(other);
  await Promise.all([a.advance(), b.advance()]);
  let open: OpenKey | undefined;
  while (a.current !== undefined || b.current !== undefined) {
    const order = compareEntries(a.current, b.current);
    const entry = order <= 0 ? a.current : b.current;
    if (open !== undefined && entry !== undefined && open.key !== entry.key) {
      yield open.closed();
      open = undefined;
    }
    if (order === 0) {
      if (entry !== undefined) onEqual?.(entry);
      await a.advance();
      await b.advance();
      continue;
    }
    const [side, cursor] = order < 0 ? (['live', a] as const) : (['other', b] as const);
    if (entry !== undefined) {
      open ??= new OpenKey(entry.key, maxLocators);
      open.add(side, entry.locator);
    }
    await cursor.advance();
  }
  if (open !== undefined) yield open.closed();
}

/** Hashes are ASCII, so that the order of JavaScript's strings is that of their bytes. The end of a side comes after everything. */
function compareEntries(a: DigestEntry | undefined, b: DigestEntry | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.row !== b.row) return a.row < b.row ? -1 : 1;
  return 0;
}

class OpenKey {
  readonly key: string;
  readonly #maxLocators: number;
  readonly #counts = { live: 0, other: 0 };
  readonly #locators: { readonly live: string[]; readonly other: string[] } = { live: [], other: [] };

  constructor(key: string, maxLocators: number) {
    this.key = key;
    this.#maxLocators = maxLocators;
  }

  add(side: 'live' | 'other', locator: string): void {
    this.#counts[side] += 1;
    if (this.#locators[side].length < this.#maxLocators) this.#locators[side].push(locator);
  }

  closed(): KeyDifference {
    return {
      key: this.key,
      live: { count: this.#counts.live, locators: this.#locators.live },
      other: { count: this.#counts.other, locators: this.#locators.other },
    };
  }
}

class EntryCursor implements AsyncDisposable {
  readonly #pages: AsyncIterator<readonly DigestEntry[]>;
  #page: readonly DigestEntry[] = [];
  #index = 0;
  current: DigestEntry | undefined;

  constructor(pages: EntryPages) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  async advance(): Promise<void> {
    while (this.#index >= this.#page.length) {
      const next = await this.#pages.next();
      if (next.done === true) {
        this.current = undefined;
        return;
      }
      this.#page = next.value;
      this.#index = 0;
    }
    this.current = this.#page[this.#index];
    this.#index += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages.return?.();
  }
}
