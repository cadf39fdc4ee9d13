import { expect, test } from 'vitest';
import { catalog, column, index, table } from '../../mapping/test-support/catalog.ts';
import type { MysqlTable } from '../../model/mysql-catalog.ts';
import { changedObjects, markOf } from './schema-mark.ts';

const shop = table('shop.a', [column('id', 'int not null')], { indexes: [index('PRIMARY', ['id'])] });
const other = table('shop.b', [column('id', 'int')]);
const all = (): boolean => true;

const changes: readonly (readonly [string, Partial<MysqlTable>])[] = [
  ['a column more', { columns: [...shop.columns, column('v', 'int')] }],
  ['another type', { columns: [column('id', 'bigint not null')] }],
  ['an index more', { indexes: [...shop.indexes, index('v', ['id'])] }],
  ['a trigger', { triggers: [{ name: 't', fires: 'always' }] }],
  ['a check', { checks: [{ name: 'c', expression: '`id` > 0', enforced: true }] }],
];

test.for(changes)('%s is another mark', ([, change]) => {
  const before = markOf(catalog([shop, other]), all);
  const after = markOf(catalog([{ ...shop, ...change }, other]), all);
  expect(after.digest).not.toBe(before.digest);
  expect(changedObjects(before, after)).toEqual(['table shop.a']);
});

test('rows, sizes and counters are no part of it', () => {
  const fuller = { ...shop, estimatedRows: 9, pages: 9, totalBytes: 9n, heapBytes: 9n, nextAutoIncrement: 9n };
  expect(markOf(catalog([fuller]), all)).toEqual(markOf(catalog([shop]), all));
});

test('what is not selected changes the digest alone', () => {
  const selected = ({ name }: { readonly name: string }): boolean => name === 'a';
  const before = markOf(catalog([shop, other]), selected);
  const after = markOf(catalog([shop]), selected);
  expect(after.digest).not.toBe(before.digest);
  expect(changedObjects(before, after)).toEqual([]);
});
