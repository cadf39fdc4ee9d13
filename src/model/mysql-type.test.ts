import { expect, test } from 'vitest';
import { parseType } from './mysql-type.ts';

test.each([
  ['int', { base: 'int', unsigned: false }],
  ['int(10) unsigned', { base: 'int', unsigned: true, length: 10 }],
  ['bigint(20) unsigned zerofill', { base: 'bigint', unsigned: true, length: 20 }],
  ['tinyint(1)', { base: 'tinyint', unsigned: false, length: 1 }],
  ['decimal(10,2)', { base: 'decimal', unsigned: false, length: 10, decimals: 2 }],
  ['double(8,3) unsigned', { base: 'double', unsigned: true, length: 8, decimals: 3 }],
  ['datetime(6)', { base: 'datetime', unsigned: false, decimals: 6 }],
  ['timestamp', { base: 'timestamp', unsigned: false, decimals: 0 }],
  ['varbinary(16)', { base: 'varbinary', unsigned: false, length: 16 }],
  ['multipolygon', { base: 'geometry', unsigned: false }],
  [
    `enum('a','it''s',',)','b\\\\c\\n','')`,
    { base: 'enum', unsigned: false, labels: ['a', `it's`, ',)', 'b\\c\n', ''] },
  ],
  [`set('x','y')`, { base: 'set', unsigned: false, labels: ['x', 'y'] }],
  ['longtext', { base: 'longtext', unsigned: false }],
])('%s', (text, expected) => {
  expect(parseType(text)).toEqual(expected);
});

test.each(['', 'money', 'varchar(20) /*', 'tinyint(1'])('“%s” is refused', (text) => {
  expect(() => parseType(text)).toThrow(expect.objectContaining({ code: 'TEAL-SYSTEMS-304' }) as Error);
});
