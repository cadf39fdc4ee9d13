import assert from 'node:assert/strict';
import { isTealError } from '../kernel/errors.ts';
import { schemaParts, type SchemaDriver, type SchemaPart } from '../ports/schema-driver.ts';
import type { TextValues } from '../ports/digester.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { inOrder, insert, keyed, keyless, plainRows } from './relational.ts';
import type { ClientDatabase, TableShape } from './relational.ts';

/** Two databases without a table of the contract's; green has what a driver needs there. */
export interface SchemaWorld extends AsyncDisposable {
  readonly blue: ClientDatabase;
  readonly green: ClientDatabase;
  /** As a process has one that has only just begun: what was captured before is in the folder that all of this world's share. */
  readonly driver: () => SchemaDriver;
  /** Gives the first table a column that refers to the key of the second, by a foreign key of blue's. */
  readonly refer: (from: TableShape, to: TableShape) => Promise<void>;
  /** Everything of a side that a driver could make or drop, Teal's own things aside, as a plain value: the same for two sides of the same schema. */
  readonly look: (side: ClientDatabase) => Promise<unknown>;
}

const { signal } = new AbortController();
const work = { signal };
const child: TableShape = Object.freeze({ ...keyed, name: 'child' });
const unique: TableShape = Object.freeze({
  name: 'with_unique',
  columns: [
    { name: 'id', holds: 'number' },
    { name: 'other', holds: 'number', unique: true },
  ],
  key: ['id'],
} as const);
const shapes: readonly TableShape[] = [keyed, keyless, child, unique];

/** What every schema driver promises (`SchemaDriver` of teal/adapter). */
export function schemaContract(open: () => Promise<SchemaWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'brings the whole schema, part by part': async (world) => {
      await makeBlue(world);
      const driver = world.driver();
      for (const part of schemaParts) {
        await driver.apply([part], work);
        assert.equal((await driver.probe([part])).state, 'done', part);
      }
      assert.deepEqual(await world.look(world.green), await world.look(world.blue));
    },
    'brings it all at once, by several workers': async (world) => {
      await makeBlue(world);
      await world.driver().apply(schemaParts, { ...work, workers: 4 });
      assert.deepEqual(await world.look(world.green), await world.look(world.blue));
    },
    'after its first part rows have a place, whatever refers to what': async (world) => {
      await makeBlue(world);
      await world.driver().apply(['tables'], work);
      const places: readonly TextValues[] = [
        ['1', '1'],
        ['2', null],
      ];
      for (const [shape, rows] of [
        [keyed, plainRows(2)],
        [keyless, plainRows(2)],
        [unique, places],
      ] as const) {
        await world.green.write(insert(shape, ...rows));
        assert.deepEqual(inOrder(await world.green.rows(shape)), inOrder(rows));
      }
    },
    'what is not there is not said to be done': async (world) => {
      await makeBlue(world);
      const driver = world.driver();
      assert.equal((await driver.probe(schemaParts)).state, 'not done');
      await driver.capture(work);
      assert.equal((await driver.probe(schemaParts)).state, 'not done');
      await driver.apply(['tables'], work);
      const probed = await world.driver().probe(schemaParts);
      assert.equal(probed.state, 'partly');
      assert.match(probed.state === 'partly' ? probed.evidence : '', /\S/);
    },
    'is captured once: what blue has become since is not brought': async (world) => {
      await world.blue.make(keyed);
      const fingerprint = await world.driver().capture(work);
      assert.match(fingerprint, /\S/);
      assert.equal(await world.driver().capture(work), fingerprint);
      const before = await world.look(world.blue);
      await world.blue.make(keyless);
      await world.driver().apply(schemaParts, work);
      assert.deepEqual(await world.look(world.green), before);
    },
    'what is made is found, not made again, and rows in it stay': async (world) => {
      await makeBlue(world);
      const first = await world.driver().apply(schemaParts, work);
      assert.ok(first.created > 0);
      await world.green.write(insert(keyed, ...plainRows(3)));
      const before = await world.look(world.green);
      const second = await world.driver().apply(schemaParts, work);
      assert.equal(second.created, 0);
      assert.ok(second.found >= first.created);
      assert.deepEqual(await world.look(world.green), before);
      assert.deepEqual(inOrder(await world.green.rows(keyed)), inOrder(plainRows(3)));
    },
    'reverted nothing of it is left, and what was there before is; reverting twice is once': async (world) => {
      const mine: TableShape = { ...keyed, name: 'mine' };
      await world.green.make(mine);
      await world.green.write(insert(mine, ...plainRows(2)));
      const before = await world.look(world.green);
      await makeBlue(world);
      await world.driver().apply(schemaParts, work);
      await world.driver().revert(work);
      await world.driver().revert(work);
      assert.deepEqual(await world.look(world.green), before);
      assert.deepEqual(inOrder(await world.green.rows(mine)), inOrder(plainRows(2)));
      assert.notEqual((await world.driver().probe(schemaParts)).state, 'done');
    },
    'reverted it can be brought again': async (world) => {
      await makeBlue(world);
      await world.driver().apply(schemaParts, work);
      await world.driver().revert(work);
      await world.driver().apply(schemaParts, work);
      assert.deepEqual(await world.look(world.green), await world.look(world.blue));
    },
    'a table that is there and that it has not made stays, and is an error': async (world) => {
      await makeBlue(world);
      await world.green.make(keyed);
      await world.green.write(insert(keyed, ...plainRows(2)));
      await assert.rejects(world.driver().apply(['tables'], work), (error) => isTealError(error, 'TEAL-SYSTEMS-203'));
      await world.driver().revert(work);
      assert.deepEqual(inOrder(await world.green.rows(keyed)), inOrder(plainRows(2)));
    },
    'ended in the middle it goes on to the same end': async (world) => {
      await makeBlue(world);
      const stop = new AbortController();
      const reason = new Error('enough');
      const ready = async (): Promise<void> => {
        stop.abort(reason);
        stop.signal.throwIfAborted();
      };
      await world.driver().apply(['tables'], work);
      const rest: readonly SchemaPart[] = schemaParts.slice(1);
      await assert.rejects(world.driver().apply(rest, { signal: stop.signal, ready }));
      await world.driver().apply(schemaParts, work);
      assert.equal((await world.driver().probe(schemaParts)).state, 'done');
      assert.deepEqual(await world.look(world.green), await world.look(world.blue));
    },
    'work on a table waits until its rows are in': async (world) => {
      await makeBlue(world);
      await world.driver().apply(['tables'], work);
      const asked = new Set<string>();
      const ready = async ({ name }: { readonly name: string }): Promise<void> => {
        asked.add(name);
        await world.green.write(insert(unique, [String(asked.size), String(asked.size)]));
      };
      await world.driver().apply(['keys', 'indexes'], { ...work, ready });
      assert.ok(asked.has(unique.name), 'the unique column of a table is made when its rows are in');
    },
  });
}

async function makeBlue({ blue, refer }: SchemaWorld): Promise<void> {
  for (const shape of shapes) await blue.make(shape);
  await refer(child, keyed);
}
