import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Judge, judgeText, judgedBytes, type VolatileFunctions } from './judge.ts';
import { tokensOf } from './tokens.ts';

const volatile: VolatileFunctions = {
  builtIn: new Set(['random', 'nextval', 'set_config', 'pg_advisory_lock', 'clock_timestamp']),
  own: new Set(['log_in', 'Odd']),
};
const judged = (text: string): ReturnType<typeof judgeText> => judgeText(text, volatile);

describe('a statement is asked of green only when it reads for certain', () => {
  test.each([
    'select * from orders where id = 1',
    '-- by nobody\n select 1;',
    'with a as (select 1) select * from a',
    'values (1), (2)',
    'table orders',
    '(select 1) union all (select 2)',
    'select \'delete from x; select random()\' as text, "update" from orders',
    'select substring(name for 3), now() from orders',
    'select $$ nextval($1) for update $$',
    "select E'it\\'s /* not' || $tag$ $$ ; $tag$",
    'select /* nested /* for update */ random() */ 1',
    'select count(*) from orders -- for update',
  ])('%s', (text) => {
    expect(judged(text)).toMatchObject({ read: {}, keepsSession: true, writesNothing: true });
  });

  test.each([
    ['insert into orders values (1)', 'no read'],
    ['with gone as (delete from orders returning *) select * from gone', 'no read'],
    ['select * into copies from orders', 'no read'],
    ['explain analyze select 1', 'no read'],
    ['select * from orders for no key update', 'locks rows'],
    ['SELECT * FROM orders FOR /* not yet */ SHARE', 'locks rows'],
    ['select random()', 'calls a volatile function'],
    ['select pg_catalog . "random" ()', 'calls a volatile function'],
    ['select * from orders tablesample system (1)', 'calls a volatile function'],
    ['select pg_advisory_lock(1)', 'reads what is of the server itself'],
    ['select ctid from orders', 'reads what is of the server itself'],
    ['select version()', 'reads what is of the server itself'],
    ['select * from teal.progress', 'reads what is of the server itself'],
    ['select 1; select 2', 'several statements'],
    ["select 'never ends", 'not understood'],
    ['select 1 /* never ends', 'not understood'],
    ['', 'no read'],
  ])('not %s', (text, why) => {
    expect(judged(text)).toMatchObject({ why });
    expect(judged(text).read).toBeUndefined();
  });
});

test.each([
  ['insert into a values (1)', true],
  ['begin', true],
  ['create table a ()', true],
  ['create temp table a ()', false],
  ['select * into temp a from b', false],
  ["set time zone 'UTC'", false],
  ['SET LOCAL work_mem = 1', true],
  ['set transaction read only', true],
  ['set role a', false],
  ["select set_config('app.tenant', '1', true)", false],
  ["select log_in('a')", false],
  ['select "Odd"()', false],
  ['discard all', false],
  ['do $$ begin end $$', false],
  ['call anything()', false],
  ['insert into a values (1); set role b', false],
  [`insert into a values ('${'x'.repeat(judgedBytes)}')`, true],
  [`select '${'x'.repeat(judgedBytes)}'`, false],
])('whether the session is the same after %s', (text, same) => {
  expect(new Judge(volatile).judge(text).keepsSession).toBe(same);
});

test.each([
  ['select a from b order by a', true, false],
  ['select a, row_number() over (order by a) from b', false, false],
  ['select array_agg(a order by a) from (select a from b order by a) c', false, false],
  ['select a from b limit 3', false, true],
  ['select a from b order by a offset 1', true, false],
  ['select a from (select a from b limit 3) c', false, false],
])('what its order means: %s', (text, ordered, arbitrary) => {
  expect(judged(text).read).toMatchObject({ ordered, arbitrary });
});

test.each([
  ["SELECT  *\n FROM t WHERE a='x' AND b = 1.5e3 -- secret", 'select * from t where a=? and b = ?'],
  ['select * from t where id in (1,2, 3)', 'select * from t where id in (?, ...)'],
  ['select * from t where id in ($1, $2)', 'select * from t where id in (?, ...)'],
  ['select "Größe" from t where x = $tag$ hidden $tag$', 'select "Größe" from t where x = ?'],
  ["select U&'\\0041', B'1', 0xff, $1::int", 'select ?, ?, ?, ?::int'],
])('%j is counted under its form', (text, form) => {
  expect(judged(Buffer.from(text, 'utf8').toString('latin1')).read?.statement).toBe(form);
});

test('tokens are the whole text', () => {
  expect(tokensOf("a.b>=-1||'x''y'")?.map(({ text }) => text)).toEqual([
    'a',
    '.',
    'b',
    '>',
    '=',
    '-',
    '1',
    '|',
    '|',
    "'x''y'",
  ]);
});

test('of any text without comments the tokens are all but spaces', () => {
  const piece = fc.constantFrom("'", '"', '$', '$a$', '\n', ' ', 'E', 'select', '1.5', '.', ';', '\\', '\xe9');
  const pieces = fc.array(piece, { maxLength: 30 }).map((all) => all.join(''));
  const text = fc.oneof(pieces, fc.string()).filter((sql) => !/--|\/\*/.test(sql));
  fc.assert(
    fc.property(text, (sql) => {
      const bytes = Buffer.from(sql, 'utf8').toString('latin1');
      let rest = bytes.toLowerCase();
      for (const token of tokensOf(bytes) ?? []) {
        rest = rest.replace(/^[ \t\n\r\f\v]+/, '');
        expect(rest.startsWith(token.text.toLowerCase())).toBe(true);
        rest = rest.slice(token.text.length);
      }
    }),
  );
});

test('a text is looked at once, and at most a thousand are kept', () => {
  const judge = new Judge(volatile);
  const first = judge.judge('select 0');
  expect(judge.judge('select 0')).toBe(first);
  for (let at = 1; at <= 1_000; at += 1) judge.judge(`select ${at}`);
  expect(judge.judge('select 0')).not.toBe(first);
});
