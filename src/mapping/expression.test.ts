import { expect, test } from 'vitest';
import { translateExpression, type ExpressionColumn } from './expression.ts';

const base = { comparesExactly: false, isUtf8: true } as const;
const columns = new Map<string, ExpressionColumn>(
  Object.entries({
    n: { name: 'n', kind: 'number' },
    m: { name: 'M "x"', kind: 'number' },
    f: { name: 'f', kind: 'float' },
    flag: { name: 'flag', kind: 'boolean' },
    t: { name: 't', kind: 'text' },
    exact: { name: 'exact', kind: 'text', comparesExactly: true },
    latin: { name: 'latin', kind: 'text', isUtf8: false },
    e: { name: 'e', kind: 'text', labels: ['a', `it's`] },
    d: { name: 'd', kind: 'date' },
    at: { name: 'at', kind: 'datetime' },
    other: { name: 'other', kind: undefined },
  } as const).map(([name, column]) => [name, { ...base, ...column }]),
);

test.each([
  ['(`n` > 0)', '("n" > 0)', 'boolean'],
  ['`N` >= -1.5 and not `m` <> `n`', '(("n" >= -1.5) and (not ("M ""x""" <> "n")))', 'boolean'],
  ['((`n` > 1) or (`n` is null))', '(("n" > 1) or ("n" is null))', 'boolean'],
  ['n in (1, 2, 3)', '("n" in (1, 2, 3))', 'boolean'],
  ['`n` not between 1 and 5 && f > 0.5', '(("n" not between 1 and 5) and ("f" > 0.5))', 'boolean'],
  ['`flag` = 1', '("flag" = true)', 'boolean'],
  ['`flag` in (0,1)', '("flag" in (false, true))', 'boolean'],
  ['`flag`', '"flag"', 'boolean'],
  ['`n` + `m` * 2', '("n"::numeric + ("M ""x"""::numeric * 2))', 'number'],
  ['`n` - - - 1', '("n"::numeric - (- -1))', 'number'],
  ['(2 - `n`) % 3', '((2 - "n"::numeric)::numeric % 3)', 'number'],
  ["`e` = _utf8mb4'it\\'s'", `("e" = 'it''s')`, 'boolean'],
  [`\`e\` in ('a','it''s')`, `("e" in ('a', 'it''s'))`, 'boolean'],
  ["`exact` <> ''", `("exact" <> '')`, 'boolean'],
  ['char_length(`t`) > 3', '(char_length("t") > 3)', 'boolean'],
  ['length(`t`)', 'octet_length("t")', 'number'],
  ["concat(`t`,'-',`exact`)", `("t" || '-' || "exact")`, 'text'],
  ['ifnull(`n`,0)', 'coalesce("n", 0)', 'number'],
  ['abs(`n`)', 'abs("n")', 'number'],
  ["`d` >= '2000-01-01'", `("d" >= date '2000-01-01')`, 'boolean'],
  ["`at` < '2000-01-01 10:00:00'", `("at" < timestamp '2000-01-01 10:00:00')`, 'boolean'],
])('%s', (source, sql, kind) => {
  expect(translateExpression(source, columns)).toEqual({ sql, kind });
});

test.each([
  ["`t` = 'x'", 'texts'],
  ["`t` in ('a','b')", 'texts'],
  ["`exact` < 'b'", 'texts'],
  ["`e` = 'A'", 'texts'],
  ["'a' = 'A'", 'no columns'],
  ['`n` / 2', 'not translated'],
  ['`n` % `m`', 'zero'],
  ['`f` * 2', 'exact'],
  ['`other` = 1', 'not carried'],
  ['`missing` = 1', 'not carried'],
  ['`n` and 1', 'condition'],
  ['`n` = `t`', 'kinds'],
  ["`n` = '1'", 'kinds'],
  ["`d` >= '2000-1-1'", 'kinds'],
  ['`flag` > 0', 'order'],
  ['`flag` = 2', 'kinds'],
  ['1 in (`n`)', 'no column'],
  ['`n` <=> 1', 'not translated'],
  ['lower(`t`)', 'lower'],
  ['length(`latin`)', 'length'],
  ['now()', 'now'],
  ['concat(`t`,`n`)', 'concat'],
  ["`t` like 'a%'", 'like'],
  ['`n` > 1 xor `n` < 0', 'xor'],
  ['`n` > (select 1)', 'select'],
  ['(`n` > 1', 'not translated'],
  ["`exact` = 'a\\n'", 'backslash'],
  ['`n` > 1; drop table t', 'signs'],
  ['- `t`', 'sign'],
  ['!`flag` = 1', 'not translated'],
  ["`exact` = concat(`t`,'b')", 'put together'],
  ['', 'not translated'],
])('%s is left to a person', (source, reason) => {
  expect(translateExpression(source, columns)).toEqual({ reason: expect.stringContaining(reason) as string });
});
