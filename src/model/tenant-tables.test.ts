import { expect, test } from 'vitest';
import { emptyCatalog, plainTable } from '../../test/support/catalogs.ts';
import type { Catalog, Column, Table } from './catalog.ts';
import { tenantTables } from './tenant-tables.ts';

const column = (name: string, type = 'integer', more: Partial<Column> = {}): Column => ({
  name,
  type,
  typeOid: 23,
  builtIn: true,
  notNull: true,
  generated: 'no',
  identity: 'no',
  hasDefault: false,
  ...more,
});
const table = (name: string, columns: readonly Column[], more: Partial<Table> = {}): Table =>
  plainTable({ schema: 'public', name }, { columns, uniqueKeys: [], foreignKeys: [], ...more });
const unique = (...columns: readonly string[]): Table['uniqueKeys'][number] => ({
  index: `u_${columns.join('_')}`,
  columns,
  partialOrExpression: false,
  deferrable: false,
});
const leads = (to: string, columns: readonly string[], referencedColumns = columns): Table['foreignKeys'][number] => ({
  name: `to_${to}`,
  columns,
  references: { schema: 'public', name: to },
  referencedColumns,
});
const tenant = column('tenant_id');
const country = table('country', [column('code', 'text')], { uniqueKeys: [unique('code')] });
const serial = column('id', 'bigint', { identity: 'by default' });
const orders = table('orders', [serial, tenant, column('country', 'text')], {
  uniqueKeys: [unique('id'), unique('tenant_id', 'country')],
  foreignKeys: [leads('country', ['country'], ['code'])],
});
const of = (tables: readonly Table[], more: Partial<Catalog> = {}): ReturnType<typeof tenantTables> =>
  tenantTables({ ...emptyCatalog, tables, ...more }, 'tenant_id', ['public.country']);
const obstacles = (...given: Parameters<typeof of>): readonly string[] =>
  of(...given).obstacles.map(({ what }) => what);

test('tables with the column, and what their rows lead to without it', () => {
  const line = table('line', [tenant, column('order_id', 'bigint')], {
    foreignKeys: [leads('orders', ['order_id'], ['id'])],
  });
  const note = table('note', [tenant, column('order_id', 'bigint')], {
    foreignKeys: [leads('orders', ['tenant_id', 'order_id'], ['tenant_id', 'id'])],
  });
  const found = of([country, orders, line, note]);
  expect(found.obstacles).toEqual([]);
  expect(found.rows.map(({ name }) => name)).toEqual(['orders', 'line', 'note']);
  expect(found.guarded).toEqual([{ table: { schema: 'public', name: 'country' }, columns: ['code'] }]);
  expect(found.crossing.map((each) => each.table.name)).toEqual(['line']);
});

test.each<[string, readonly Table[], Partial<Catalog>?]>([
  ['public.audit has no column tenant_id, and is not among `shared`', [table('audit', [column('at')])]],
  ['public.country is among `shared`, and has a column tenant_id', [table('country', [tenant])]],
  [
    'public.rate leads to rows of tenants in public.orders (to_orders), and is of all of them',
    [table('rate', [column('id')], { foreignKeys: [leads('orders', ['id'])] })],
  ],
  [
    'public.account has a unique key without tenant_id (u_email): both sides could take the same values',
    [table('account', [tenant, column('email', 'text')], { uniqueKeys: [unique('email')] })],
  ],
  [
    'public.room has an exclusion constraint (no_overlap): rows of tenants on both sides could break it',
    [table('room', [tenant], { exclusionConstraints: ['no_overlap'] })],
  ],
  [
    'public.view computes tenant_id when it is read: a trigger does not see it',
    [table('view', [column('tenant_id', 'integer', { generated: 'virtual' })])],
  ],
  [
    'public.cart is unlogged: what tenants write in it on green would not come back',
    [table('cart', [tenant], { persistence: 'unlogged' })],
  ],
])('refuses: %s', (what, tables, more) => {
  const all = tables.some(({ name }) => name === 'country') ? tables : [country, ...tables];
  expect(obstacles([orders, ...all], more)).toContain(what);
});

test('a key that a sequence of its own or a UUID tells apart is none that two sides could share', () => {
  const keyed = (...columns: readonly Column[]): Table =>
    table('item', [tenant, ...columns], { uniqueKeys: [unique('id')] });
  const named = { schema: 'public', name: 'item_id_seq' };
  const sequence = { ...named, type: 'bigint', increment: 1n, min: 1n, max: 9n, cache: 1n, cycle: false };
  const owned = { ...sequence, ownedBy: { table: { schema: 'public', name: 'item' }, column: 'id' } };
  expect(obstacles([country, keyed(column('id'))])).toHaveLength(1);
  expect(obstacles([country, keyed(column('id'))], { sequences: [owned] })).toEqual([]);
  expect(obstacles([country, keyed(column('id', 'uuid'))])).toEqual([]);
  expect(obstacles([country, keyed(serial)], { sequences: [{ ...sequence, cycle: true }] })).toEqual([
    'public.item_id_seq is a sequence that goes round: both sides would give the same numbers',
  ]);
});
