import { expect, test } from 'vitest';
import { definitionOf } from './schema-forms.ts';

test.each([
  ['int(11)', 'int'],
  ['int', 'int'],
  ['int(10) unsigned zerofill', 'int unsigned'],
  ['bigint(20) unsigned', 'bigint unsigned'],
  ['tinyint(1)', 'tinyint(1)'],
  ['tinyint(4)', 'tinyint'],
  ['year(4)', 'year'],
  ['geometrycollection', 'geomcollection'],
  [`enum('a','b')`, `enum('a','b')`],
  ['decimal(10,2)', 'decimal(10,2)'],
  ['varchar(20)', 'varchar(20)'],
  ['something new', 'something new'],
])('%s is %s, whoever writes it', (type, expected) => {
  expect(definitionOf(type)).toBe(expected);
});
