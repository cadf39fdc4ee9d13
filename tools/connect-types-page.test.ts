import { expect, test } from 'vitest';
import { code, mistakesIn, readConnectTypes, renderConnectTypes } from './connect-types-page.ts';

test('the page in the repository tells of every type all that there is to tell', () => {
  expect(mistakesIn(readConnectTypes())).toEqual([]);
});

test('a page that lost a cell, its head or its rows is told', () => {
  const page = renderConnectTypes([
    { type: 'text', assessed: 'carried', same: ['a|b', ''], changed: [], stops: [] },
    {
      type: 'time',
      assessed: 'refused',
      same: [],
      changed: [{ value: '1', becomes: 'NULL' }],
      stops: [{ value: '24:00', error: 'DateTimeException' }],
    },
  ]);
  expect(mistakesIn(page)).toEqual([]);
  expect(mistakesIn(page.replace(' | refused', ''))).toEqual([expect.stringContaining('`time`')]);
  expect(mistakesIn(page.replace('# What', '# Why'))).toEqual(['its head is another one']);
  expect(mistakesIn(page.replaceAll('| `', '- `'))).toEqual(['it tells of no type']);
});

test('a value stays in its cell and its line', () => {
  expect(code('a|b\nc')).toBe(['`a', String.raw`\|`, 'b', String.raw`\n`, 'c`'].join(''));
  expect(code('')).toBe('the empty text');
});
