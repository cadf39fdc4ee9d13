import { expect, test } from 'vitest';
import { tableOptions } from './table-options.ts';

const partition = (name: string, more: object = {}): Parameters<typeof tableOptions>[1][number] => ({
  db: 'shop',
  tab: 't',
  name,
  method: 'RANGE',
  expression: 'year(`at`)',
  description: '2024',
  sub_method: null,
  sub_expression: null,
  sub_name: null,
  ...more,
});

test('a plain table has none', () => {
  expect(tableOptions({ kind: 'BASE TABLE', options: '' }, [])).toEqual([]);
  expect(tableOptions({ kind: 'BASE TABLE', options: null }, [])).toEqual([]);
});

test('words of CREATE TABLE, a quoted one whole', () => {
  const options = `row_format=COMPRESSED COMPRESSION="z lib" partitioned \`X\`='a b'`;
  expect(tableOptions({ kind: 'SYSTEM VERSIONED', options }, [])).toEqual([
    'WITH SYSTEM VERSIONING',
    'row_format=COMPRESSED',
    'COMPRESSION="z lib"',
    `\`X\`='a b'`,
  ]);
});

test('partitions by range, list and hash, each once', () => {
  const plain = { kind: 'BASE TABLE', options: 'partitioned' };
  const sub = { sub_method: 'HASH', sub_expression: '`id`' };
  const byRange = [
    partition('p`0', { ...sub, sub_name: 'a' }),
    partition('p`0', { ...sub, sub_name: 'b' }),
    partition('p1', { description: 'MAXVALUE' }),
  ];
  expect(tableOptions(plain, byRange)).toEqual([
    'PARTITION BY RANGE (year(`at`)) SUBPARTITION BY HASH (`id`) (PARTITION `p``0` VALUES LESS THAN (2024), PARTITION `p1` VALUES LESS THAN (MAXVALUE))',
  ]);
  const byList = [partition('p0', { method: 'LIST COLUMNS', expression: '`a`', description: `'x','y'` })];
  expect(tableOptions(plain, byList)).toEqual([
    `PARTITION BY LIST COLUMNS (\`a\`) (PARTITION \`p0\` VALUES IN ('x','y'))`,
  ]);
  const byHash = [partition('p0', { method: 'KEY', expression: null, description: null })];
  expect(tableOptions(plain, byHash)).toEqual(['PARTITION BY KEY () (PARTITION `p0`)']);
});
