import assert from 'node:assert/strict';
import type { Catalog, Table } from '../model/catalog.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { insert, keyed, keyless, plainRows } from './relational.ts';
import type { ClientDatabase, TableShape } from './relational.ts';

/** What every system's introspector has, whatever else its facts and its catalog say. */
export interface AnyIntrospector {
  identify(): Promise<{
    readonly identity: { readonly cluster: string; readonly database: string };
    readonly version: string;
  }>;
  describe(): Promise<Catalog>;
  facts(): Promise<object>;
}

/** One database without a table of the contract's, in which Teal has made its own tables. */
export interface IntrospectorWorld extends AsyncDisposable {
  readonly database: ClientDatabase;
  readonly introspector: AnyIntrospector;
  /** Another one, by a session of its own, of the same database. */
  readonly another: () => Promise<AnyIntrospector>;
  /** All that an introspector could change, as a plain value. */
  readonly look: () => Promise<unknown>;
}

const withUnique: TableShape = Object.freeze({
  name: 'with_unique',
  columns: [
    { name: 'id', holds: 'number' },
    { name: 'other', holds: 'number', unique: true },
  ],
  key: ['id'],
} as const);

/** What every introspector promises (`Introspector` of teal/adapter). */
export function introspectorContract(open: () => Promise<IntrospectorWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'a database is the same one to whoever asks': async ({ introspector, another }) => {
      const { identity, version } = await introspector.identify();
      assert.match(identity.cluster, /\S/);
      assert.match(version, /\d/);
      assert.deepEqual((await introspector.identify()).identity, identity);
      assert.deepEqual((await (await another()).identify()).identity, identity);
    },
    'tables are described with their columns in order, their keys and what is unique in them': async (world) => {
      for (const shape of [keyed, keyless, withUnique]) await world.database.make(shape);
      const tables = await tablesOf(world);
      const described = [keyed, keyless, withUnique].map(({ name }) => {
        const table = tables.find((each) => each.name === name);
        assert.ok(table !== undefined, name);
        return table;
      });
      assert.deepEqual(
        described.map(({ columns, primaryKey }) => [columns.map(({ name }) => name), primaryKey ?? []]),
        [keyed, keyless, withUnique].map(({ columns, key }) => [columns.map(({ name }) => name), key]),
      );
      const [first, second, third] = described;
      assert.deepEqual(
        first?.columns.map(({ notNull, generated }) => [notNull, generated]),
        [
          [true, 'no'],
          [false, 'no'],
          [false, 'no'],
        ],
      );
      assert.deepEqual([first?.replicaIdentity.kind, second?.replicaIdentity.kind], ['key', 'full']);
      assert.ok(third?.uniqueKeys.some(({ columns }) => columns.join() === 'other'));
      assert.equal(new Set(described.map(({ oid }) => oid)).size, 3);
    },
    'each look is a new one': async (world) => {
      assert.deepEqual(await tablesOf(world), []);
      await world.database.make(keyed);
      assert.deepEqual(
        (await tablesOf(world)).map(({ name }) => name),
        [keyed.name],
      );
    },
    'nothing of Teal is described': async ({ database, introspector }) => {
      await database.make(keyed);
      const { tables, sequences, views } = await introspector.describe();
      assert.deepEqual(
        [...tables, ...sequences, ...views].filter(({ schema }) => schema === 'teal'),
        [],
      );
    },
    'a fact is known, or there is a reason why not': async ({ introspector }) => {
      const facts = await introspector.facts();
      const values = Object.values(facts).filter(
        (value) => typeof value === 'object' && value !== null && 'known' in value,
      );
      assert.ok(values.length > 0);
      for (const fact of values as readonly { readonly known: unknown; readonly why?: string }[]) {
        if (fact.known === false) assert.match(fact.why ?? '', /\S/);
        else assert.ok(fact.known === true && 'value' in fact);
      }
    },
    'it changes nothing': async ({ database, introspector, look }) => {
      await database.make(keyed);
      await database.write(insert(keyed, ...plainRows(3)));
      const before = await look();
      await introspector.identify();
      await introspector.describe();
      await introspector.facts();
      assert.deepEqual(await look(), before);
    },
  });
}

async function tablesOf({ database, introspector }: IntrospectorWorld): Promise<readonly Table[]> {
  const { tables } = await introspector.describe();
  return tables.filter(({ schema }) => schema === database.schema);
}
