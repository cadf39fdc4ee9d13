import { expect, test } from 'vitest';
import { judgeText } from './judge.ts';

const own = new Set(['f']);

test.each([
  ['select name from t where id = 7 and note = "it is"', 'select name from t where id = ? and note = ?'],
  ["select 'a\\'b', 0x1F, 1.5e3 # rest", 'select ?, ?, ?'],
  ['(select 1) union (select 2)', '(select ?) union (select ?)'],
  ["select replace(a, 'x', 'y'), insert(a, 1, 2, 'z') from t", 'select replace(a, ?, ?), insert(a, ?, ?, ?) from t'],
  ['select a from t where id in (1, 2, 3);', 'select a from t where id in (?, ...)'],
] as const)('%s is a read', (text, statement) => {
  expect(judgeText(text, own)).toMatchObject({ read: { statement }, keepsSession: true });
});

test.each([
  ['select now()', 'calls a volatile function'],
  ['select `now`()', 'calls a volatile function'],
  ['select f (1)', 'calls a volatile function'],
  ['select next value for s', 'calls a volatile function'],
  ['select @a := 1', 'depends on its session'],
  ['select @@version', 'reads what is of the server itself'],
  ['select * from `mysql`.user', 'reads what is of the server itself'],
  ['select 1 into @a', 'no read'],
  ["select 1 into outfile 'x'", 'no read'],
  ['with a as (select 1) delete from t', 'no read'],
  ['select a from t lock in share mode', 'locks rows'],
  ['select a from t for share', 'locks rows'],
  ['select 1; select 2', 'several statements'],
  ['select /*!80000 now(), */ 1', 'not understood'],
  ["select 'open", 'not understood'],
  ["insert into t values ('x')", 'no read'],
] as const)('%s is left out', (text, why) => {
  expect(judgeText(text, own)).toMatchObject({ why });
});

test.each([
  ['set names utf8mb4', false],
  ['SET autocommit=0', true],
  ['set @@session.autocommit = ON', true],
  ['set autocommit = 0, sql_mode = default', false],
  ['use shop', false],
  ['call p()', false],
  ['create temporary table t (a int)', false],
  ['drop temporary table t', false],
  ['select f()', false],
  ['insert into t values (1)', true],
  ['begin', true],
  ['', true],
] as const)('%s keeps the session: %s', (text, keepsSession) => {
  expect(judgeText(text, own)).toMatchObject({ keepsSession });
});

test('which rows are taken, and in which order they come, is said or not', () => {
  const read = (text: string): unknown => judgeText(text, own).read;
  expect(read('select a from t order by a limit 1')).toMatchObject({ ordered: true, arbitrary: false });
  expect(read('select a from t limit 1')).toMatchObject({ ordered: false, arbitrary: true });
  expect(read('select a from (select a from t order by a) x')).toMatchObject({ ordered: false, arbitrary: false });
});
