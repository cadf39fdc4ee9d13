import type { TableName } from '../../model/catalog.ts';
import type { SchemaPart } from '../../ports/schema-driver.ts';
import type { OrderedItem } from './schema-order.ts';
import type { SchemaOrigin } from './schema-origin.ts';

/** One object, made in one transaction. */
export interface GivenItem {
  readonly part: SchemaPart;
  /** As pg_dump would name it: `TABLE`, `INDEX`, `FK CONSTRAINT` … */
  readonly type: string;
  /** `-` for objects without a schema. */
  readonly schema: string;
  readonly name: string;
  readonly statements: readonly string[];
  /** Takes the object away again; absent where it goes with its table. */
  readonly drop?: string;
  /** Tables that it locks. */
  readonly tables: readonly TableName[];
  readonly lock: OrderedItem['lock'];
  /** The same for the same object in every run. */
  readonly key: string;
}

/**
 * A schema that is written already, in an order in which it can be run. What belongs to `tables` is made as it stands. Of what comes later each item needs nothing but them and
 * the keys, and a check of a foreign key all foreign keys. Nothing is kept: who gives the items must give the same ones in every run.
 */
export function givenSchema(given: readonly GivenItem[]): SchemaOrigin {
  const items = inOrder(given);
  const drops = new Map(given.map(({ key, drop }) => [key, drop]));
  return {
    isKept: async () => true,
    keep: async () => undefined,
    load: async () => ({ preamble: '', items }),
    dropStatements: async (made) => made.toReversed().flatMap(({ key }) => drops.get(key) ?? []),
    forget: async () => undefined,
  };
}

function inOrder(given: readonly GivenItem[]): readonly OrderedItem[] {
  const items = given.map((each, place) => ({ ...each, dumpId: place + 1 }));
  const foreignKeys = new Set(items.filter(({ part }) => part === 'foreignKeys').map(({ dumpId }) => dumpId));
  const nothing = new Set<number>();
  return items.map(({ dumpId, part, type, schema, name, statements, tables, lock, key }) => ({
    item: {
      dumpId,
      type,
      schema,
      name,
      section: part === 'tables' ? 'pre-data' : 'post-data',
      needs: [],
      sql: statements.map((statement) => `${statement};\n`).join(''),
      key,
    },
    part,
    after: part === 'validation' ? foreignKeys : nothing,
    tables,
    lock,
  }));
}
