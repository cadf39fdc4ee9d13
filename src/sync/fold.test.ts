import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must } from '../kernel/assert.ts';
import { PackedValues } from '../kernel/packed-values.ts';
import type { Relation, RowChange, RowValues } from '../model/change.ts';
import type { SinkStep, TargetTable } from '../ports/sink.ts';
import type { Cascade } from '../ports/cascade.ts';
import { foldBatch, foldTable, inOrder, type Placed } from './fold.ts';

/** Columns of the model's table: a key, a unique value, a value that may be TOASTed, a plain one. */
const [keyColumn, uniqueColumn, toastColumn, plainColumn] = [0, 1, 2, 3];
const columnNames = ['k', 'u', 't', 'p'];

function tableOf(identity: 'default' | 'full', options: Partial<TargetTable> = {}): TargetTable {
  const relation: Relation = {
    id: 1,
    schema: 'public',
    name: 'model',
    replicaIdentity: identity,
    columns: columnNames.map((name, at) => ({
      name,
      typeOid: 25,
      typeModifier: -1,
      key: identity === 'full' || at === keyColumn,
    })),
  };
  const all = [keyColumn, uniqueColumn, toastColumn, plainColumn];
  return { relation, written: all, settable: all, key: [keyColumn], uniques: [[uniqueColumn]], ...options };
}

type ModelRow = readonly string[];
const cells = (row: ModelRow): Buffer[] => row.map((cell) => Buffer.from(cell));
const packed = (row: ModelRow): RowValues => PackedValues.of(cells(row));
const texts = (row: RowValues): string[] => row.toArray().map((cell) => (cell ?? Buffer.from('-')).toString());

class UniqueViolation extends Error {}

/** A table that checks its unique index at every row, as PostgreSQL does for an index that is not deferrable. */
class ModelTable {
  rows = new Map<string, ModelRow>();

  put(row: ModelRow): void {
    const [key = '', unique] = row;
    if (this.rows.has(key)) throw new UniqueViolation();
    for (const other of this.rows.values()) if (other[uniqueColumn] === unique) throw new UniqueViolation();
    this.rows.set(key, row);
  }

  take(key: string): ModelRow {
    const row = this.rows.get(key);
    if (row === undefined) throw new Error(`no row ${key}`);
    this.rows.delete(key);
    return row;
  }

  replace(key: string, row: ModelRow): void {
    const before = this.take(key);
    try {
      this.put(row);
    } catch (error) {
      this.rows.set(key, before);
      throw error;
    }
  }

  content(): ModelRow[] {
    return [...this.rows.values()].sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
  }
}

interface Command {
  readonly what: 'insert' | 'update' | 'delete';
  readonly key: string;
  readonly newKey: string | undefined;
  readonly unique: string | undefined;
  readonly toast: string | undefined;
  readonly plain: string;
}

/** Does the command on the source, and says what its log would say; undefined when the source refuses it. */
function logOf(source: ModelTable, table: TargetTable, command: Command): RowChange | undefined {
  const { relation } = table;
  const isFull = relation.replicaIdentity === 'full';
  const before = source.rows.get(command.key);
  if (command.what === 'insert') {
    if (before !== undefined) return undefined;
    const row = [command.key, command.unique ?? `${command.key}!`, command.toast ?? 'T', command.plain];
    if ([...source.rows.values()].some((other) => other[uniqueColumn] === row[uniqueColumn])) return undefined;
    source.put(row);
    return { kind: 'insert', relation, row: packed(row) };
  }
  if (before === undefined) return undefined;
  const image = (row: ModelRow): RowValues =>
    PackedValues.of(cells(row).map((cell, at) => (isFull || at === keyColumn ? cell : null)));
  const old = { kind: isFull ? 'full' : 'key', values: image(before) } as const;
  if (command.what === 'delete') {
    source.take(command.key);
    return { kind: 'delete', relation, old };
  }
  const [key = '', unique = '', toast = ''] = before;
  const row = [command.newKey ?? key, command.unique ?? unique, command.toast ?? toast, command.plain];
  try {
    source.replace(key, row);
  } catch {
    return undefined;
  }
  const sent = PackedValues.of(
    cells(row).map((cell, at) => (at === toastColumn && row[at] === toast ? undefined : cell)),
  );
  const says = isFull || row[keyColumn] !== key;
  return { kind: 'update', relation, row: sent, ...(says ? { old } : {}) };
}

/** Does steps as a sink must: every row counted, rows of one update in an order that nobody chose. Answers how often it had to fall back. */
function perform(
  target: ModelTable,
  steps: readonly SinkStep[],
  shuffle: (rows: readonly number[]) => number[],
): number {
  let fellBack = 0;
  for (const step of steps) {
    if (step.kind === 'either') {
      const saved = new Map(target.rows);
      try {
        perform(target, step.quick, shuffle);
      } catch (error) {
        if (!(error instanceof UniqueViolation)) throw error;
        target.rows = saved;
        fellBack += 1;
        perform(target, step.ordered(), shuffle);
      }
    }
    if (step.kind === 'insert') {
      for (const row of step.rows) {
        expect(row.isWhole).toBe(true);
        target.put(texts(row));
      }
    }
    if (step.kind === 'delete') for (const row of step.rows) target.take(String(row.at(keyColumn)));
    if (step.kind === 'update') {
      for (const at of shuffle(step.rows.map((_, index) => index))) {
        const { old, row } = must(step.rows[at], 'a row of the step');
        const key = String(old.at(keyColumn));
        const next = [...(target.rows.get(key) ?? [])];
        for (const column of step.set) {
          expect(row.isSent(column)).toBe(true);
          next[column] = String(row.at(column));
        }
        target.replace(key, next);
      }
    }
  }
  return fellBack;
}

const fewKeys = fc.constantFrom('1', '2', '3', '4', '1.0');
const fewValues = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const command: fc.Arbitrary<Command> = fc.record({
  what: fc.constantFrom('insert', 'update', 'update', 'update', 'update', 'delete'),
  key: fewKeys,
  newKey: fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fewKeys }),
  unique: fc.option(fewValues, { nil: undefined, freq: 2 }),
  toast: fc.option(fewValues, { nil: undefined }),
  plain: fewValues,
});

const story = fc.record({
  identity: fc.constantFrom('default', 'full'),
  before: fc.array(
    command.map((each): Command => ({ ...each, what: 'insert' })),
    { minLength: 6, maxLength: 16 },
  ),
  // Many, so that a value is given up by one row and taken by another.
  batch: fc.array(command, { minLength: 8, maxLength: 32 }),
  seeds: fc.array(fc.nat({ max: 1000 }), { minLength: 8, maxLength: 8 }),
});

function shuffler(seeds: readonly number[]): (rows: readonly number[]) => number[] {
  return (rows) => [...rows].sort((a, b) => (seeds[a % seeds.length] ?? 0) - (seeds[b % seeds.length] ?? 0) || b - a);
}

describe('fold', () => {
  test('a target that does the folded steps holds what the source holds', () => {
    let folded = 0;
    let fellBack = 0;
    fc.assert(
      fc.property(story, ({ identity, before, batch, seeds }) => {
        const table = tableOf(identity);
        const source = new ModelTable();
        for (const each of before) logOf(source, table, each);
        const target = new ModelTable();
        target.rows = new Map(source.rows);
        const changes = batch.flatMap((each) => logOf(source, table, each) ?? []);
        const steps = foldTable(table, changes);
        fellBack += perform(target, steps, shuffler(seeds));
        expect(target.content()).toEqual(source.content());
        if (steps.length < changes.length) folded += 1;
      }),
      { numRuns: 5000 },
    );
    // The stories are worth telling only if they fold, and if some of them hand unique values around.
    expect(folded).toBeGreaterThan(500);
    expect(fellBack).toBeGreaterThan(50);
  });

  test('one change after the other gives the same end', () => {
    fc.assert(
      fc.property(story, ({ identity, before, batch, seeds }) => {
        const table = tableOf(identity);
        const source = new ModelTable();
        for (const each of before) logOf(source, table, each);
        const target = new ModelTable();
        target.rows = new Map(source.rows);
        const changes = batch.flatMap((each) => logOf(source, table, each) ?? []);
        perform(target, inOrder(table, changes), shuffler(seeds));
        expect(target.content()).toEqual(source.content());
      }),
      { numRuns: 2000 },
    );
  });

  const table = tableOf('default');
  const { relation } = table;
  const insert = (...row: string[]): RowChange => ({ kind: 'insert', relation, row: packed(row) });
  const update = (...row: (string | undefined)[]): RowChange => ({
    kind: 'update',
    relation,
    row: PackedValues.of(row.map((cell) => (cell === undefined ? undefined : Buffer.from(cell)))),
  });
  const remove = (key: string): RowChange => ({
    kind: 'delete',
    relation,
    old: { kind: 'key', values: PackedValues.of([Buffer.from(key), null, null, null]) },
  });

  test('changes in another form come after those before, though a key of theirs may be the same', () => {
    const binary = (change: Extract<RowChange, { kind: 'update' }>): RowChange => ({
      ...change,
      row: PackedValues.of(change.row.toArray(), true),
    });
    const changes = [insert('1', 'a', 'x', 'y'), update('1', 'b', 'x', 'y')] as const;
    const place = (change: RowChange): Placed => ({ kind: 'row', table, change });
    const kinds = (steps: readonly SinkStep[]): string[] => steps.map(({ kind }) => kind);
    expect(kinds(foldBatch(changes.map(place)))).toEqual(['insert']);
    if (changes[1].kind !== 'update') throw new Error('no update');
    expect(kinds(foldBatch([changes[0], binary(changes[1])].map(place)))).toEqual(['insert', 'update']);
  });

  test('of rows that are put each is told once, as it was last', () => {
    const cell = fc.constantFrom('a', 'b', 'c', 'd');
    fc.assert(
      fc.property(fc.array(fc.tuple(fewKeys, cell, cell, cell), { minLength: 2, maxLength: 30 }), (rows) => {
        const puts = rows.map((row): RowChange => ({ kind: 'put', relation, row: packed(row) }));
        const last = new Map(rows.map((row) => [row[0], row]));
        const told = (steps: readonly SinkStep[]): ReadonlyMap<string, readonly string[]> => {
          const seen = new Map<string, readonly string[]>();
          for (const step of steps) {
            expect(step.kind).toBe('put');
            if (step.kind !== 'put') continue;
            expect(new Set(step.rows.map((row) => texts(row)[0])).size).toBe(step.rows.length);
            for (const row of step.rows) seen.set(texts(row)[0] ?? '', texts(row));
          }
          return seen;
        };
        const folded = foldTable(table, puts);
        expect(folded).toHaveLength(1);
        expect(told(folded)).toEqual(last);
        expect(told(inOrder(table, puts))).toEqual(last);
      }),
    );
  });

  test('a row that is put keeps its place among other changes, and needs a key', () => {
    const put: RowChange = { kind: 'put', relation, row: packed(['1', 'a', 'x', 'y']) };
    const steps = foldTable(table, [insert('1', 'b', 'x', 'y'), put, remove('1')]);
    expect(steps.map((step) => step.kind)).toEqual(['insert', 'put', 'delete']);
    const keyless = tableOf('full', { key: undefined, uniques: [] });
    for (const changes of [[put], [put, put]]) expect(() => foldTable(keyless, changes)).toThrow(/TEAL-SYNC-117/);
  });

  test('a row that comes, changes and goes within the batch leaves nothing to do', () => {
    expect(foldTable(table, [insert('1', 'a', 'x', 'y'), update('1', 'b', undefined, 'z'), remove('1')])).toEqual([]);
  });

  test('updates keep apart what was sent and what was not', () => {
    const [step, more] = foldTable(tableOf('default', { uniques: [] }), [
      update('1', 'a', 'big', 'y'),
      update('2', 'b', undefined, 'y'),
      update('1', 'c', undefined, 'z'),
    ]);
    expect(step).toMatchObject({ kind: 'update', set: [1, 2, 3], rows: [{ row: packed(['1', 'c', 'big', 'z']) }] });
    expect(more).toMatchObject({ kind: 'update', set: [1, 3] });
  });

  test('a table without a key is never folded', () => {
    const keyless = tableOf('full', { key: undefined, uniques: [] });
    const row = packed(['1', 'a', 'x', 'y']);
    const change: RowChange = { kind: 'delete', relation: keyless.relation, old: { kind: 'full', values: row } };
    const twice = foldTable(keyless, [{ kind: 'insert', relation: keyless.relation, row }, change, change]);
    expect(twice).toEqual([
      { kind: 'insert', table: keyless, rows: [row] },
      { kind: 'delete', table: keyless, rows: [row, row] },
    ]);
  });

  test('an update that does not say which row it changes is refused', () => {
    const keyless = tableOf('full', { key: undefined });
    expect(() => foldTable(keyless, [update('1', 'a', 'b', 'c')])).toThrow(/TEAL-SYNC-117/);
  });

  test('an unchanged value under full identity comes from the old row', () => {
    const full = tableOf('full');
    const old = { kind: 'full', values: packed(['1', 'a', 'big', 'y']) } as const;
    const sent: RowValues = PackedValues.of([Buffer.from('1'), Buffer.from('b'), undefined, Buffer.from('z')]);
    const [step] = foldTable(full, [{ kind: 'update', relation: full.relation, old, row: sent }]);
    expect(step).toMatchObject({ set: [1, 2, 3], rows: [{ row: packed(['1', 'b', 'big', 'z']) }] });
  });

  test('a truncate keeps what came before it before it', () => {
    const steps = foldBatch([
      { kind: 'row', table, change: insert('1', 'a', 'x', 'y') },
      { kind: 'truncate', tables: [table], restartIdentity: false },
      { kind: 'row', table, change: insert('1', 'a', 'x', 'y') },
    ]);
    expect(steps.map((step) => step.kind)).toEqual(['insert', 'truncate', 'insert']);
  });

  test('a table that changes its columns within the batch divides it', () => {
    const later = tableOf('default');
    const steps = foldBatch([
      { kind: 'row', table, change: insert('1', 'a', 'x', 'y') },
      { kind: 'row', table: later, change: remove('1') },
    ]);
    expect(steps.map((step) => step.kind)).toEqual(['insert', 'delete']);
  });
});

describe('a change from which others follow that the stream does not tell', () => {
  const table = tableOf('default', { uniques: [] });
  const other = tableOf('default', { uniques: [], relation: { ...tableOf('default').relation, id: 2, name: 'other' } });
  const row = (key: string): RowValues => packed([key, 'u', 't', 'p']);
  const inserted = (of: TargetTable, key: string): Placed => ({
    kind: 'row',
    table: of,
    change: { kind: 'insert', relation: of.relation, row: row(key) },
  });
  const reaches = (key: string): Cascade => ({
    keys: [],
    rows: { table: table.relation, columns: ['k'], changes: [{ old: [Buffer.from(key)] }] },
  });
  const deleted = (of: TargetTable, key: string, cascade?: Cascade): Placed => ({
    kind: 'row',
    table: of,
    change: { kind: 'delete', relation: of.relation, old: { kind: 'full', values: row(key) } },
    ...(cascade === undefined ? {} : { cascade }),
  });
  const moved = (key: string, to: string): Placed => ({
    kind: 'row',
    table,
    change: { kind: 'update', relation: table.relation, old: { kind: 'full', values: row(key) }, row: row(to) },
    cascade: reaches(key),
  });
  const told = (steps: readonly SinkStep[]): readonly string[] =>
    steps.map((step) => {
      switch (step.kind) {
        case 'insert':
        case 'delete':
          return `${step.kind} ${step.table.relation.name} ${step.rows.map((each) => texts(each)[0]).join()}`;
        case 'update':
          return `update ${step.rows.map((each) => `${texts(each.old)[0]}>${texts(each.row)[0]}`).join()}`;
        case 'cascade':
          return `cascade ${step.cascade.rows.changes.map(({ old }) => String(old[0])).join()}`;
        default:
          return step.kind;
      }
    });

  test('comes after all before it and before all behind it, also when it is folded again', () => {
    const batch = [
      inserted(other, '1'),
      inserted(table, '1'),
      deleted(other, '9'),
      deleted(table, '2', reaches('2')),
      deleted(table, '3', reaches('3')),
      inserted(other, '2'),
      deleted(table, '1', reaches('1')),
      moved('5', '6'),
      moved('4', '5'),
      inserted(table, '1'),
    ];
    const steps = [
      'delete other 9',
      'insert other 1',
      'insert model 1',
      'delete model 2,3',
      'cascade 2,3',
      'insert other 2',
      'delete model 1',
      'cascade 1',
      'update 5>6',
      'cascade 5',
      'update 4>5',
      'cascade 4',
      'insert model 1',
    ];
    expect(told(foldBatch(batch))).toEqual(steps);
    expect(told(foldBatch(batch))).toEqual(steps);
  });

  test('is done by itself where rows are known by all that they hold', () => {
    const keyless = tableOf('full', { key: undefined, uniques: [] });
    const batch = [deleted(keyless, '1', reaches('1')), deleted(keyless, '2', reaches('2'))];
    expect(told(foldBatch(batch))).toEqual(['delete model 1', 'cascade 1', 'delete model 2', 'cascade 2']);
  });
});
