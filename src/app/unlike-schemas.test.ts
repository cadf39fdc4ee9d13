import { expect, test } from 'vitest';
import type { SchemaForm } from '../model/schema-form.ts';
import { namesFrom, type NameMap } from '../model/name-map.ts';
import { anyType, compareUnlike, openUnlikeEyes, sameMysqlType, type FormsReader } from './unlike-schemas.ts';

const selected = (): boolean => true;

function mysqlTable(name: string, columns: Readonly<Record<string, string>>): readonly SchemaForm[] {
  return [
    { kind: 'table', schema: 'shop', of: name, name: `shop.${name}`, definition: 'table' },
    ...Object.entries(columns).map(([column, definition]) => ({
      kind: 'column' as const,
      schema: 'shop',
      of: name,
      name: `shop.${name}.${column}`,
      definition,
    })),
  ];
}

/** As PostgreSQL quotes them: `%I.%I.%I`. */
const postgres: readonly SchemaForm[] = [
  { kind: 'table', schema: 'shop', of: 'Order', name: 'shop."Order"', definition: 'partitioned table' },
  { kind: 'column', schema: 'shop', of: 'Order', name: 'shop."Order".id', definition: 'integer' },
  { kind: 'column', schema: 'shop', of: 'Order', name: 'shop."Order"."a.b ""c"', definition: 'text' },
  { kind: 'enum label', schema: 'shop', of: 'mood', name: `shop.mood 'ok'`, definition: '' },
];

test('names are the same names, however a system quotes them, and types of unlike systems are not compared', () => {
  const mysql = mysqlTable('Order', { id: 'int', 'a.b "c': 'varchar(20)' });
  const options = { side: 'blue', selected, sameType: anyType } as const;
  expect(compareUnlike(mysql, postgres, options)).toEqual({ lacking: [], surplus: [] });
  expect(compareUnlike(postgres, mysql, options)).toEqual({ lacking: [], surplus: [] });
});

test('a table or column that one side has not is told with the type that is wanted', () => {
  const mysql = [...mysqlTable('Order', { id: 'int', more: 'bigint unsigned' }), ...mysqlTable('late', { id: 'int' })];
  expect(compareUnlike(mysql, postgres, { side: 'blue', selected, sameType: anyType })).toEqual({
    lacking: ['green has no column shop.Order.more (bigint unsigned)', 'green has no table shop.late'],
    surplus: ['column shop.Order.a.b "c (text) is on green alone'],
  });
  const some = ({ name }: { readonly name: string }): boolean => name === 'late';
  expect(compareUnlike(mysql, postgres, { side: 'green', selected: some, sameType: anyType })).toEqual({
    lacking: ['blue has no table shop.late'],
    surplus: [],
  });
});

test('between two of the MySQL family types count, and JSON is what either calls it', () => {
  const options = { side: 'blue', selected, sameType: sameMysqlType } as const;
  const mysql = mysqlTable('t', { id: 'int', doc: 'json' });
  expect(compareUnlike(mysql, mysqlTable('t', { id: 'int', doc: 'longtext' }), options).lacking).toEqual([]);
  expect(compareUnlike(mysql, mysqlTable('t', { id: 'bigint', doc: 'json' }), options).lacking).toEqual([
    'column shop.t.id is int on blue and bigint on green',
  ]);
});

const map: NameMap = {
  schemas: [{ blue: 'shop', green: 'public' }],
  tables: [
    {
      blue: { schema: 'shop', name: 'Order' },
      green: { schema: 'public', name: 'orders' },
      columns: [{ blue: 'no', green: 'number' }, { blue: 'legacy' }, { blue: 'sum', green: 'sum', computed: true }],
    },
    { blue: { schema: 'shop', name: 'old' }, columns: [] },
  ],
};

function readerOf(forms: readonly SchemaForm[]): FormsReader {
  return {
    all: async () => forms,
    like: async (wanted) =>
      forms.filter(({ schema, of }) => wanted.some((one) => one.schema === schema && one.of === of)),
    unmoved: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function postgresTable(name: string, columns: readonly string[]): readonly SchemaForm[] {
  const place = { schema: 'public', of: name };
  return [
    { kind: 'table', ...place, name: `public.${name}`, definition: 'table' },
    ...columns.map((column) => ({
      kind: 'column' as const,
      ...place,
      name: `public.${name}.${column}`,
      definition: 'text',
    })),
  ];
}

test('what is called otherwise is found by the name of the target, and what has no place there is not missed', async () => {
  const blue = readerOf([
    ...mysqlTable('Order', { id: 'int', no: 'int', legacy: 'int', sum: 'int', more: 'int' }),
    ...mysqlTable('old', { id: 'int' }),
    ...mysqlTable('late', { id: 'int' }),
  ]);
  const green = readerOf([
    ...postgresTable('orders', ['id', 'number', 'sum', 'extra']),
    ...postgresTable('late', ['id']),
  ]);
  const [ofBlue, ofGreen] = [namesFrom('blue', map), namesFrom('green', map)];
  const common = { selected, sameType: anyType } as const;
  const there = openUnlikeEyes({
    ...common,
    source: blue,
    target: green,
    side: 'blue',
    names: { ofSource: ofBlue, ofTarget: ofGreen },
  });
  expect(await there.look()).toEqual({
    lacking: ['green has no column public.orders.more (int)'],
    surplus: ['column public.orders.extra (text) is on green alone'],
    unmoved: [],
  });
  const back = openUnlikeEyes({
    ...common,
    source: green,
    target: blue,
    side: 'green',
    names: { ofSource: ofGreen, ofTarget: ofBlue },
  });
  expect(await back.look()).toEqual({
    lacking: ['blue has no column shop.Order.extra (text)'],
    surplus: ['column shop.Order.more (int) is on blue alone'],
    unmoved: [],
  });
});
