import { expect, test } from 'vitest';
import {
  code,
  connectTitles,
  mistakesIn,
  readConnectTypes,
  renderConnectTypes,
  withSections,
  type ConnectTypeRow,
} from './connect-types-page.ts';

test('the page in the repository tells of every type all that there is to tell', () => {
  expect(mistakesIn(readConnectTypes())).toEqual([]);
});

test('a page that lost a cell, its head or the rows of a pair is told', () => {
  const rows: readonly ConnectTypeRow[] = [
    { type: 'text', assessed: 'carried', same: ['a|b', ''], changed: [], stops: [] },
    {
      type: 'time',
      targetType: 'interval(0)',
      assessed: 'refused',
      same: [],
      changed: [{ value: '1', becomes: 'NULL' }],
      stops: [{ value: '24:00', error: 'DateTimeException' }],
    },
  ];
  const page = withSections(connectTitles.map((title) => [title, renderConnectTypes(title, rows)]));
  const [first] = connectTitles;
  expect(mistakesIn(page)).toEqual([]);
  expect(mistakesIn(page.replace(' | refused', ''))).toEqual([expect.stringMatching(`^${first}.*\`time\``)]);
  expect(mistakesIn(page.replace('# What', '# Why'))).toEqual(['its head is another one']);
  expect(mistakesIn(page.replaceAll('| `', '- `'))).toEqual(
    connectTitles.map((title) => `it tells of no type of ${title}`),
  );
});

test('a value stays in its cell and its line', () => {
  expect(code('a|b\nc')).toBe(['`a', String.raw`\|`, 'b', String.raw`\n`, 'c`'].join(''));
  expect(code('')).toBe('the empty text');
});
