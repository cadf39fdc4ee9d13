import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PackedValues } from '../../kernel/packed-values.ts';
import type { ActingKey } from '../../model/acting-keys.ts';
import type { Relation, StreamEvent } from '../../model/change.ts';
import type { Cell } from './values/from-select.ts';
import { WindowRows } from './window-rows.ts';

const relationOf = (name: string, columns: readonly string[], keyed = true): Relation => ({
  id: 1,
  schema: 'shop',
  name,
  replicaIdentity: keyed ? 'default' : 'full',
  columns: columns.map((column, at) => ({ name: column, typeOid: 0, typeModifier: -1, key: !keyed || at === 0 })),
});
const relation = relationOf('t', ['id', 'v', 'extra']);

/** Rows by key; the second value tells which write made it. */
type Rows = ReadonlyMap<number, number>;
type Op = { readonly kind: 'put' | 'delete' | 'move'; readonly id: number; readonly to: number };
type Transaction = readonly Op[];

const cells = (id: number, v: number): readonly Cell[] => [Buffer.from(String(id)), Buffer.from(String(v)), null];
const values = (id: number, v: number): PackedValues => PackedValues.of(cells(id, v));

/** What a server does, and what its log says of it; what cannot be done is not. */
function play(rows: Map<number, number>, transaction: Transaction, stamp: number): readonly StreamEvent[] {
  return transaction.flatMap(({ kind, id, to }, n): readonly StreamEvent[] => {
    const v = stamp * 10 + n;
    const was = rows.get(id);
    if (kind === 'put') {
      rows.set(id, v);
      if (was === undefined) return [{ kind: 'insert', relation, row: values(id, v) }];
      return [{ kind: 'update', relation, old: { kind: 'full', values: values(id, was) }, row: values(id, v) }];
    }
    if (was === undefined || (kind === 'move' && rows.has(to))) return [];
    rows.delete(id);
    const old = { kind: 'full', values: values(id, was) } as const;
    if (kind === 'delete') return [{ kind: 'delete', relation, old }];
    rows.set(to, v);
    return [{ kind: 'update', relation, old, row: values(to, v) }];
  });
}

interface Story {
  readonly before: readonly Transaction[];
  readonly within: readonly Transaction[];
  /** Of each session: which transactions of the window it would see if it could see them alone. */
  readonly seen: readonly (readonly boolean[])[];
  /** Key of the first row of each further range; a range is read by the session of its number. */
  readonly cuts: readonly number[];
}

const ids = 8;
const id = fc.nat({ max: ids - 1 });
const op: fc.Arbitrary<Op> = fc.record({
  kind: fc.constantFrom('put', 'put', 'delete', 'move'),
  id,
  to: id,
});
const transaction = fc.array(op, { minLength: 1, maxLength: 3 });
const story: fc.Arbitrary<Story> = fc.record({
  before: fc.array(transaction, { maxLength: 6 }),
  within: fc.array(transaction, { maxLength: 6 }),
  seen: fc.array(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), { minLength: 3, maxLength: 3 }),
  cuts: fc.array(id, { maxLength: 2 }),
});

/** Of the window a session sees what it may: with a transaction all earlier ones that touched the same keys, for those held its rows. */
function visible(within: readonly Transaction[], wish: readonly boolean[]): readonly boolean[] {
  const hidden = new Set<number>();
  return within.map((each, n) => {
    const keys = each.flatMap((one) => [one.id, one.to]);
    const isSeen = wish[n] === true && keys.every((key) => !hidden.has(key));
    if (!isSeen) for (const key of keys) hidden.add(key);
    return isSeen;
  });
}

/** What a copy of the story brings, and what was there at the end of the window. `lost`: the last of the window is not read. */
function copied({ before, within, seen, cuts }: Story, lost = 0): { readonly got: string[]; readonly want: string[] } {
  const low = new Map<number, number>();
  before.forEach((each, n) => play(low, each, n));
  const window = new WindowRows();
  const high = new Map(low);
  within.forEach((each, n) => {
    const events = play(high, each, 100 + n);
    if (n < within.length - lost) for (const event of events) expect(window.take(event)).toBeUndefined();
  });
  const views = seen.map((wish): Rows => {
    const rows = new Map(low);
    const sees = visible(within, wish);
    // The stamps are those of the log: whoever sees a transaction sees its values.
    within.forEach((each, n) => (sees[n] === true ? play(rows, each, 100 + n) : []));
    return rows;
  });
  const bounds = [0, ...cuts.toSorted((a, b) => a - b), ids];
  const view = window.viewOf(relation, ['v', 'id']);
  const got: string[] = [];
  const add = (row: readonly Cell[]): void => void got.push(row.map(String).join(' '));
  for (let range = 0; range + 1 < bounds.length; range += 1) {
    const [from = 0, to = 0] = [bounds[range], bounds[range + 1]];
    for (const [key, v] of views[range] ?? []) {
      const row = [Buffer.from(String(v)), Buffer.from(String(key))];
      if (key >= from && key < to && view?.isTouched(row) !== true) add(row);
    }
    if (to === ids) view?.rows.forEach(add);
  }
  return { got: got.toSorted(), want: [...high].map(([key, v]) => `${v} ${key}`).toSorted() };
}

test('ranges that were read at any moments of a window are, with its rows, what was there at its end', () => {
  fc.assert(
    fc.property(story, (told) => {
      const { got, want } = copied(told);
      expect(got).toEqual(want);
    }),
    { numRuns: 3_000 },
  );
});

test('and are not where the window is read to before its end', () => {
  let wrong = 0;
  fc.assert(
    fc.property(story, (told) => {
      const { got, want } = copied(told, 1);
      if (got.join() !== want.join()) wrong += 1;
    }),
    { numRuns: 500 },
  );
  expect(wrong).toBeGreaterThan(50);
});

const acting = (onDelete: ActingKey['onDelete'], onUpdate: ActingKey['onUpdate']): ActingKey => ({
  name: 'fk',
  child: { schema: 'shop', name: 'child' },
  columns: ['parent'],
  parent: { schema: 'shop', name: 't' },
  referencedColumns: ['v'],
  onDelete,
  onUpdate,
});
const gone: StreamEvent = { kind: 'delete', relation, old: { kind: 'full', values: values(1, 2) } };
const changed = (from: readonly Cell[], to: readonly Cell[]): StreamEvent => ({
  kind: 'update',
  relation,
  old: { kind: 'full', values: PackedValues.of(from) },
  row: PackedValues.of(to),
});

test.for<[string, readonly ActingKey[], StreamEvent, RegExp | undefined]>([
  ['a deleted parent', [acting('cascade', 'none')], gone, /foreign key/],
  ['one whose children only lose what they refer by', [acting('set null', 'none')], gone, /foreign key/],
  ['one whose children would refuse', [acting('none', 'cascade')], gone, undefined],
  ['one deleted with keys off', [acting('cascade', 'none')], { ...gone, isUnchecked: true }, undefined],
  [
    'a changed value that is referred to',
    [acting('none', 'cascade')],
    changed(cells(1, 2), cells(1, 3)),
    /foreign key/,
  ],
  [
    'another changed value',
    [acting('none', 'cascade')],
    changed(cells(1, 2), [...cells(1, 2).slice(0, 2), Buffer.from('x')]),
    undefined,
  ],
  [
    'a row without a key',
    [],
    { kind: 'insert', relation: relationOf('t', ['v'], false), row: PackedValues.of([null]) },
    /no primary key/,
  ],
  [
    'an emptied table',
    [],
    { kind: 'truncate', relations: [relation], cascade: false, restartIdentity: true },
    /emptied/,
  ],
])('%s', ([, keys, event, why]) => {
  const obstacle = new WindowRows({ keys }).take(event);
  if (why === undefined) expect(obstacle).toBeUndefined();
  else expect(obstacle?.why).toMatch(why);
});

test('a window of too many rows, or of a table in two forms, is of no use', () => {
  const rows = new WindowRows({ mostRows: 2 });
  const insert = (key: number, of = relation): StreamEvent => ({ kind: 'insert', relation: of, row: values(key, 0) });
  expect([rows.take(insert(1)), rows.take(insert(2)), rows.take(insert(3))?.why]).toEqual([
    undefined,
    undefined,
    expect.stringContaining('more rows'),
  ]);
  const bytes = new WindowRows({ mostBytes: 3 });
  expect([bytes.take(insert(1)), bytes.take(insert(2))?.why]).toEqual([
    undefined,
    expect.stringContaining('more rows'),
  ]);
  const forms = new WindowRows();
  forms.take(insert(1));
  expect(forms.take(insert(2, { ...relation }))).toBeUndefined();
  expect(forms.take(insert(3, relationOf('t', ['id', 'w', 'extra'])))?.why).toContain('columns');
});
