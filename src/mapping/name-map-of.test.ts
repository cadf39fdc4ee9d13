import { expect, test } from 'vitest';
import { mapCatalog } from './map-catalog.ts';
import { carriedTables, nameMapOf } from './name-map-of.ts';
import { obstaclesOf } from './obstacles.ts';
import type { MappingOptions } from './options.ts';
import { targetTables } from './target-tables.ts';
import { catalog, column, expression, foreignKey, index, literal, table } from './test-support/catalog.ts';

const primary = { indexes: [index('PRIMARY', ['id'])] };
const id = column('id', 'int not null');
const lax = { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove', invalidText: 'stop' } as const;

function mapped(tables: Parameters<typeof catalog>[0], options: Omit<MappingOptions, 'postgresMajor'> = {}) {
  const source = catalog(tables);
  return { source, mapping: mapCatalog(source, { postgresMajor: 18, ...options }) };
}

test('what has its name on both sides is not listed', () => {
  const twice = column('twice', 'int', { generatedAs: '(`id` * 2)' });
  const { source, mapping } = mapped([table('shop.same', [id, twice], primary)], {
    tables: { 'shop.same': { columns: { id: { type: 'bigint' } } } },
  });
  expect(nameMapOf(mapping, source)).toEqual({ schemas: [], tables: [] });
});

test('what is called otherwise, left out or computed is', () => {
  const odd = [id, column('xmin', 'int'), column('left', 'int'), column('sum', 'int'), column('more', 'int')];
  const { source, mapping } = mapped(
    [table('shop.odd', odd, primary), table('shop.old', [id], primary), table('shop.plain', [id], primary)],
    {
      schemas: { shop: 'public' },
      tables: {
        'shop.old': { drop: true },
        'shop.odd': { rename: 'strange', columns: { left: { drop: true }, sum: { expression: 'id + 1' } } },
      },
    },
  );
  expect(nameMapOf(mapping, source)).toEqual({
    schemas: [{ blue: 'shop', green: 'public' }],
    tables: [
      {
        blue: { schema: 'shop', name: 'odd' },
        green: { schema: 'public', name: 'strange' },
        columns: [{ blue: 'xmin', green: 'xmin_' }, { blue: 'left' }, { blue: 'sum', green: 'sum', computed: true }],
      },
      { blue: { schema: 'shop', name: 'old' }, columns: [] },
    ],
  });
  // What is read and what is written have the same columns, in the same order.
  expect(carriedTables(mapping)[0]?.columns.map(({ name }) => name)).toEqual(['id', 'xmin', 'more']);
  const written = targetTables(mapping)[0]?.columns.filter(({ generated }) => generated === 'no');
  expect(written?.map(({ name }) => name)).toEqual(['id', 'xmin_', 'more']);
});

test('of two databases that become one schema every table is listed', () => {
  const { source, mapping } = mapped([table('a.x', [id], primary), table('b.y', [id], primary)], {
    schemas: { a: 'one', b: 'one' },
  });
  expect(nameMapOf(mapping, source).tables.map(({ blue, green }) => [blue.schema, green?.schema])).toEqual([
    ['a', 'one'],
    ['b', 'one'],
  ]);
});

test('a date that takes no NULL on blue has the zero date there for what is NULL on green', () => {
  const dates = [
    id,
    column('day', 'date not null'),
    column('at', 'datetime(3) not null'),
    column('free', 'date'),
    column('text', 'text not null'),
  ];
  const { source, mapping } = mapped([table('shop.t', dates, primary)], { policy: lax });
  expect(nameMapOf(mapping, source).tables[0]?.columns).toEqual([
    { blue: 'day', green: 'day', nullOnBlue: '0000-00-00' },
    { blue: 'at', green: 'at', nullOnBlue: '0000-00-00 00:00:00' },
  ]);
});

test('what a row is known by stays as it is, whatever the policy', () => {
  const dates = [column('day', 'date not null'), column('free', 'date not null')];
  const loose = mapped([table('shop.loose', dates)], { policy: lax });
  expect(nameMapOf(loose.mapping, loose.source).tables).toEqual([]);
  const keyed = mapped([table('shop.t', dates, { indexes: [index('PRIMARY', ['day'])] })], { policy: lax });
  expect(nameMapOf(keyed.mapping, keyed.source).tables[0]?.columns.map(({ blue }) => blue)).toEqual(['free']);
});

test('a row that would lose its name, or has no way back, is an obstacle', () => {
  const parts = [
    id,
    column('gone', 'int not null'),
    column('filled', 'int not null', literal('0')),
    column('stamped', 'timestamp not null', expression('current_timestamp')),
    column('free', 'int'),
    column('made', 'int not null', { generatedAs: 'rand()' }),
    column('kind', `enum('a') not null`),
  ];
  const dropped = {
    gone: { drop: true },
    filled: { drop: true },
    stamped: { drop: true },
    free: { drop: true },
  } as const;
  const say = (
    tables: Parameters<typeof catalog>[0],
    options: Omit<MappingOptions, 'postgresMajor'>,
  ): readonly string[] => obstaclesOf(mapped(tables, options).mapping).map(({ kind, name }) => `${kind}: ${name}`);
  expect(say([table('shop.t', parts, primary)], { policy: lax, tables: { 'shop.t': { columns: dropped } } })).toEqual([
    'no way back: shop.t.gone',
    'no way back: shop.t.kind',
  ]);
  expect(say([table('shop.t', parts, primary)], {})).toEqual([]);
  const unique = { indexes: [...primary.indexes, index('unique u', ['filled', 'stamped', 'free'])] };
  const { gone: _, ...others } = dropped;
  expect(say([table('shop.t', parts, unique)], { tables: { 'shop.t': { columns: others } } })).toEqual([
    'no way back: shop.t.filled',
  ]);
  const noId = { 'shop.t': { columns: { id: { expression: '1' } } } };
  expect(say([table('shop.t', parts, primary)], { tables: noId })).toContain('rows without a name: shop.t.id');
  const noFree = { tables: { 'shop.t': { columns: { free: { drop: true } } } } } as const;
  expect(say([table('shop.t', parts)], noFree)).toEqual(['rows without a name: shop.t']);
  expect(say([table('shop.t', parts, { indexes: [index('unique u', ['id'])] })], noFree)).toEqual([]);
});

test('a column by which a foreign key changes or deletes rows has to travel, on either end of it', () => {
  const acting = foreignKey('of', ['of'], 'shop.a', ['code'], { onDelete: 'cascade' });
  const tables = (key = acting): Parameters<typeof catalog>[0] => [
    table('shop.a', [id, column('code', 'int not null', literal('0'))], {
      indexes: [index('PRIMARY', ['id']), index('unique code', ['code'])],
    }),
    table('shop.b', [id, column('of', 'int')], { ...primary, foreignKeys: [key] }),
  ];
  const without = (name: string, col: string): Pick<MappingOptions, 'tables'> => ({
    tables: { [name]: { columns: { [col]: { drop: true } } } },
  });
  const say = (...[all, options]: Parameters<typeof mapped>): readonly string[] =>
    obstaclesOf(mapped(all, options).mapping).map(({ name, what }) => `${name} ${what}`);
  const because = 'is left out or computed, and the foreign key of of shop.b changes or deletes rows by it';
  expect(say(tables(), without('shop.b', 'of'))).toEqual([`shop.b.of ${because}`]);
  expect(say(tables(), without('shop.a', 'code'))).toContain(`shop.a.code ${because}`);
  expect(say(tables({ ...acting, onDelete: 'restrict' }), without('shop.b', 'of'))).toEqual([]);
  expect(say(tables(), { tables: { 'shop.b': { drop: true } } })).toEqual([]);
  expect(say(tables())).toEqual([]);
});
