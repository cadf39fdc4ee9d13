import { expect, test } from 'vitest';
import type { ChangedColumn } from '../../../model/changed-values.ts';
import { checkMysqlConnect, type ConnectTable, type MysqlConnectOptions } from './connect.ts';

const orders: ConnectTable = {
  schema: 'shop',
  name: 'orders',
  primaryKey: ['id'],
  green: { schema: 'shop', name: 'orders' },
  renamed: [],
  computedKey: [],
};
const quiet: MysqlConnectOptions = { tables: [orders], actingKeys: [], changed: [], accepted: [] };
const weight: ChangedColumn = {
  schema: 'shop',
  name: 'orders',
  column: 'weight',
  type: 'float',
  butFor: undefined,
  holds: true,
};

function codesOf(options: Partial<MysqlConnectOptions>): readonly string[] {
  return checkMysqlConnect({ ...quiet, ...options }).map(({ code }) => code);
}

test('a table that is called the same on both sides, with a key and plain columns, is carried', () => {
  expect(checkMysqlConnect(quiet)).toEqual([]);
});

test.each([
  ['a table without a key', { ...orders, primaryKey: undefined }, 'ASSESS-CONNECT-KEY'],
  ['a key that green computes', { ...orders, computedKey: ['id'] }, 'ASSESS-CONNECT-COLUMN'],
  ['a schema of another name', { ...orders, green: { schema: 'store', name: 'orders' } }, 'ASSESS-CONNECT-NAMES'],
  ['a column of another name', { ...orders, renamed: ['id → number'] }, 'ASSESS-CONNECT-NAMES'],
] as const)('%s is refused', (_, { primaryKey, ...table }, code) => {
  const found = checkMysqlConnect({
    ...quiet,
    tables: [{ ...table, ...(primaryKey === undefined ? {} : { primaryKey }) }],
  });
  expect(found).toMatchObject([{ code, severity: 'blocker' }]);
});

test('a foreign key that deletes rows by itself is refused, and named', () => {
  const table = { schema: 'shop', name: 'items' };
  const key = {
    name: 'items_orders',
    child: table,
    columns: ['orders'],
    parent: orders,
    referencedColumns: ['id'],
    onDelete: 'cascade',
    onUpdate: 'none',
  } as const;
  expect(checkMysqlConnect({ ...quiet, actingKeys: [key] })).toMatchObject([
    { code: 'ASSESS-CONNECT-CASCADE', severity: 'blocker', object: 'items_orders of shop.items' },
  ]);
});

test('a column that holds values which the path changes is refused, unless the file accepts it; one that could is told', () => {
  expect(codesOf({ changed: [weight] })).toEqual(['ASSESS-CONNECT-VALUES']);
  expect(codesOf({ changed: [weight], accepted: ['shop.*.weight'] })).toEqual(['ASSESS-CONNECT-ACCEPTED']);
  expect(codesOf({ changed: [{ ...weight, holds: false }] })).toEqual(['ASSESS-CONNECT-POSSIBLE']);
});
