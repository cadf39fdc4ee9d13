import { expect, test } from 'vitest';
import {
  actingKeysOf,
  clashingKeys,
  keysInNames,
  linkedTables,
  referencedColumns,
  unlikeKeys,
  type ActingKey,
} from './acting-keys.ts';
import type { MysqlForeignKey } from './mysql-catalog.ts';
import { namesFrom, type NameMap } from './name-map.ts';

type KeyedTable = Parameters<typeof actingKeysOf>[0][number];

function table(name: string, columns: readonly string[], ...foreignKeys: readonly MysqlForeignKey[]): KeyedTable {
  const [schema = '', own = ''] = name.split('.');
  return { schema, name: own, columns: columns.map((column) => ({ name: column })) as never, foreignKeys };
}

function foreignKey(name: string, column: string, parent: string, more: Partial<MysqlForeignKey>): MysqlForeignKey {
  const [schema = '', own = ''] = parent.split('.');
  return {
    name,
    columns: [column],
    references: { schema, name: own },
    referencedColumns: ['id'],
    onDelete: 'restrict',
    onUpdate: 'no action',
    ...more,
  };
}

test('keys that act are those between the tables, named as these are, in the order of InnoDB', () => {
  const keys = actingKeysOf([
    table('s.parent', ['Id']),
    table(
      's.child',
      ['P', 'q', 'r'],
      foreignKey('z', 'p', 's.parent', { onDelete: 'cascade' }),
      foreignKey('a', 'q', 's.parent', { onUpdate: 'set null' }),
      foreignKey('b', 'r', 's.parent', {}),
      foreignKey('c', 'r', 's.elsewhere', { onDelete: 'cascade' }),
      foreignKey('d', 'r', 's.parent', { onDelete: 'set default' }),
    ),
    table('a.far', ['p'], foreignKey('zz', 'p', 's.parent', { onDelete: 'set null' })),
  ]);
  expect(keys.map(({ name }) => name)).toEqual(['zz', 'a', 'z']);
  expect(keys[2]).toEqual({
    name: 'z',
    child: { schema: 's', name: 'child' },
    columns: ['P'],
    parent: { schema: 's', name: 'parent' },
    referencedColumns: ['Id'],
    onDelete: 'cascade',
    onUpdate: 'none',
  });
  expect(referencedColumns(keys, { schema: 's', name: 'parent' })).toEqual(['Id']);
  expect(referencedColumns(keys, { schema: 's', name: 'child' })).toEqual([]);
});

function key(name: string, child: string, parent: string, more: Partial<ActingKey> = {}): ActingKey {
  return {
    name,
    child: { schema: 's', name: child },
    columns: ['p'],
    parent: { schema: 's', name: parent },
    referencedColumns: ['id'],
    onDelete: 'cascade',
    onUpdate: 'none',
    ...more,
  };
}

test('two keys clash where one sets a column to NULL by which the other refers', () => {
  const names = (...keys: readonly ActingKey[]): string =>
    clashingKeys(keys)
      .map((pair) => pair.map(({ name }) => name).join('-'))
      .join(' ');
  expect(names(key('a', 'c', 'p'), key('b', 'c', 'q'))).toBe('');
  expect(names(key('a', 'c', 'p', { onUpdate: 'cascade' }), key('b', 'c', 'q', { onUpdate: 'cascade' }))).toBe('');
  expect(names(key('a', 'c', 'p'), key('b', 'c', 'q', { onDelete: 'set null' }))).toBe('a-b');
  expect(names(key('a', 'c', 'p', { onUpdate: 'set null' }), key('b', 'c', 'q', { columns: ['x', 'p'] }))).toBe('a-b');
  expect(names(key('a', 'c', 'p'), key('b', 'c', 'q', { columns: ['x'], onDelete: 'set null' }))).toBe('');
  expect(names(key('a', 'c', 'p'), key('b', 'd', 'q', { onDelete: 'set null' }))).toBe('');
});

test('tables are linked over any number of keys', () => {
  const keys = [key('a', 'b', 'a'), key('b', 'd', 'c'), key('c', 'x', 'x'), key('d', 'c', 'b')];
  expect(linkedTables(keys).map((group) => [...group].sort().join(' '))).toEqual(['s.x', 's.a s.b s.c s.d']);
});

test('what keys do otherwise than before is told by their names', () => {
  const kept = [key('a', 'c', 'p'), key('b', 'c', 'q')];
  expect(unlikeKeys(kept, kept, 'blue')).toEqual([]);
  expect(unlikeKeys(kept, [key('b', 'c', 'q', { onDelete: 'set null' }), key('c', 'c', 'p')], 'blue')).toEqual([
    'foreign key a of s.c acts no longer on blue, and did when the flow began',
    'foreign key b of s.c acts otherwise on blue than when the flow began',
    'foreign key c of s.c acts on blue, and did not when the flow began',
  ]);
});

test('keys in the names of the other side, and back', () => {
  const acting = key('of', 'child', 'parent', { columns: ['of'], referencedColumns: ['id'] });
  const map: NameMap = {
    schemas: [{ blue: 's', green: 'public' }],
    tables: [
      {
        blue: { schema: 's', name: 'child' },
        green: { schema: 'public', name: 'kid' },
        columns: [{ blue: 'of', green: 'mother' }, { blue: 'gone' }],
      },
      { blue: { schema: 's', name: 'left' }, columns: [] },
    ],
  };
  const there = keysInNames([acting], namesFrom('blue', map));
  expect(there).toEqual([
    {
      ...acting,
      child: { schema: 'public', name: 'kid' },
      columns: ['mother'],
      parent: { schema: 'public', name: 'parent' },
    },
  ]);
  expect(keysInNames(there, namesFrom('green', map))).toEqual([acting]);
  expect(keysInNames([key('of', 'left', 'parent'), key('of', 'child', 'left')], namesFrom('blue', map))).toEqual([]);
  expect(() => keysInNames([{ ...acting, columns: ['gone'] }], namesFrom('blue', map))).toThrow('a key that acts');
});
