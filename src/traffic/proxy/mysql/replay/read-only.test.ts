import { expect, test } from 'vitest';
import { asRead, whyNotRead } from './read-only.ts';

test.each([
  'select 1',
  '(select 1) union (select 2)',
  'with a as (select 1) select * from a',
  'select now(), rand(), @a, @@version, user()',
  `select replace(name, 'a', 'b'), insert(name, 1, 2, 'x') from t`,
  'select id from `update` where note = ";delete from t"',
  'select sleep(0.1);',
  'table t',
  'show tables',
  'explain select 1',
  'use shop',
  'begin',
  'begin work',
  'start transaction read write',
  'start transaction with consistent snapshot',
  'commit and chain',
  'rollback to savepoint a',
  'savepoint a',
  'release savepoint a',
  'set names utf8mb4',
  `set sql_mode = @@global.sql_mode, @a = concat('x', @b)`,
  'set session transaction isolation level read committed',
  'set autocommit = 0',
  '/* a hint */ select 2',
  '',
])('%s is asked', (text) => {
  expect(whyNotRead(text)).toBeUndefined();
});

test.each([
  ['insert into t values (1)', 'a write'],
  ['# only a look\nupdate t set a = 1', 'a write'],
  ['with a as (select 1) delete from t', 'a write'],
  ['explain analyze update t set a = 1', 'a write'],
  ['select 1 into outfile "/tmp/x"', 'a write'],
  ['select a into @a from t', 'a write'],
  ['load data infile "x" into table t', 'a write'],
  ['select @a from t for update', 'locks rows'],
  ['select 1 from t lock in share mode', 'locks rows'],
  ['select 1 from t for share', 'locks rows'],
  ['select next value for s', 'a write'],
  ['select nextval(s)', 'locks or waits'],
  [`select @a, GET_LOCK('x', 10)`, 'locks or waits'],
  [`select \`get_lock\`('x', 10)`, 'locks or waits'],
  ['call p()', 'a write'],
  ['do release_all_locks()', 'a write'],
  ['execute p', 'a write'],
  [`prepare p from 'delete from t'`, 'a write'],
  ['lock tables t write', 'a write'],
  ['flush tables', 'a write'],
  ['handler t open', 'a write'],
  ['kill 5', 'a write'],
  ['start slave', 'a write'],
  ['begin not atomic delete from t', 'a write'],
  ['xa start "a"', 'a write'],
  ['create table t (a int)', 'a write'],
  ['grant all on *.* to a', 'a write'],
  ['commit release', 'ends what the session is'],
  ['set role none', 'ends what the session is'],
  ['set session transaction read write', 'a write'],
  ['set @@session.transaction_read_only = 0', 'a write'],
  ['set `tx_read_only` = 0', 'a write'],
  ['set global max_connections = 5', 'a write'],
  ['set @a = 1, @@global.max_connections = 5', 'a write'],
  ['set @a = 1, persist max_connections = 5', 'a write'],
  [`set password = 'x'`, 'a write'],
  ['set statement max_statement_time = 1 for delete from t', 'a write'],
  ['set @a = (select id from t for update)', 'locks rows'],
  ['select 1; delete from t', 'several statements'],
  ['select 1 /*! into outfile "x" */', 'not understood'],
  [`select 'it does not end`, 'not understood'],
])('%s is not asked: %s', (text, why) => {
  expect(whyNotRead(text)).toBe(why);
});

test('a transaction begins read-only whatever its client said', () => {
  expect(asRead('begin')).toBe('start transaction read only');
  expect(asRead('START TRANSACTION READ WRITE')).toBe('start transaction read only');
  expect(asRead('start transaction with consistent snapshot, read write')).toBe(
    'start transaction with consistent snapshot, read only',
  );
  expect(asRead('select 1')).toBe('select 1');
});
