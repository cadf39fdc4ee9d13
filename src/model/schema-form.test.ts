import { expect, test } from 'vitest';
import { compareForms, type SchemaForm } from './schema-form.ts';

const sides = { source: 'blue', target: 'green' };

function table(of: string, definition = 'table'): SchemaForm {
  return { kind: 'table', schema: 'public', of, name: `public.${of}`, definition };
}

function column(of: string, name: string, definition = 'text'): SchemaForm {
  return { kind: 'column', schema: 'public', of, name: `public.${of}.${name}`, definition };
}

test('the same forms, in any order, differ in nothing', () => {
  const forms = [table('t'), column('t', 'a'), column('t', 'b')];
  expect(compareForms(forms, forms.toReversed(), sides)).toEqual({ lacking: [], surplus: [] });
});

test('what is missing, what is otherwise and what is too much are told by side', () => {
  const blue = [table('t', 'table, partition of public.p'), column('t', 'a', 'bigint'), column('t', 'b')];
  const green = [table('t'), column('t', 'a', 'integer'), column('t', 'c')];
  expect(compareForms(blue, green, sides)).toEqual({
    lacking: [
      'table public.t is table, partition of public.p on blue and table on green',
      'column public.t.a is bigint on blue and integer on green',
      'green has no column public.t.b (text)',
    ],
    surplus: ['column public.t.c (text) is on green alone'],
  });
});

test('a table that is missing is told once, not column by column', () => {
  const all = [table('t'), column('t', 'a')];
  expect(compareForms(all, [], sides)).toEqual({ lacking: ['green has no table public.t'], surplus: [] });
  expect(compareForms([], all, sides)).toEqual({ lacking: [], surplus: ['table public.t is on green alone'] });
});
