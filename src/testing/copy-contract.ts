import assert from 'node:assert/strict';
import { must } from '../kernel/assert.ts';
import type { Table } from '../model/catalog.ts';
import type { TextValues } from '../ports/digester.ts';
import type {
  CopyRange,
  CopyRun,
  CopyTarget,
  CopyWriter,
  RowFormat,
  RowStream,
  SnapshotSource,
  Written,
} from '../ports/snapshot-source.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { awkwardRows, inOrder, insert, keyed, keyless, plainRows, remove, update } from './relational.ts';
import type { ClientDatabase, TableShape } from './relational.ts';
import { codeOf } from './refusal.ts';

/** A snapshot, and whoever holds it. */
export interface TakenSnapshot {
  readonly source: SnapshotSource;
  /** Nobody holds it any more. */
  readonly letGo: () => Promise<void>;
}

/** Two databases without a table of the contract's, and with everything that a copy from blue to green needs. */
export interface CopyWorld extends AsyncDisposable {
  readonly blue: ClientDatabase;
  readonly green: ClientDatabase;
  /** Blue's tables as its introspector describes them, in this order. */
  readonly describe: (tables: readonly TableShape[]) => Promise<readonly Table[]>;
  /** A snapshot of now, which at least two readers at a time can read; the one before may be let go. Its units are so small that 400 rows of a hundred letters are several. */
  readonly take: (tables: readonly Table[]) => Promise<TakenSnapshot>;
  /** Green as a process sees it that has only just begun. */
  readonly openTarget: () => CopyTarget;
  /** Forms of rows in which blue writes and green reads. */
  readonly formats: readonly RowFormat[];
}

const { signal } = new AbortController();
const other: TableShape = Object.freeze({ ...keyed, name: 'other' });
const manyRows = plainRows(400);

/** What every source and every target of a copy promise to each other (`SnapshotSource` and `CopyTarget` of teal/adapter). */
export function copyContract(open: () => Promise<CopyWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'every reader shows what was there when the snapshot was taken, whenever it is opened': async (world) => {
      const { blue } = world;
      await makeBoth(world, keyed, keyless);
      const [first, second] = [must(awkwardRows[0], 'a row'), must(awkwardRows[1], 'a row')];
      for (const table of [keyed, keyless]) await blue.write(insert(table, ...awkwardRows));
      const tables = await world.describe([keyed, keyless]);
      const { source } = await world.take(tables);
      const early = await source.open(signal);
      for (const table of [keyed, keyless]) {
        await blue.write(insert(table, ['1000', 'later', null]));
        await blue.write(update(table, first, ['1', 'changed', null]), remove(table, second));
      }
      const { target, run } = await begun(world, source, tables);
      await using writer = await target.open(run, signal);
      await writer.write(wholeOf(tables, 0), early.read(wholeOf(tables, 0), formatOf(world)));
      await early[Symbol.asyncDispose]();
      await write(world, writer, source, wholeOf(tables, 1));
      for (const table of [keyed, keyless]) await assertRows(world.green, table, awkwardRows);
    },
    'the parts of a table hold every row once': async (world) => {
      await makeBoth(world, keyed);
      await world.blue.write(insert(keyed, ...manyRows));
      const tables = await world.describe([keyed]);
      const { source } = await world.take(tables);
      const parts = await partsOf(source, tables);
      assert.ok(parts.length > 1, '400 rows are more than one unit');
      const { target, run } = await begun(world, source, tables);
      await using writer = await target.open(run, signal);
      let rows = 0n;
      for (const part of parts.toReversed()) rows += rowsOf(await write(world, writer, source, part));
      assert.equal(rows, BigInt(manyRows.length));
      await assertRows(world.green, keyed, manyRows);
    },
    'every value is what it was, in every form': async (world) => {
      for (const [place, format] of world.formats.entries()) {
        const shapes = [keyed, keyless].map(({ name, columns, key }) => ({ name: `${name}_${format}`, columns, key }));
        await makeBoth(world, ...shapes);
        for (const shape of shapes) await world.blue.write(insert(shape, ...awkwardRows));
        const tables = await world.describe(shapes);
        const { source } = await world.take(tables);
        const { target, run } = await begun(world, source, tables, place + 1);
        await using writer = await target.open(run, signal);
        for (const table of tables) {
          const written = await write(world, writer, source, { table, from: 0 }, format);
          assert.equal(rowsOf(written), BigInt(awkwardRows.length));
        }
        for (const shape of shapes) await assertRows(world.green, shape, awkwardRows);
      }
    },
    'a range that is there is not written again, and its rows are not read': async (world) => {
      const { source, tables, target, run } = await filled(world, plainRows(5));
      await using writer = await target.open(run, signal);
      await write(world, writer, source, wholeOf(tables, 0));
      const unread = streamOf(world, [], () => assert.fail('the rows were read'));
      assert.deepEqual(await writer.write(wholeOf(tables, 0), unread), { state: 'already there' });
      await using next = await target.open(run, signal);
      assert.deepEqual(await next.write(wholeOf(tables, 0), unread), { state: 'already there' });
      await assertRows(world.green, keyed, plainRows(5));
    },
    'a range that has other rows than its source counted is not there': async (world) => {
      const { source, tables, target, run } = await filled(world, plainRows(5));
      const range = wholeOf(tables, 0);
      {
        await using reader = await source.open(signal);
        await using writer = await target.open(run, signal);
        const rows = reader.read(range, formatOf(world));
        const more: RowStream = { ...rows, spans: rows.spans, rowCount: () => rows.rowCount() + 1n };
        assert.equal(await codeOf(writer.write(range, more)), 'TEAL-SYNC-205');
      }
      await assertRows(world.green, keyed, []);
      assert.deepEqual(await target.done(tables), []);
      await using writer = await target.open(run, signal);
      await write(world, writer, source, range);
      await assertRows(world.green, keyed, plainRows(5));
    },
    'a range that breaks off is not there, and can be written again': async (world) => {
      const { source, tables, target, run } = await filled(world, plainRows(5));
      const range = wholeOf(tables, 0);
      const spans = await spansOf(world, source, range);
      const reason = new Error('the source is gone');
      {
        await using writer = await target.open(run, signal);
        const breaking = streamOf(world, spans, () => {
          throw reason;
        });
        await assert.rejects(writer.write(range, breaking));
      }
      await assertRows(world.green, keyed, []);
      assert.deepEqual(await target.done(tables), []);
      await using writer = await target.open(run, signal);
      assert.equal(rowsOf(await write(world, writer, source, range)), 5n);
      await assertRows(world.green, keyed, plainRows(5));
    },
    'a run that is begun again goes on with what is there': async (world) => {
      const { source, tables, target, run } = await filled(world, manyRows);
      const parts = await partsOf(source, tables);
      const [first, ...rest] = parts;
      {
        await using writer = await target.open(run, signal);
        await write(world, writer, source, must(first, 'a part'));
      }
      const before = await world.green.rows(keyed);
      const next = world.openTarget();
      const found = await next.begin(run, signal);
      assert.deepEqual(
        found.map((range) => [range.snapshot, range.table.name, range.from, range.to, range.rows]),
        [[source.snapshot, keyed.name, 0, first?.to, BigInt(before.length)]],
      );
      assert.deepEqual(inOrder(await world.green.rows(keyed)), inOrder(before));
      await using writer = await next.open(run, signal);
      for (const part of rest) await write(world, writer, source, part);
      await assertRows(world.green, keyed, manyRows);
    },
    'a later epoch leaves alone what is complete, and throws away the rest': async (world) => {
      await makeBoth(world, keyed, other);
      for (const table of [keyed, other]) await world.blue.write(insert(table, ...manyRows));
      const tables = await world.describe([keyed, other]);
      const { source } = await world.take(tables);
      const first = await begun(world, source, tables);
      {
        await using writer = await first.target.open(first.run, signal);
        const parts = await partsOf(source, tables);
        const ofOther = parts.find(({ table }) => table.name === other.name);
        for (const part of parts.filter(({ table }) => table.name === keyed.name))
          await write(world, writer, source, part);
        await write(world, writer, source, must(ofOther, 'a part'));
      }
      const later = await world.take(tables);
      const target = world.openTarget();
      const run = { epoch: 2, snapshot: later.source.snapshot, tables };
      const kept = await target.begin(run, signal);
      assert.deepEqual(
        new Set(kept.map(({ snapshot, table }) => `${table.name} ${snapshot}`)),
        new Set([`${keyed.name} ${source.snapshot}`]),
      );
      assert.equal(
        kept.reduce((sum, { rows }) => sum + rows, 0n),
        BigInt(manyRows.length),
      );
      await assertRows(world.green, keyed, manyRows);
      await assertRows(world.green, other, []);
      await using writer = await target.open(run, signal);
      await write(world, writer, later.source, wholeOf(tables, 1));
      await assertRows(world.green, other, manyRows);
    },
    'an epoch is of one snapshot': async (world) => {
      const { tables, run } = await filled(world, plainRows(5));
      const { source } = await world.take(tables);
      const refused = codeOf(world.openTarget().begin({ ...run, snapshot: source.snapshot }, signal));
      assert.equal(await refused, 'TEAL-SYNC-202');
    },
    'an epoch does not begin after a later one': async (world) => {
      const { tables, target, run } = await filled(world, plainRows(5));
      const { source } = await world.take(tables);
      await target.begin({ epoch: 2, snapshot: source.snapshot, tables }, signal);
      assert.equal(await codeOf(world.openTarget().begin(run, signal)), 'TEAL-SYNC-206');
    },
    'rows that no copy has brought are not thrown away': async (world) => {
      await makeBoth(world, keyed);
      await world.green.write(insert(keyed, ...plainRows(2)));
      const tables = await world.describe([keyed]);
      const { source } = await world.take(tables);
      const begin = world.openTarget().begin({ epoch: 1, snapshot: source.snapshot, tables }, signal);
      assert.equal(await codeOf(begin), 'TEAL-SYNC-201');
      await assertRows(world.green, keyed, plainRows(2));
    },
    'a writer of before a run was begun again brings nothing': async (world) => {
      const { source, tables, target, run } = await filled(world, plainRows(5));
      await using old = await target.open(run, signal);
      const next = world.openTarget();
      await next.begin(run, signal);
      await assert.rejects(write(world, old, source, wholeOf(tables, 0)));
      await assertRows(world.green, keyed, []);
      assert.deepEqual(await next.done(tables), []);
      await using writer = await next.open(run, signal);
      await write(world, writer, source, wholeOf(tables, 0));
      await assertRows(world.green, keyed, plainRows(5));
    },
    'tells its newest epoch and what is there, and changes nothing by it': async (world) => {
      await makeBoth(world, keyed);
      await world.blue.write(insert(keyed, ...plainRows(5)));
      const tables = await world.describe([keyed]);
      const { source } = await world.take(tables);
      const target = world.openTarget();
      assert.deepEqual([await target.epoch(), await target.done(tables)], [0, []]);
      const { run } = await begun(world, source, tables, 7, target);
      assert.deepEqual([await target.epoch(), await target.done(tables)], [7, []]);
      await using writer = await target.open(run, signal);
      await write(world, writer, source, wholeOf(tables, 0));
      for (let time = 0; time < 2; time += 1) {
        const [range, ...more] = await world.openTarget().done(tables);
        assert.deepEqual([range?.snapshot, range?.from, range?.to, range?.rows], [source.snapshot, 0, undefined, 5n]);
        assert.deepEqual(more, []);
      }
      await assertRows(world.green, keyed, plainRows(5));
    },
    'a table without rows is copied too, and said to be there': async (world) => {
      const { source, tables, target, run } = await filled(world, []);
      await using writer = await target.open(run, signal);
      for (const part of await partsOf(source, tables)) await write(world, writer, source, part);
      const done = await target.done(tables);
      assert.ok(done.length > 0 && done.at(-1)?.to === undefined);
      assert.ok(done.every(({ rows }) => rows === 0n));
    },
    'a snapshot that nobody holds cannot be read': async (world) => {
      await makeBoth(world, keyed);
      const { source, letGo } = await world.take(await world.describe([keyed]));
      await letGo();
      assert.equal(await codeOf(source.open(signal)), 'TEAL-SYNC-203');
    },
    'later snapshots have greater names': async (world) => {
      await makeBoth(world, keyed);
      const tables = await world.describe([keyed]);
      const names: string[] = [];
      for (let id = 1; id <= 3; id += 1) {
        await world.blue.write(insert(keyed, [String(id), 'x', null]));
        names.push((await world.take(tables)).source.snapshot);
      }
      assert.deepEqual(names, names.toSorted());
      assert.equal(new Set(names).size, 3);
    },
  });
}

async function makeBoth({ blue, green }: CopyWorld, ...shapes: readonly TableShape[]): Promise<void> {
  for (const shape of shapes) for (const side of [blue, green]) await side.make(shape);
}

interface Begun {
  readonly source: SnapshotSource;
  readonly tables: readonly Table[];
  readonly target: CopyTarget;
  readonly run: CopyRun;
}

/** `keyed` with these rows on blue, and a run that has begun. */
async function filled(world: CopyWorld, rows: readonly TextValues[]): Promise<Begun> {
  await makeBoth(world, keyed);
  await world.blue.write(insert(keyed, ...rows));
  const tables = await world.describe([keyed]);
  const { source } = await world.take(tables);
  return begun(world, source, tables);
}

async function begun(
  world: CopyWorld,
  source: SnapshotSource,
  tables: readonly Table[],
  epoch = 1,
  target = world.openTarget(),
): Promise<Begun> {
  const run: CopyRun = { epoch, snapshot: source.snapshot, tables };
  assert.deepEqual(await target.begin(run, signal), []);
  return { source, tables, target, run };
}

function wholeOf(tables: readonly Table[], place: number): CopyRange {
  return { table: must(tables[place], 'a table'), from: 0 };
}

/** One unit each; the last one of a table is open at its end. */
async function partsOf(source: SnapshotSource, tables: readonly Table[]): Promise<readonly CopyRange[]> {
  const extents = await source.extents(tables);
  return extents.flatMap(({ table, units }) =>
    Array.from({ length: Math.max(1, units) }, (_, from) =>
      from + 1 < units ? { table, from, to: from + 1 } : { table, from },
    ),
  );
}

function formatOf({ formats }: CopyWorld): RowFormat {
  return must(formats[0], 'a form of rows');
}

/** Reads a range and writes it. */
async function write(
  world: CopyWorld,
  writer: CopyWriter,
  source: SnapshotSource,
  range: CopyRange,
  format = formatOf(world),
): Promise<Written> {
  await using reader = await source.open(signal);
  return await writer.write(range, reader.read(range, format));
}

function rowsOf(written: Written): bigint {
  assert.equal(written.state, 'written');
  return written.rows;
}

async function spansOf(world: CopyWorld, source: SnapshotSource, range: CopyRange): Promise<readonly Buffer[]> {
  await using reader = await source.open(signal);
  const spans: Buffer[] = [];
  for await (const span of reader.read(range, formatOf(world)).spans) spans.push(Buffer.from(span));
  return spans;
}

/** These spans, and then what `end` does. */
function streamOf(world: CopyWorld, spans: readonly Buffer[], end: () => void): RowStream {
  async function* all(): AsyncGenerator<Buffer, void, void> {
    yield* spans;
    end();
  }
  return { format: formatOf(world), spans: all(), rowCount: () => BigInt(spans.length) };
}

async function assertRows(side: ClientDatabase, table: TableShape, rows: readonly TextValues[]): Promise<void> {
  assert.deepEqual(inOrder(await side.rows(table)), inOrder(rows));
}
