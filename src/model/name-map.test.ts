import { expect, test } from 'vitest';
import { namesFrom, type NameMap } from './name-map.ts';

const map: NameMap = {
  schemas: [{ blue: 'shop', green: 'public' }],
  tables: [
    {
      blue: { schema: 'shop', name: 'customer' },
      green: { schema: 'public', name: 'client' },
      columns: [
        { blue: 'mail', green: 'email' },
        { blue: 'a', green: 'b' },
        { blue: 'b', green: 'a' },
        { blue: 'legacy' },
        { blue: 'total', green: 'total', computed: true },
        { blue: 'seen', green: 'seen', nullOnBlue: '0000-00-00' },
      ],
    },
    { blue: { schema: 'shop', name: 'log' }, columns: [] },
  ],
};
const [ofBlue, ofGreen] = [namesFrom('blue', map), namesFrom('green', map)];
const [customer, client] = [
  { schema: 'shop', name: 'customer' },
  { schema: 'public', name: 'client' },
];

test('tables have their names on the other side, and what is listed without one has no place', () => {
  expect(ofBlue.table(customer)).toEqual(client);
  expect(ofGreen.table(client)).toEqual(customer);
  expect(ofBlue.table({ schema: 'shop', name: 'log' })).toBeUndefined();
  expect(ofBlue.table({ schema: 'shop', name: 'plain' })).toEqual({ schema: 'public', name: 'plain' });
  expect(ofGreen.table({ schema: 'public', name: 'plain' })).toEqual({ schema: 'shop', name: 'plain' });
  expect(ofBlue.table({ schema: 'other', name: 't' })).toEqual({ schema: 'other', name: 't' });
});

test('what came later is never taken for what is listed under its name', () => {
  expect(ofBlue.table({ schema: 'shop', name: 'client' })).toBeUndefined();
  expect(ofGreen.table({ schema: 'public', name: 'customer' })).toBeUndefined();
  expect(ofGreen.table({ schema: 'shop', name: 'plain' })).toBeUndefined();
  expect(ofBlue.table({ schema: 'public', name: 'plain' })).toBeUndefined();
  expect(ofBlue.column(customer, 'email')).toBeUndefined();
  expect(ofGreen.column(client, 'mail')).toBeUndefined();
  expect(ofGreen.travels(client, 'legacy')).toBe(false);
});

test('columns have their names, also where two have changed theirs with each other', () => {
  const there = ['id', 'mail', 'a', 'b', 'legacy', 'total'].map((name) => ofBlue.column(customer, name));
  expect(there).toEqual(['id', 'email', 'b', 'a', undefined, 'total']);
  const back = ['id', 'email', 'a', 'b', 'total'].map((name) => ofGreen.column(client, name));
  expect(back).toEqual(['id', 'mail', 'b', 'a', 'total']);
});

test('what is computed or left out does not travel, and NULL is another value on blue alone', () => {
  const travelling = ['id', 'mail', 'legacy', 'total'].filter((name) => ofBlue.travels(customer, name));
  expect(travelling).toEqual(['id', 'mail']);
  expect(['id', 'email', 'total'].filter((name) => ofGreen.travels(client, name))).toEqual(['id', 'email']);
  expect(ofGreen.nullOf(client, 'seen')).toBe('0000-00-00');
  expect(ofBlue.nullOf(customer, 'seen')).toBeUndefined();
});

test('of two schemas that become one each table goes back where it is from', () => {
  const table = (schema: string, name: string): NameMap['tables'][number] => ({
    blue: { schema, name },
    green: { schema: 'public', name },
    columns: [],
  });
  const both: NameMap = {
    schemas: [
      { blue: 'x', green: 'public' },
      { blue: 'y', green: 'public' },
    ],
    tables: [table('x', 'one'), table('y', 'two')],
  };
  const names = namesFrom('green', both);
  expect(names.table({ schema: 'public', name: 'one' })).toEqual({ schema: 'x', name: 'one' });
  expect(names.table({ schema: 'public', name: 'two' })).toEqual({ schema: 'y', name: 'two' });
});
