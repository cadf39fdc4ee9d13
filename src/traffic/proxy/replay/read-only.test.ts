import { expect, test } from 'vitest';
import { readOnlyUnit, whyNotRead } from './read-only.ts';

test.each([
  'select 1',
  'with a as (select 1) select * from a',
  'select now(), random(), pg_backend_pid()',
  'begin',
  'BEGIN READ WRITE',
  'start transaction isolation level serializable',
  'commit',
  'rollback to savepoint a',
  'set search_path to shop',
  'show all',
  'set local statement_timeout = 0',
  'deallocate all',
  '/* a hint */ select 2',
  '',
])('%s is asked', (text) => {
  expect(whyNotRead(text)).toBeUndefined();
});

test.each([
  ['insert into t values (1)', 'a write'],
  ['with a as (delete from t returning *) select * from a', 'a write'],
  ['-- only a look\nupdate t set a = 1', 'a write'],
  ['select * into copy_of_t from t', 'a write'],
  ['copy t from stdin', 'a write'],
  ['select 1 from t for update', 'locks rows'],
  ['select 1; delete from t', 'several statements'],
  ['set transaction read write', 'a write'],
  ['set default_transaction_read_only = off', 'a write'],
  [`select set_config('transaction_read_only', 'off', false)`, 'a write'],
  ['set session characteristics as transaction read only', 'ends what the session is'],
  ['reset session authorization', 'ends what the session is'],
  ['discard all', 'ends what the session is'],
  ["prepare transaction 'a'", 'a write'],
  ["commit prepared 'a'", 'a write'],
  ['listen a', 'a write'],
  ['do $$ begin end $$', 'a write'],
  [`select 'it does not end`, 'not understood'],
])('%s is not asked: %s', (text, why) => {
  expect(whyNotRead(text)).toBe(why);
});

test('a transaction begins read-only whatever its client said, with its isolation', () => {
  const sent = (text: string): unknown => readOnlyUnit([['Q', text]], [text]);
  expect(sent('begin read write')).toEqual({ send: [['Q', 'begin read only']] });
  expect(sent('start transaction isolation level repeatable read')).toEqual({
    send: [['Q', 'begin isolation level repeatable read read only']],
  });
  expect(readOnlyUnit([], [undefined])).toEqual({ skip: 'not understood' });
});
