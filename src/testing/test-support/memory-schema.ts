import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { schemaParts, type SchemaDriver, type SchemaPart } from '../../ports/schema-driver.ts';
import type { ClientDatabase } from '../relational.ts';
import type { SchemaWorld } from '../schema-contract.ts';
import { memoryDatabase, tableOf, type MemoryDatabase } from './memory-database.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type SchemaFault =
  | 'leaves out foreign keys'
  | 'loses what workers make'
  | 'makes some tables later'
  | 'is always done'
  | 'captures anew'
  | 'makes everything again'
  | 'drops what it has not made'
  | 'remembers what it has dropped'
  | 'takes over what is there'
  | 'forgets what it has made when it is ended'
  | 'waits for no rows';

/** A part of a table; the first makes it. */
interface Item {
  readonly table: string;
  readonly part: SchemaPart;
}

interface Sides {
  readonly blue: MemoryDatabase;
  readonly green: MemoryDatabase;
  readonly items: Readonly<Record<'blue' | 'green', Set<string>>>;
  captured: readonly Item[] | undefined;
  readonly made: Set<string>;
}

const ownParts: readonly SchemaPart[] = ['tables', 'keys', 'indexes'];

export function memorySchemaWorld(fault?: SchemaFault): SchemaWorld {
  const items = { blue: new Set<string>(), green: new Set<string>() };
  const sides: Sides = {
    blue: memoryDatabase(),
    green: memoryDatabase(),
    items,
    captured: undefined,
    made: new Set(),
  };
  const made = (side: 'blue' | 'green'): ClientDatabase => ({
    ...sides[side],
    make: async (shape) => {
      await sides[side].make(shape);
      for (const part of ownParts) items[side].add(keyOf({ table: shape.name, part }));
    },
  });
  const [blue, green] = [made('blue'), made('green')];
  return {
    blue,
    green,
    driver: () => driverOf(sides, fault),
    refer: async ({ name: table }) => {
      for (const part of ['foreignKeys', 'validation'] as const) items.blue.add(keyOf({ table, part }));
    },
    look: async (side) => [...items[side === blue ? 'blue' : 'green']].toSorted(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function keyOf({ table, part }: Item): string {
  return JSON.stringify([table, part]);
}

function itemOf(key: string): Item {
  const [table, part] = JSON.parse(key) as [string, SchemaPart];
  return { table, part };
}

function driverOf(sides: Sides, fault: SchemaFault | undefined): SchemaDriver {
  const { blue, green, items, made } = sides;
  const capture = (): readonly Item[] => {
    if (sides.captured === undefined || fault === 'captures anew') sides.captured = [...items.blue].map(itemOf);
    return sides.captured;
  };
  const make = (item: Item): void => {
    if (item.part === 'tables') {
      if (items.green.has(keyOf(item)) && fault !== 'takes over what is there' && fault !== 'makes everything again')
        throw new TealError('TEAL-SYSTEMS-203', 'it is there already');
      if (fault !== 'takes over what is there' || !items.green.has(keyOf(item)))
        green.tables.set(item.table, { shape: tableOf(blue.tables, item.table).shape, rows: [] });
    }
    items.green.add(keyOf(item));
    made.add(keyOf(item));
  };
  const ofParts = (parts: readonly SchemaPart[]): readonly Item[] => {
    const wanted = capture()
      .filter(({ part }) => parts.includes(part))
      .toSorted((a, b) => schemaParts.indexOf(a.part) - schemaParts.indexOf(b.part));
    if (fault === 'leaves out foreign keys') return wanted.filter(({ part }) => part !== 'foreignKeys');
    if (fault === 'makes some tables later' && parts.length === 1) return wanted.slice(1);
    return wanted;
  };
  return {
    capture: async () => JSON.stringify(capture()),
    async apply(parts, { signal, workers = 1, ready }) {
      const all = ofParts(parts);
      const wanted = fault === 'loses what workers make' && workers > 1 ? all.slice(0, -1) : all;
      const report = { created: 0, found: 0, left: [] };
      try {
        for (const item of wanted) {
          signal.throwIfAborted();
          const isThere = made.has(keyOf(item)) && fault !== 'makes everything again';
          if (item.part !== 'tables' && fault !== 'waits for no rows')
            await ready?.({ schema: blue.schema, name: item.table });
          if (!isThere) make(item);
          report[isThere ? 'found' : 'created'] += 1;
        }
      } catch (error) {
        if (fault === 'forgets what it has made when it is ended') made.clear();
        throw error;
      }
      return report;
    },
    async probe(parts) {
      const wanted = (sides.captured ?? []).filter(({ part }) => parts.includes(part));
      const there = wanted.filter((item) => items.green.has(keyOf(item)) && made.has(keyOf(item))).length;
      const evidence = `${there} of ${wanted.length} are there`;
      const isDone = sides.captured !== undefined && there === wanted.length;
      if (isDone || fault === 'is always done') return { state: 'done', evidence };
      return there === 0 ? { state: 'not done' } : { state: 'partly', evidence };
    },
    async revert() {
      const gone = fault === 'drops what it has not made' ? [...items.green] : [...made];
      for (const key of gone) {
        items.green.delete(key);
        if (itemOf(key).part === 'tables') must(green.tables.delete(itemOf(key).table) || undefined, 'a table');
      }
      if (fault !== 'remembers what it has dropped') made.clear();
    },
  };
}
