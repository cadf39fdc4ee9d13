import assert from 'node:assert/strict';
import { otherSide, type Side } from '../model/catalog.ts';
import type { SchemaComparison, SchemaLook, SchemaMark, Schemas } from '../ports/schemas.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { insert, keyed, keyless, plainRows } from './relational.ts';
import type { ClientDatabase, TableShape } from './relational.ts';

/** Two databases that have `keyed` and `keyless` when the migration begins, and nothing else that is compared. */
export interface SchemasWorld extends AsyncDisposable {
  readonly clients: Readonly<Record<Side, ClientDatabase>>;
  /** Of a migration of all tables, those that come later too, that has begun with these two. */
  readonly schemas: Schemas;
  /** Gives a table of one side a column of numbers. */
  readonly addColumn: (side: Side, table: TableShape, column: string) => Promise<void>;
  /** Gives a table of one side an index on a column of it. */
  readonly addIndex: (side: Side, table: TableShape, index: string, column: string) => Promise<void>;
  /** Somebody who wants to change `keyed` of a side and waits for a lock that Teal has. Resolves when he waits, with what lets him go. */
  readonly waitForTeal: (side: Side) => Promise<() => Promise<void>>;
}

const sides = ['blue', 'green'] as const;
const none: SchemaLook = { lacking: [], surplus: [], unmoved: [] };
const later: TableShape = Object.freeze({ ...keyed, name: 'came_later' });

/** What a comparison of two schemas promises (`Schemas` of teal/adapter). */
export function schemasContract(open: () => Promise<SchemasWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'two sides that are the same differ in nothing, whichever is live': async ({ schemas }) => {
      for (const live of sides) {
        assert.deepEqual(await schemas.look(live), none);
        const { mark, ...told } = await schemas.compare(live);
        assert.deepEqual(told, { ...none, objects: [], refused: [] });
        assert.match(mark.digest, /\S/);
        assert.deepEqual(await schemas.lacking(live), []);
        assert.deepEqual(await schemas.blocked(live), []);
      }
    },
    'a column that the other side has not is lacking there, and too much here': async ({ schemas, addColumn }) => {
      for (const live of sides) {
        const name = `of_${live}`;
        await addColumn(live, keyed, name);
        for (const look of [await schemas.look(live), await schemas.compare(live)]) assertNamed(look.lacking, name);
        assertNamed(await schemas.lacking(live), name);
        assertNamed((await schemas.look(otherSide(live))).surplus, name);
        assert.deepEqual(named((await schemas.look(otherSide(live))).lacking, name), []);
      }
    },
    'each call asks anew': async ({ schemas, addColumn }) => {
      await addColumn('blue', keyed, 'more');
      assertNamed((await schemas.look('blue')).lacking, 'more');
      await addColumn('green', keyed, 'more');
      assert.deepEqual(await schemas.look('blue'), none);
      assert.deepEqual(await schemas.lacking('blue'), []);
      assert.deepEqual((await schemas.compare('blue')).lacking, []);
    },
    'a table that came later is told, but is none of those that were there at the beginning': async (world) => {
      const { schemas, clients } = world;
      await clients.blue.make(later);
      assertNamed((await schemas.look('blue')).lacking, later.name);
      assert.deepEqual(await schemas.lacking('blue'), []);
      await clients.green.make(later);
      const { lacking, unmoved } = await schemas.look('blue');
      assert.deepEqual(lacking, []);
      assertNamed(unmoved, later.name);
    },
    'an index that the other side has not is an object, and nothing that rows need': async ({ schemas, addIndex }) => {
      await addIndex('blue', keyed, 'by_amount', 'amount');
      const { objects, lacking, surplus } = await schemas.compare('blue');
      assertNamed(objects, 'by_amount');
      assert.deepEqual([lacking, surplus], [[], []]);
      assert.deepEqual(await schemas.look('blue'), none);
      await addIndex('green', keyed, 'by_amount', 'amount');
      assert.deepEqual((await schemas.compare('blue')).objects, []);
    },
    'rows are no matter of a schema, nor are they in a sentence': async ({ schemas, clients, addColumn }) => {
      await addColumn('blue', keyless, 'more');
      const before = await schemas.compare('blue');
      await clients.blue.write(insert(keyed, ...plainRows(3), ['9', 'a secret', null]));
      assert.deepEqual(definitions(await schemas.compare('blue')), definitions(before));
      assert.doesNotMatch(JSON.stringify(await schemas.compare('blue')), /a secret/);
    },
    'a mark is another one after a change, and tells which object changed': async ({ schemas, addColumn }) => {
      const markOf = async (): Promise<Pick<SchemaMark, 'digest' | 'objects'>> =>
        definitions(await schemas.compare('blue')).mark;
      const before = await markOf();
      // Nothing of the other side is in it.
      await addColumn('green', keyed, 'more');
      assert.deepEqual(await markOf(), before);
      await addColumn('blue', keyed, 'more');
      const after = await markOf();
      assert.notEqual(after.digest, before.digest);
      const changed = Object.keys(after.objects).filter((name) => after.objects[name] !== before.objects[name]);
      assertNamed(changed, keyed.name);
      assert.deepEqual(named(changed, keyless.name), []);
    },
    'who waits for a lock of Teal is told, as long as he waits': async ({ schemas, waitForTeal }) => {
      const letGo = await waitForTeal('blue');
      assert.equal((await schemas.blocked('blue')).length, 1);
      await letGo();
      assert.deepEqual(await schemas.blocked('blue'), []);
    },
  });
}

/** What is the same as long as the definitions are; a mark's `state` may also be another one. */
function definitions({ mark, ...told }: SchemaComparison): Omit<SchemaComparison, 'mark'> & {
  readonly mark: Pick<SchemaMark, 'digest' | 'objects'>;
} {
  return { ...told, mark: { digest: mark.digest, objects: mark.objects } };
}

function named(sentences: readonly string[], name: string): readonly string[] {
  return sentences.filter((sentence) => sentence.includes(name));
}

function assertNamed(sentences: readonly string[], name: string): void {
  assert.ok(named(sentences, name).length > 0, `${name} is not among: ${sentences.join('; ') || 'nothing'}`);
}
