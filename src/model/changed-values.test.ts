import { expect, test } from 'vitest';
import { faithfulTo } from './changed-values.ts';

test.each([
  'integer',
  'character varying(20)',
  'character(4)',
  'interval',
  'interval day to second(3)',
  'jsonb',
  'tstzrange',
  'macaddr8',
])('every value of %s arrives as it is', (type) => {
  expect(faithfulTo(type)).toBe('all');
});

test.each([
  ['double precision', 'not a number'],
  ['numeric(10,2)', 'not a number'],
  ['numeric', 'of no fixed scale'],
  ['timestamp(3) with time zone', 'out of the calendar'],
  ['time without time zone', 'the end of the day'],
  ['character varying(3)[]', 'not a plain list'],
])('of %s some values do not', (type, found) => {
  expect(faithfulTo(type)).toMatchObject({ found });
});

test.each([
  'name',
  'money',
  'xml',
  'bit(5)',
  'time with time zone',
  'numeric(5,-2)',
  'numeric[]',
  'double precision[]',
  'tsvector',
  'public.citext',
])('%s is for a person to weigh', (type) => {
  expect(faithfulTo(type)).toBe('unknown');
});
