import { expect, test } from 'vitest';
import { code, mappingJson, mappingMarkdown } from './document.ts';
import { mapCatalog } from './map-catalog.ts';
import { oddCatalog, shopCatalog } from './test-support/shop.ts';

const shop = mapCatalog(shopCatalog, { postgresMajor: 18 });
const odd = mapCatalog(oddCatalog, { postgresMajor: 18 });

test('people read of every table, column and key, and of what is not carried', () => {
  const page = mappingMarkdown(shop);
  expect(page).toContain('## `shop.customers` → `shop.customers`');
  expect(page).toContain(
    '| `big` | `bigint unsigned` | `numeric(20,0)` | unsigned-big-integer | `18446744073709551615` |',
  );
  expect(page).toContain(
    '| `id` | `bigint unsigned` not null | `bigint` not null | unsigned-big-counter | identity, next 42 |',
  );
  expect(page).toContain(
    '| `email` | `varchar(190)` not null | `varchar(190)` not null, collation `mysql_und_ai_ci` |',
  );
  expect(page).toContain(
    '- foreign key `buyer`: `customer_id` → `shop.customers` (`id`), on delete cascade, on update restrict',
  );
  expect(page).toContain('- column `shop.orders.lowered`: computed by lower(`email`), which is left to you');
  expect(page).toContain('- unique key `email` → `customers_email`: `"email"`');
  for (const { columns } of [...shop.tables, ...odd.tables])
    for (const { source } of columns) expect(page + mappingMarkdown(odd)).toContain(code(source.name));
});

test('every row of a table is whole, whatever its names and labels are', () => {
  const name = 'a|b `c` \\ d';
  const [customers] = shopCatalog.tables;
  const wild = { ...shopCatalog, tables: [customers ?? oddCatalog.tables[0] ?? never(), ...oddCatalog.tables] };
  const mapping = mapCatalog(wild, {
    postgresMajor: 18,
    tables: { 'shop.customers': { columns: { note: { rename: name } } } },
  });
  expect(mapping.mistakes).toEqual([]);
  const rows = mappingMarkdown(mapping)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  expect(rows.length).toBeGreaterThan(20);
  for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(9);
});

test('machines read the same, with numbers that may be wide as text', () => {
  const read = JSON.parse(mappingJson(shop)) as {
    tables: {
      source: string;
      target: object;
      columns: { source: string; counter?: object; base: string }[];
      foreignKeys: object[];
    }[];
    notCarried: object[];
  };
  expect(read.notCarried).toEqual(shop.notCarried);
  expect(read.tables[0]).toMatchObject({ source: 'shop.customers', target: { schema: 'shop', name: 'customers' } });
  expect(read.tables[0]?.columns[0]).toMatchObject({
    source: 'id',
    base: 'bigint',
    counter: { kind: 'identity', start: '42' },
  });
  expect(read.tables[1]?.foreignKeys).toHaveLength(3);
  expect(mappingJson(shop)).toBe(mappingJson(mapCatalog(shopCatalog, { postgresMajor: 18 })));
});

function never(): never {
  throw new Error('no table');
}
