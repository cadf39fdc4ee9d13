import { randomUUID } from 'node:crypto';
import { emptyCatalog } from '../../../test/support/catalogs.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { AnyIntrospector, IntrospectorWorld } from '../introspector-contract.ts';
import { memoryTable } from './memory-copy.ts';
import { memoryDatabase, type MemoryDatabase } from './memory-database.ts';
import { memoryBeat } from './memory-source.ts';
import type { TableShape } from '../relational.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type IntrospectorFault =
  | 'is another one to each session'
  | 'has columns in the order of their names'
  | 'remembers its first look'
  | 'describes tables of Teal'
  | 'does not say why it does not know'
  | 'writes';

export function memoryIntrospectorWorld(fault?: IntrospectorFault): IntrospectorWorld {
  const database = memoryDatabase();
  return {
    database,
    introspector: introspectorOf(database, fault),
    another: async () => introspectorOf(database, fault),
    look: async () => [...database.tables.values()].map(({ shape, rows }) => [shape, rows]),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function introspectorOf(database: MemoryDatabase, fault: IntrospectorFault | undefined): AnyIntrospector {
  const cluster = fault === 'is another one to each session' ? randomUUID() : 'memory';
  let first: Catalog | undefined;
  return {
    identify: async () => ({ identity: { cluster, database: 'memory' }, version: '1.0' }),
    async describe() {
      if (fault === 'remembers its first look' && first !== undefined) return first;
      const shapes = [...database.tables.values()].map(({ shape }) =>
        memoryTable(fault === 'has columns in the order of their names' ? sorted(shape) : shape),
      );
      const ofTeal = fault === 'describes tables of Teal' ? [{ ...memoryTable(memoryBeat), schema: 'teal' }] : [];
      first = { ...emptyCatalog, tables: [...shapes, ...ofTeal] };
      return first;
    },
    async facts() {
      if (fault === 'writes') database.tables.clear();
      const why = fault === 'does not say why it does not know' ? '' : 'nobody knows';
      return { size: { known: true, value: 1 }, weather: { known: false, why } };
    },
  };
}

function sorted({ name, columns, key }: TableShape): TableShape {
  return { name, columns: columns.toSorted((a, b) => (a.name < b.name ? -1 : 1)), key };
}
