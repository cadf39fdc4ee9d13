import { expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import type { ActingKey } from '../model/acting-keys.ts';
import { tableKey } from '../model/catalog.ts';
import { cascade, type CascadeHands, type KeyEffect, type KeyValues, type ReferencedRows } from './cascade.ts';

type ModelRow = Record<string, string | null>;

/** Tables in memory; `s.name` by name. */
class Model implements CascadeHands {
  readonly tables: Record<string, ModelRow[]>;
  readonly done: string[] = [];

  constructor(tables: Record<string, ModelRow[]>) {
    this.tables = tables;
  }

  async find(
    { key, references }: Pick<KeyEffect, 'key' | 'references'>,
    columns: readonly string[],
  ): Promise<readonly KeyValues[]> {
    return this.#found(key, references).map((row) => columns.map((name) => cell(row[name] ?? null)));
  }

  async act({ key, references, becomes }: KeyEffect): Promise<void> {
    const found = this.#found(key, references);
    this.done.push(`${key.name} ${found.length}`);
    const name = key.child.name;
    if (becomes === undefined) this.tables[name] = (this.tables[name] ?? []).filter((row) => !found.includes(row));
    else for (const row of found) for (const [at, column] of key.columns.entries()) row[column] = text(becomes[at]);
  }

  #found(key: ActingKey, references: readonly KeyValues[]): ModelRow[] {
    return (this.tables[key.child.name] ?? []).filter((row) =>
      references.some((reference) =>
        key.columns.every((name, at) => row[name] !== null && row[name] === text(reference[at])),
      ),
    );
  }
}

const cell = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value));
const text = (value: Buffer | null | undefined): string | null => value?.toString() ?? null;

function key(
  name: string,
  [child, columns]: readonly [string, string],
  [parent, referenced]: readonly [string, string],
  more: Partial<ActingKey>,
): ActingKey {
  return {
    name,
    child: { schema: 's', name: child },
    columns: columns.split(' '),
    parent: { schema: 's', name: parent },
    referencedColumns: referenced.split(' '),
    onDelete: 'none',
    onUpdate: 'none',
    ...more,
  };
}

function rows(
  table: string,
  columns: string,
  ...changes: readonly (readonly [old: readonly (string | null)[], row?: readonly (string | null)[]])[]
): ReferencedRows {
  return {
    table: { schema: 's', name: table },
    columns: columns.split(' '),
    changes: changes.map(([old, row]) => ({
      old: old.map(cell),
      ...(row === undefined ? {} : { row: row.map(cell) }),
    })),
  };
}

test('what goes with a row goes with what went with it, and NULL refers to nothing', async () => {
  const model = new Model({
    b: [
      { id: '1', a: '1' },
      { id: '2', a: '2' },
      { id: '3', a: null },
    ],
    c: [
      { id: '1', b: '1' },
      { id: '2', b: '2' },
      { id: '3', b: '1' },
    ],
    d: [{ id: '1', b: '1' }],
  });
  const keys = [
    key('ab', ['b', 'a'], ['a', 'id'], { onDelete: 'cascade' }),
    key('bc', ['c', 'b'], ['b', 'id'], { onDelete: 'set null' }),
    key('bd', ['d', 'b'], ['b', 'id'], { onUpdate: 'cascade' }),
  ];
  await cascade({ keys, rows: rows('a', 'id', [['1']], [[null]], [['7']]) }, model);
  expect(model.tables).toEqual({
    b: [
      { id: '2', a: '2' },
      { id: '3', a: null },
    ],
    c: [
      { id: '1', b: null },
      { id: '2', b: '2' },
      { id: '3', b: null },
    ],
    d: [{ id: '1', b: '1' }],
  });
  expect(model.done).toEqual(['ab 1', 'bc 2']);
});

test('a key that moves takes with it what refers to a part of it, each by its own other values', async () => {
  const model = new Model({
    item: [
      { o: '1', line: '1' },
      { o: '1', line: '2' },
      { o: '2', line: '1' },
    ],
    part: [
      { id: '1', o: '1', line: '2' },
      { id: '2', o: '1', line: '1' },
      { id: '3', o: '2', line: '1' },
    ],
    kept: [{ id: '1', line: '1' }],
  });
  const keys = [
    key('io', ['item', 'o'], ['orders', 'id'], { onUpdate: 'cascade' }),
    key('pi', ['part', 'o line'], ['item', 'o line'], { onUpdate: 'cascade' }),
    key('kl', ['kept', 'line'], ['item', 'line'], { onUpdate: 'set null', onDelete: 'cascade' }),
  ];
  await cascade({ keys, rows: rows('orders', 'id', [['1'], ['9']]) }, model);
  expect(model.tables['part']).toEqual([
    { id: '1', o: '9', line: '2' },
    { id: '2', o: '9', line: '1' },
    { id: '3', o: '2', line: '1' },
  ]);
  expect(model.tables['kept']).toEqual([{ id: '1', line: '1' }]);
  const before = model.done.length;
  await cascade({ keys, rows: rows('orders', 'id', [['9'], ['9']]) }, model);
  expect(model.done).toHaveLength(before);
});

test('a circle ends where its rows end; a deeper one than a source has is an error', async () => {
  const chain = (length: number): Model =>
    new Model({
      t: [{ id: '0', p: String(length) }, ...Array.from({ length }, (_, n) => ({ id: String(n + 1), p: String(n) }))],
    });
  const keys = [key('tt', ['t', 'p'], ['t', 'id'], { onDelete: 'cascade' })];
  const model = chain(100);
  await cascade({ keys, rows: rows('t', 'id', [['50']]) }, model);
  expect(model.tables['t']).toEqual([]);
  const error = await cascade({ keys, rows: rows('t', 'id', [['1']]) }, chain(300)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isTealError(error, 'TEAL-SYNC-110') && error.facts['table']).toBe(tableKey({ schema: 's', name: 't' }));
});
