import { expect, test } from 'vitest';
import { must } from '../kernel/assert.ts';
import { findingsMarkdown } from './findings.ts';
import { mapCatalog } from './map-catalog.ts';
import { findingsOf, offencesOf, profileOf } from './profile.ts';
import { catalog, column, index, table } from './test-support/catalog.ts';
import { shopCatalog } from './test-support/shop.ts';

const scans = profileOf(mapCatalog(shopCatalog, { postgresMajor: 18 }), 'mysql');

test('one scan reads all that the rows of a table tell, and keys have their own', () => {
  expect(
    scans.map(({ table: { name }, checks }) => `${name} ${[...new Set(checks.map(({ kind }) => kind))].join(',')}`),
  ).toEqual([
    'customers outOfRange,nulByte,invalidText,notBoolean,invalidEnum,zeroDate,partialDate',
    'customers duplicates',
    'orders outOfRange,nulByte,invalidText,tooLong,zeroDate',
    'orders orphans',
    'orders orphans',
    'orders orphans',
  ]);
  for (const { sql, checks } of scans) for (const [at] of checks.entries()) expect(sql).toContain(`as c${at}`);
});

test('counts are read by place, and only what was found is told', () => {
  const [scan] = scans;
  const checks = must(scan, 'a scan').checks;
  const at = checks.findIndex(({ kind }) => kind === 'notBoolean');
  const row = Object.fromEntries(checks.map((_, place) => [`c${place}`, place === at ? '3' : '0']));
  const findings = findingsOf(must(scan, 'a scan'), row);
  expect(findings.map(({ check: { kind, columns }, count }) => `${kind} ${columns.join()} ${count}`)).toEqual([
    'notBoolean active 3',
  ]);
  expect(offencesOf(findings)).toEqual([
    { table: { schema: 'shop', name: 'customers' }, column: 'active', check: 'notBoolean' },
  ]);
  const page = findingsMarkdown(findings.map(({ check, count }) => ({ check, count, samples: [['7'], ['`8|']] })));
  expect(page).toContain('| `shop.customers (active)` | notBoolean | 3 |');
  expect(page).toContain('Rows by `id`: `7`; `` `8| ``');
  expect(page).toContain('set `active` = 1, `updated` = `updated` where (`active` not in (0, 1));');
  expect(findingsMarkdown([])).toContain('The data fits');
});

test('a policy decides what is told of it', () => {
  const source = catalog([
    table('a.t', [column('id', 'int not null'), column('d', 'date'), column('e', `enum('x')`), column('t', 'text')], {
      indexes: [index('PRIMARY', ['id'])],
    }),
  ]);
  const policy = { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove', invalidText: 'stop' } as const;
  const [scan] = profileOf(mapCatalog(source, { postgresMajor: 18, policy }), 'mariadb');
  const told = scan?.checks.map(({ kind, policy: text }) => `${kind} ${text.split(':')[0]}`);
  expect(told).toEqual(['zeroDate null', 'partialDate null', 'invalidEnum null', 'nulByte remove', 'invalidText stop']);
});
