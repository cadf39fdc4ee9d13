import { assert } from '../../kernel/assert.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { OrderedItem } from './schema-order.ts';

/**
 * Hands out items to workers: each after what it needs, when the rows of its tables are in, and with no two on one table that would wait for each other. Two that
 * lock the same two tables in other orders would deadlock (foreign keys in a circle).
 */
export class SchemaBoard {
  readonly #waiting: Set<OrderedItem>;
  readonly #there: Set<number>;
  readonly #locks = new Map<string, { shared: number; exclusive: boolean }>();
  readonly #notReady = new Set<string>();
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  /** `there`: dump ids that need no work. */
  constructor(items: readonly OrderedItem[], there: ReadonlySet<number>) {
    this.#there = new Set(there);
    this.#waiting = new Set(items.filter(({ item }) => !there.has(item.dumpId)));
  }

  /** Items on a table wait until its promise resolves; a rejection fails the board. */
  waitForTables(ready: (table: TableName) => Promise<void>): void {
    const tables = new Map([...this.#waiting].flatMap(({ tables }) => tables).map((table) => [tableKey(table), table]));
    for (const [key, table] of tables) {
      this.#notReady.add(key);
      void this.#awaitTable(key, ready(table));
    }
  }

  /** The next item that may be run; undefined when all are handed out. Throws what the board failed with. */
  async next(): Promise<OrderedItem | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#waiting.size === 0) return undefined;
      const item = this.#firstRunnable();
      if (item !== undefined) return this.#take(item);
      assert(this.#running > 0 || this.#notReady.size > 0, 'items of a schema wait for each other', {
        items: this.#waiting.size,
      });
      await this.#changed.promise;
    }
  }

  finished(taken: OrderedItem): void {
    this.#there.add(taken.item.dumpId);
    this.#running -= 1;
    for (const table of taken.tables) {
      const lock = this.#lockOf(table);
      if (taken.lock === 'shared') lock.shared -= 1;
      else lock.exclusive = false;
    }
    this.#wake();
  }

  /** The first failure is the one that all workers get. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  async #awaitTable(key: string, ready: Promise<void>): Promise<void> {
    try {
      await ready;
      this.#notReady.delete(key);
      this.#wake();
    } catch (error) {
      this.fail(error);
    }
  }

  #firstRunnable(): OrderedItem | undefined {
    for (const candidate of this.#waiting) {
      if (this.#isRunnable(candidate)) return candidate;
    }
    return undefined;
  }

  #isRunnable({ after, tables, lock }: OrderedItem): boolean {
    for (const id of after) if (!this.#there.has(id)) return false;
    return tables.every((table) => {
      const held = this.#lockOf(table);
      const isFree = !held.exclusive && (lock === 'shared' || held.shared === 0);
      return isFree && !this.#notReady.has(tableKey(table));
    });
  }

  #take(taken: OrderedItem): OrderedItem {
    this.#waiting.delete(taken);
    this.#running += 1;
    for (const table of taken.tables) {
      const lock = this.#lockOf(table);
      if (taken.lock === 'shared') lock.shared += 1;
      else lock.exclusive = true;
    }
    return taken;
  }

  #lockOf(table: TableName): { shared: number; exclusive: boolean } {
    const key = tableKey(table);
    const lock = this.#locks.get(key) ?? { shared: 0, exclusive: false };
    this.#locks.set(key, lock);
    return lock;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
