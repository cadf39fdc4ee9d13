import assert from 'node:assert/strict';
import { must } from '../kernel/assert.ts';
import { waitFor, within } from '../kernel/clock.ts';
import type { Table } from '../model/catalog.ts';
import type { CopyRange, HeldEpoch, SnapshotKeeper } from '../ports/snapshot-source.ts';
import { casesOf, type ContractCase } from './contract.ts';
import type { CopyWorld } from './copy-contract.ts';
import { codeOf } from './refusal.ts';
import { inOrder, insert, keyed, plainRows } from './relational.ts';

/** As that of a copy, with somebody who keeps snapshots of blue. */
export interface KeeperWorld extends Omit<CopyWorld, 'take'> {
  /** Of these tables of blue. Holds nothing yet; the only one in the world. */
  readonly keeper: (tables: readonly Table[]) => Promise<SnapshotKeeper>;
  /** Ends one of those who hold a snapshot for the keeper, or all of them, as a crash does. Resolves when they have gone. Where there is never more than one: all. */
  readonly lose: (how: 'one' | 'all') => Promise<void>;
  /** How long it may take until what has gone is seen to have gone, and until a table whose lock was let go can be had. */
  readonly patienceMs: number;
}

const { signal } = new AbortController();

/** What whoever keeps snapshots promises (`SnapshotKeeper` of teal/adapter). What a snapshot shows is promised by its source: see `copyContract`. */
export function keeperContract(open: () => Promise<KeeperWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'nobody holds a snapshot at first, and letting go of none is nothing': async (world) => {
      const { keeper } = await begin(world);
      assert.equal(await keeper.held(signal), undefined);
      await keeper.letGo(signal);
      assert.equal(await keeper.held(signal), undefined);
    },
    'what was taken is held under its epoch, as often as it is asked for, and shows what was there then': async (
      world,
    ) => {
      const { keeper, tables } = await begin(world);
      const taken = await keeper.take(7, signal);
      await world.blue.write(insert(keyed, ...plainRows(2, 100)));
      for (let time = 0; time < 2; time += 1) assertSame(await keeper.held(signal), taken);
      assert.equal(taken.epoch, 7);
      await assertShows(world, must(await keeper.held(signal), 'a snapshot'), tables, plainRows(5));
    },
    'of several the newest is told, and shows what was there when it was taken': async (world) => {
      const { keeper, tables } = await begin(world);
      const first = await keeper.take(1, signal);
      await world.blue.write(insert(keyed, ...plainRows(2, 100)));
      const second = await keeper.take(2, signal);
      await world.blue.write(insert(keyed, ...plainRows(1, 200)));
      assert.ok(second.source.snapshot > first.source.snapshot);
      assertSame(await keeper.held(signal), second);
      await assertShows(world, second, tables, [...plainRows(5), ...plainRows(2, 100)]);
    },
    'let go, nobody holds one and it cannot be read; twice is once': async (world) => {
      const { keeper } = await begin(world);
      const { source } = await keeper.take(1, signal);
      for (let time = 0; time < 2; time += 1) {
        await keeper.letGo(signal);
        assert.equal(await keeper.held(signal), undefined);
      }
      assert.equal(await codeOf(source.open(signal)), 'TEAL-SYNC-203');
    },
    'let go, it locks nothing': async (world) => {
      const { keeper } = await begin(world);
      await keeper.take(1, signal);
      await keeper.letGo(signal);
      const late = (): Error => new assert.AssertionError({ message: 'a client still waits for the lock of a table' });
      await within(world.patienceMs, late, async () => world.blue.write({ kind: 'truncate', table: keyed }));
      assert.deepEqual(await world.blue.rows(keyed), []);
    },
    'with one of its holders lost it is held, and shows the same': async (world) => {
      const { keeper, tables } = await begin(world);
      const taken = await keeper.take(1, signal);
      await world.blue.write(insert(keyed, ...plainRows(2, 100)));
      await world.lose('one');
      const held = await keeper.held(signal);
      // Where there was no other, it is lost, and that is said.
      if (held === undefined) return;
      assertSame(held, taken);
      await assertShows(world, held, tables, plainRows(5));
    },
    'with all of them lost nobody holds it, and another one can be taken': async (world) => {
      const { keeper, tables } = await begin(world);
      const lost = await keeper.take(1, signal);
      await world.lose('all');
      await world.blue.write(insert(keyed, ...plainRows(2, 100)));
      await waitFor(
        { what: 'a lost snapshot to be seen as lost', timeoutMs: world.patienceMs },
        async () => (await keeper.held(signal)) === undefined || undefined,
      ).catch(() => assert.fail('nobody holds it, and it is said to be held'));
      assert.equal(await codeOf(lost.source.open(signal)), 'TEAL-SYNC-203');
      const taken = await keeper.take(2, signal);
      assertSame(await keeper.held(signal), taken);
      await assertShows(world, taken, tables, [...plainRows(5), ...plainRows(2, 100)]);
    },
    'an abort ends the taking with its reason, and nothing is held': async (world) => {
      const { keeper } = await begin(world);
      const reason = new Error('enough');
      await assert.rejects(keeper.take(1, AbortSignal.abort(reason)), reason);
      assert.equal(await keeper.held(signal), undefined);
      const taken = await keeper.take(1, signal);
      assertSame(await keeper.held(signal), taken);
    },
  });
}

interface Begun {
  readonly keeper: SnapshotKeeper;
  readonly tables: readonly Table[];
}

/** `keyed` on both sides, with five rows on blue. */
async function begin(world: KeeperWorld): Promise<Begun> {
  for (const side of [world.blue, world.green]) await side.make(keyed);
  await world.blue.write(insert(keyed, ...plainRows(5)));
  const tables = await world.describe([keyed]);
  return { keeper: await world.keeper(tables), tables };
}

function assertSame(one: HeldEpoch | undefined, other: HeldEpoch | undefined): void {
  const told = (held: HeldEpoch | undefined): unknown => held && [held.epoch, held.source.snapshot];
  assert.deepEqual(told(one), told(other));
}

/** By a copy of it. */
async function assertShows(
  world: KeeperWorld,
  { epoch, source }: HeldEpoch,
  tables: readonly Table[],
  rows: ReturnType<typeof plainRows>,
): Promise<void> {
  const target = world.openTarget();
  const run = { epoch, snapshot: source.snapshot, tables };
  await target.begin(run, signal);
  const range: CopyRange = { table: must(tables[0], 'a table'), from: 0 };
  await using reader = await source.open(signal);
  await using writer = await target.open(run, signal);
  await writer.write(range, reader.read(range, must(world.formats[0], 'a form of rows')));
  assert.deepEqual(inOrder(await world.green.rows(keyed)), inOrder(rows));
}
