import assert from 'node:assert/strict';
import { must } from '../kernel/assert.ts';
import type { Table } from '../model/catalog.ts';
import type {
  BucketSum,
  DigestEntry,
  DigestForm,
  DigestReader,
  DigestTable,
  HeldSnapshot,
  Repairer,
  RowProbe,
  RowRepair,
  SideAccess,
  TextValues,
} from '../ports/digester.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { awkwardRows, inOrder, insert, keyed, keyless, plainRows, remove, update } from './relational.ts';
import type { ClientDatabase, TableShape } from './relational.ts';
import { codeOf } from './refusal.ts';
import { changesAfter, type LogReader } from './source-contract.ts';

/** One side without a table of the contract's, and with everything that verification, repair and a flow from it need. */
export interface SideWorld extends AsyncDisposable {
  readonly database: ClientDatabase;
  readonly access: SideAccess;
  /** Of this side's own log. */
  readonly log: LogReader;
  readonly repairer: Repairer;
  /** Runs what a repairer has rendered, as a person would. */
  readonly runScript: (lines: readonly string[]) => Promise<void>;
  /** Undefined where the system has none: single rows cannot be compared again then. */
  readonly rowProbe?: RowProbe;
}

const { signal } = new AbortController();
const options = { signal, lockTimeoutMs: 60_000 };
const forms: readonly DigestForm[] = ['quick', 'text'];
const twin: TableShape = Object.freeze({ ...keyed, name: 'twin' });
const keylessTwin: TableShape = Object.freeze({ ...keyless, name: 'keyless_twin' });

/** Rows of which a hash that is no whole one takes each for the other. */
const lookalikes: readonly (readonly [TextValues, TextValues])[] = [
  [
    ['1', '', '2'],
    ['1', null, '2'],
  ],
  [
    ['1', 'NULL', '2'],
    ['1', null, '2'],
  ],
  [
    ['1', 'a', '2'],
    ['1', 'a ', '2'],
  ],
  [
    ['1', 'a', '2'],
    ['1', 'A', '2'],
  ],
  [
    ['1', 'é', '2'],
    ['1', 'e\u0301', '2'],
  ],
  [
    ['1', 'a', '0'],
    ['1', 'a', null],
  ],
  [
    ['1', '12', '3'],
    ['1', '1', '23'],
  ],
  [
    ['1', '"",', null],
    ['1', '"', null],
  ],
  [
    ['1', 'a', '9007199254740993'],
    ['1', 'a', '9007199254740992'],
  ],
];

/** Rows of tables without a key, of which a sum that cancels or does not count takes each for the other. */
const cancelling: readonly (readonly [readonly TextValues[], readonly TextValues[]])[] = (() => {
  const [x, y, z]: readonly TextValues[] = ['x', 'y', 'z'].map((name) => ['1', name, null]);
  assert.ok(x && y && z);
  return [
    [[x], []],
    [[x, x], []],
    [
      [x, x],
      [y, y],
    ],
    [
      [x, x, z],
      [y, y, z],
    ],
    [
      [x, x, y],
      [x, y, y],
    ],
    [[x], [x, x, x]],
  ];
})();

/** What every side promises to verification and repair (`SideAccess`, `DigestReader`, `RowProbe` and `Repairer` of teal/adapter). */
export function sideContract(open: () => Promise<SideWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'equal rows have equal digests, in any order and in any number of parts': async (world) => {
      const rows = [...awkwardRows, ...plainRows(400, 1_000)];
      for (const [one, other] of [
        [keyed, twin],
        [keyless, keylessTwin],
      ] as const) {
        await filled(world, one, rows);
        await filled(world, other, rows.toReversed());
        await using snapshot = await world.access.openNow(options);
        await using reader = await snapshot.reader(signal);
        for (const form of forms) {
          const [table, twinTable] = [await tableOf(world, one), await tableOf(world, other)];
          const expected = await sumsOf(reader, snapshot, table, form, 1);
          assert.equal(rowsOf(expected), BigInt(rows.length));
          assert.deepEqual(await sumsOf(reader, snapshot, table, form, 4), expected);
          assert.deepEqual(await sumsOf(reader, snapshot, twinTable, form, 3), expected);
        }
      }
    },
    'rows that differ in one value, however alike, have different digests': async (world) => {
      const pairs = [keyed, keyless].flatMap((shape) =>
        lookalikes.map(([a, b]) => ({ shape, rows: [[a], [b]] as const })),
      );
      await assertTold(world, pairs);
    },
    'differences do not cancel each other, and each row more of the same counts': async (world) => {
      await assertTold(
        world,
        cancelling.map((rows) => ({ shape: keyless, rows })),
      );
    },
    'entries of the buckets that differ name the rows that differ': async (world) => {
      const rows = plainRows(300);
      await filled(world, keyed, rows);
      await filled(world, twin, rows);
      const wrong = must(rows[123], 'a row');
      await world.database.write(update(twin, wrong, [wrong[0], `${wrong[1]} `, wrong[2]]));
      await using snapshot = await world.access.openNow(options);
      await using reader = await snapshot.reader(signal);
      const [table, other] = [await tableOf(world, keyed), await tableOf(world, twin)];
      const [sums, otherSums] = [
        await sumsOf(reader, snapshot, table, 'text', 1),
        await sumsOf(reader, snapshot, other, 'text', 1),
      ];
      const buckets = differing(sums, otherSums);
      assert.ok(buckets.length > 0 && buckets.length < table.buckets);
      const [entries, others] = [
        await entriesOf(reader, table, 'text', buckets),
        await entriesOf(reader, other, 'text', buckets),
      ];
      const inBuckets = sums.filter(({ bucket }) => buckets.includes(bucket));
      assert.equal(BigInt(entries.length), rowsOf(inBuckets));
      const same = new Set(others.map(({ key, row }) => `${key} ${row}`));
      const alone = entries.filter(({ key, row }) => !same.has(`${key} ${row}`));
      assert.deepEqual(
        await reader.rows(
          table,
          alone.map(({ locator }) => locator),
        ),
        [wrong],
      );
      const keys = new Set(others.map(({ key }) => key));
      assert.ok(
        alone.every(({ key }) => keys.has(key)),
        'the key is found on the other side by its hash',
      );
    },
    'entries come in the order of key and row, each row once': async (world) => {
      for (const shape of [keyed, keyless]) {
        await filled(world, shape, [...awkwardRows, ...plainRows(300, 1_000)]);
        await using snapshot = await world.access.openNow(options);
        await using reader = await snapshot.reader(signal);
        const table = await tableOf(world, shape);
        const entries = await entriesOf(reader, table, 'text', everyBucket(table));
        assert.equal(entries.length, awkwardRows.length + 300);
        const texts = entries.map(({ key, row }) => `${key} ${row}`);
        assert.deepEqual(texts, texts.toSorted(byAscii));
        assert.equal(new Set(texts).size, texts.length);
        assert.deepEqual(await entriesOf(reader, table, 'text', []), []);
      }
    },
    'locators find their rows, in the order in which they are asked for, as they are': async (world) => {
      for (const shape of [keyed, keyless]) {
        await filled(world, shape, awkwardRows);
        await using snapshot = await world.access.openNow(options);
        await using reader = await snapshot.reader(signal);
        const table = await tableOf(world, shape);
        const entries = await entriesOf(reader, table, 'text', everyBucket(table));
        const locators = entries.map(({ locator }) => locator);
        const rows = await reader.rows(table, locators);
        assert.deepEqual(inOrder(rows), inOrder(awkwardRows));
        assert.deepEqual(await reader.rows(table, locators.toReversed()), rows.toReversed());
      }
    },
    'a snapshot stays what it is while clients write': async (world) => {
      await filled(world, keyed, plainRows(50));
      await using snapshot = await world.access.openNow(options);
      await world.database.write(insert(keyed, ...plainRows(10, 100)));
      await world.database.write(remove(keyed, must(plainRows(1)[0], 'a row')));
      await using reader = await snapshot.reader(signal);
      assert.deepEqual(inOrder(await rowsIn(world, reader, keyed)), inOrder(plainRows(50)));
      await using now = await world.access.openNow(options);
      await using later = await now.reader(signal);
      assert.deepEqual(
        inOrder(await rowsIn(world, later, keyed)),
        inOrder([...plainRows(50).slice(1), ...plainRows(10, 100)]),
      );
    },
    'a snapshot at a position holds exactly what committed before it, while clients write': async (world) => {
      const { database, access, log } = world;
      await database.make(keyed);
      const stop = new AbortController();
      const writers = [1, 2, 3].map(async (writer) => {
        for (let number = 1; !stop.signal.aborted && number < 200; number += 1) {
          const open = await database.begin(insert(keyed, [String(writer * 1_000 + number), 'x', null]));
          await open.commit();
        }
      });
      const held: { readonly ids: readonly string[]; readonly position: HeldSnapshot['position'] }[] = [];
      try {
        for (let time = 0; time < 3; time += 1) {
          await using snapshot = await access.openAtPosition(options);
          await using reader = await snapshot.reader(signal);
          const ids = (await rowsIn(world, reader, keyed)).map(([id]) => id ?? '');
          held.push({ ids, position: snapshot.position });
        }
      } finally {
        stop.abort();
        await Promise.all(writers);
      }
      const all = (await database.rows(keyed)).map(([id]) => id ?? '').toSorted();
      // Backwards: a source may forget what a reader of it has left behind.
      for (const { ids, position } of held) {
        const later = (await changesAfter(log, database.schema, position)).map(
          (text) => /\["(\d+)"/.exec(text)?.[1] ?? text,
        );
        assert.deepEqual([...ids, ...later].toSorted(), all);
      }
    },
    'a table that was emptied after the snapshot is refused, and not taken for one without rows': async (world) => {
      await filled(world, keyed, plainRows(5));
      const table = await tableOf(world, keyed);
      await using snapshot = await world.access.openNow(options);
      await world.database.write({ kind: 'truncate', table: keyed });
      await using reader = await snapshot.reader(signal);
      const digest = async (): Promise<unknown> => sumsOf(reader, snapshot, table, 'text', 1);
      assert.equal(await codeOf(digest()), 'TEAL-VERIFY-003');
    },
    'says what it is and how it hashes, each time the same': async ({ access }) => {
      const facts = await access.facts();
      for (const text of [facts.version, facts.address, facts.hashProbe]) assert.match(text, /\S/);
      assert.deepEqual(await access.facts(), facts);
    },
    'one row is found by its key, and its version is another one after any change': async (world) => {
      const { database, rowProbe } = world;
      if (rowProbe === undefined) return;
      await filled(world, keyed, awkwardRows);
      const table = await tableOf(world, keyed);
      const before = await rowProbe.row(table, ['5']);
      assert.deepEqual(before?.values, awkwardRows[4]);
      assert.equal((await rowProbe.row(table, ['5']))?.version, before?.version);
      assert.equal(await rowProbe.row(table, ['555']), null);
      await database.write(update(keyed, must(awkwardRows[4], 'a row'), ['5', 'new', null]));
      await database.write(update(keyed, ['5', 'new', null], must(awkwardRows[4], 'a row')));
      const after = await rowProbe.row(table, ['5']);
      assert.deepEqual(after?.values, awkwardRows[4]);
      if (rowProbe.tellsByValues !== true) assert.notEqual(after?.version, before?.version);
    },
    'the position of a look is behind all that it has seen': async (world) => {
      const { database, rowProbe, log } = world;
      if (rowProbe === undefined) return;
      await database.make(keyed);
      await database.write(insert(keyed, ['1', 'seen', null]));
      assert.ok(await rowProbe.row(await tableOf(world, keyed), ['1']));
      const position = await rowProbe.position();
      await database.write(insert(keyed, ['2', 'later', null]));
      const later = await changesAfter(log, database.schema, position);
      assert.deepEqual(
        later.filter((text) => text.includes('seen')),
        [],
      );
      assert.equal(later.length, 1);
    },
    'a repair makes rows what they are to be, one of equal ones too': async (world) => {
      const { repairer, database } = world;
      const { repairs, expected } = await repairsOf(world);
      assert.equal(
        await repairer.apply(repairs, signal),
        repairs.reduce((sum, { changes }) => sum + changes.length, 0),
      );
      for (const [shape, rows] of expected) assert.deepEqual(inOrder(await database.rows(shape)), inOrder(rows));
    },
    'a repair of a row that has changed since changes nothing': async (world) => {
      const { repairer, database } = world;
      for (const shape of [keyed, keyless]) {
        await filled(world, shape, plainRows(3));
        const table = await tableOf(world, shape);
        const [first, second] = plainRows(2);
        assert.ok(first && second);
        const stale: TextValues = [second[0], `${second[1]} `, second[2]];
        const broken: readonly RowRepair[] = [
          { kind: 'delete', before: stale },
          { kind: 'update', before: stale, after: second, columns: ['name'] },
        ];
        for (const change of broken) {
          const changes: readonly RowRepair[] = [{ kind: 'delete', before: first }, change];
          assert.equal(await codeOf(repairer.apply([{ table, changes }], signal)), 'TEAL-VERIFY-005');
          assert.deepEqual(inOrder(await database.rows(shape)), inOrder(plainRows(3)));
        }
      }
    },
    'what a repair renders does the same when a person runs it': async (world) => {
      const { repairer, database, runScript } = world;
      const { repairs, expected } = await repairsOf(world);
      const lines = repairer.render(repairs);
      assert.ok(lines.length > 0);
      await runScript(lines);
      for (const [shape, rows] of expected) assert.deepEqual(inOrder(await database.rows(shape)), inOrder(rows));
    },
  });
}

async function filled({ database }: SideWorld, table: TableShape, rows: readonly TextValues[]): Promise<void> {
  await database.make(table);
  await database.write(insert(table, ...rows));
}

async function tableOf(world: SideWorld, shape: TableShape): Promise<DigestTable> {
  const { tables } = await world.access.describe();
  return among(tables, world, shape);
}

/** As verification pairs it with an equal one. */
function among(tables: readonly Table[], { database }: SideWorld, shape: TableShape): DigestTable {
  const table = tables.find(({ schema, name }) => schema === database.schema && name === shape.name);
  assert.ok(table !== undefined, `the side describes ${shape.name}`);
  return {
    schema: table.schema,
    name: table.name,
    oid: table.oid,
    columns: table.columns.map(({ name, type, generated }) => ({
      name,
      type,
      sameType: true,
      generated: generated !== 'no',
    })),
    key: table.primaryKey ?? [],
    buckets: 64,
  };
}

async function sumsOf(
  reader: DigestReader,
  snapshot: HeldSnapshot,
  table: DigestTable,
  form: DigestForm,
  parts: number,
): Promise<readonly BucketSum[]> {
  const all = new Map<number, BucketSum>();
  for (const range of snapshot.bounds(table, parts)) {
    for (const sum of await reader.digest(table, range, form)) all.set(sum.bucket, added(all.get(sum.bucket), sum));
  }
  return [...all.values()].filter(({ rows }) => rows > 0n).toSorted((a, b) => a.bucket - b.bucket);
}

function added(one: BucketSum | undefined, other: BucketSum): BucketSum {
  if (one === undefined) return other;
  const [a, b] = one.sums;
  const [c, d] = other.sums;
  return { bucket: other.bucket, rows: one.rows + other.rows, sums: [a + c, b + d] };
}

function rowsOf(sums: readonly BucketSum[]): bigint {
  return sums.reduce((total, { rows }) => total + rows, 0n);
}

function differing(one: readonly BucketSum[], other: readonly BucketSum[]): readonly number[] {
  const text = ({ rows, sums }: BucketSum): string => [rows, ...sums].join(' ');
  const of = (all: readonly BucketSum[]) => new Map(all.map((sum) => [sum.bucket, text(sum)]));
  const [a, b] = [of(one), of(other)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((bucket) => a.get(bucket) !== b.get(bucket));
}

/** Each pair in two tables of its own has different digests in every form. */
async function assertTold(
  world: SideWorld,
  pairs: readonly {
    readonly shape: TableShape;
    readonly rows: readonly [readonly TextValues[], readonly TextValues[]];
  }[],
): Promise<void> {
  const nameOf = (place: number, which: number): string => `pair_${place}_${which}`;
  for (const [place, { shape, rows }] of pairs.entries())
    for (const [which, each] of rows.entries()) await filled(world, { ...shape, name: nameOf(place, which) }, each);
  const { tables } = await world.access.describe();
  await using snapshot = await world.access.openNow(options);
  await using reader = await snapshot.reader(signal);
  for (const [place, { shape, rows }] of pairs.entries()) {
    for (const form of forms) {
      const texts: string[] = [];
      for (const which of rows.keys()) {
        const table = among(tables, world, { ...shape, name: nameOf(place, which) });
        const sums = await sumsOf(reader, snapshot, table, form, 1);
        // Which bucket a row falls into is not what tells rows apart.
        texts.push(sums.map((sum) => [sum.rows, ...sum.sums].join(' ')).join('; '));
      }
      assert.notEqual(texts[0], texts[1], `${form}: ${JSON.stringify(rows)}`);
    }
  }
}

function everyBucket({ buckets }: DigestTable): readonly number[] {
  return Array.from({ length: buckets }, (_, bucket) => bucket);
}

async function entriesOf(
  reader: DigestReader,
  table: DigestTable,
  form: DigestForm,
  buckets: readonly number[],
): Promise<readonly DigestEntry[]> {
  const entries: DigestEntry[] = [];
  for await (const page of reader.entries(table, { form, buckets })) entries.push(...page);
  return entries;
}

function byAscii(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

async function rowsIn(world: SideWorld, reader: DigestReader, shape: TableShape): Promise<readonly TextValues[]> {
  const table = await tableOf(world, shape);
  const entries = await entriesOf(reader, table, 'text', everyBucket(table));
  return reader.rows(
    table,
    entries.map(({ locator }) => locator),
  );
}

/** Each kind of repair in a table with a key and in one without, and what it leads to. */
async function repairsOf(world: SideWorld): Promise<{
  readonly repairs: Parameters<Repairer['apply']>[0];
  readonly expected: readonly (readonly [TableShape, readonly TextValues[]])[];
}> {
  const [gone, old, ...rest] = awkwardRows;
  assert.ok(gone && old);
  const changed: TextValues = [old[0] ?? null, `it's \\new "`, null];
  const more: TextValues = ['999', ' ', null];
  const repairs = [];
  const expected = [];
  for (const shape of [keyed, keyless]) {
    // Of two equal ones one stays.
    const twice = shape.key.length === 0 ? [gone] : [];
    await filled(world, shape, [...awkwardRows, ...twice]);
    const changes: readonly RowRepair[] = [
      { kind: 'delete', before: gone },
      { kind: 'update', before: old, after: changed, columns: ['name'] },
      { kind: 'insert', after: more },
    ];
    repairs.push({ table: await tableOf(world, shape), changes });
    expected.push([shape, [...twice, changed, ...rest, more]] as const);
  }
  return { repairs, expected };
}
