import { expect, test } from 'vitest';
import { mapCatalog } from './map-catalog.ts';
import { isSameTarget, targetForms, targetTables } from './target-tables.ts';
import { catalog, column, index, table } from './test-support/catalog.ts';

const primary = { indexes: [index('PRIMARY', ['id'])] };
const plain = table('shop.plain', [column('id', 'int not null'), column('yes', 'tinyint(1)')], primary);
const options = { postgresMajor: 18 };

test('a table of the target is known by its primary key, or by nothing', () => {
  const loose = table('shop.loose', [column('a', 'int')]);
  const begun = table('shop.begun', [column('t', 'text not null')], { indexes: [index('PRIMARY', ['t(4)'])] });
  const tables = targetTables(mapCatalog(catalog([plain, loose, begun]), options));
  expect(tables.map(({ name, replicaIdentity }) => [name, replicaIdentity])).toEqual([
    ['plain', { kind: 'key', index: 'plain_pkey', columns: ['id'] }],
    ['loose', { kind: 'nothing' }],
    ['begun', { kind: 'nothing' }],
  ]);
  expect(tables[0]?.columns.map(({ name, type, notNull }) => [name, type, notNull])).toEqual([
    ['id', 'integer', true],
    ['yes', 'boolean', false],
  ]);
});

test('its forms are tables and columns by their plain names', () => {
  const forms = targetForms(mapCatalog(catalog([plain]), options));
  expect(forms.map(({ name, definition }) => `${name} ${definition}`)).toEqual([
    'shop.plain table',
    'shop.plain.id integer',
    'shop.plain.yes boolean',
  ]);
});

test('types are the same however they are written', () => {
  expect(isSameTarget('timestamp(3) with time zone', 'timestamptz(3)')).toBe(true);
  expect(isSameTarget('varchar(20)', 'character varying(20)')).toBe(true);
  expect(isSameTarget('varchar(20)', 'character varying(21)')).toBe(false);
  expect(isSameTarget('smallint', 'boolean')).toBe(false);
});
