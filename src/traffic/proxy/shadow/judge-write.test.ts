import { expect, test } from 'vitest';
import { judgeText, type Judged } from './judge.ts';

const volatile = { builtIn: new Set(['nextval', 'random']), own: new Set<string>() };
const acting = { functions: new Set(['dblink_exec', 'call_out']), relations: new Set(['mails', 'Odd Name']) };
const judged = (text: string): Judged => judgeText(text, volatile, acting);

test.each([
  ['insert into a values (1, $1)', 'insert into a values (?, ...)', true],
  ["insert into a (id, t) values (nextval('s'), random()) returning id", null, true],
  ['insert into a select * from b', null, false],
  ['insert into a values (1) on conflict do nothing', null, false],
  ["update a set b = 'x' where id = 1;", 'update a set b = ? where id = ?', false],
  ['delete from only a using b', null, false],
  ['merge into a using b on a.id = b.id when matched then delete', null, false],
  ['with gone as (delete from a returning *) insert into b select * from gone', null, false],
  ['with n as (select 1 as i) update a set b = i from n', null, false],
] as const)('%s is repeated', (text, statement, isPlainInsert) => {
  const { write } = judged(text);
  expect(write).toMatchObject({ isPlainInsert, ...(statement === null ? {} : { statement }) });
});

test.each([
  ["insert into mails values ('x')", 'may act outside of its transaction'],
  ['update public."Odd Name" set a = 1', 'may act outside of its transaction'],
  ['update a set b = call_out(1)', 'may act outside of its transaction'],
  ["insert into a values (currval('s'))", 'depends on its session'],
  ['delete from a where pg_advisory_lock(1) is null', 'depends on its session'],
  ['delete from teal.owner', 'reads what is of the server itself'],
  ['insert into a values (1); delete from b', 'several statements'],
])('%s is not', (text, whyNoWrite) => {
  const found = judged(text);
  expect(found).toMatchObject({ whyNoWrite });
  expect(found.write).toBeUndefined();
});

test.each([
  'select * from a for update',
  'with a as (select * from b for update) select * from a',
  'copy a from stdin',
  'truncate a',
  'call p()',
  'lock a',
  'begin',
  'set a.b = 1',
])('%s is none that writes rows', (text) => {
  const { write, whyNoWrite } = judged(text);
  expect([write, whyNoWrite]).toEqual([undefined, undefined]);
});

test('nothing is taken for a write where it is not known what acts', () => {
  expect(judgeText('insert into a values (1)', volatile)).not.toHaveProperty('write');
});
