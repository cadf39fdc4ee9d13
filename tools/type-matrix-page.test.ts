import { expect, test } from 'vitest';
import {
  matrixTitles,
  mistakesIn,
  readPage,
  renderSection,
  sectionOf,
  withSection,
  type MatrixRow,
} from './type-matrix-page.ts';

const row: MatrixRow = {
  type: `enum('a|b')`,
  targetType: 'text',
  values: [`'a|b'`, [`repeat('x', 9)`, 'a long one']],
  ofNull: 'equal',
  ofValues: 'equal',
  asKey: 'cannot exist: the server takes no key of it',
  malformed: [{ value: `'c'`, seen: 'stops: TEAL-SYNC-130' }],
};
const [first, second] = matrixTitles;
const whole = matrixTitles.reduce((text, title) => withSection(text, title, renderSection(title, [row])), '');

test('the page in the repository tells of every pair, and of every type all that there is to tell', () => {
  expect(mistakesIn(readPage())).toEqual([]);
});

test('a section is found as it was written, and put in the place of the one before', () => {
  const other = renderSection(second, [row, { ...row, type: 'set' }]);
  const text = withSection(whole, second, other);
  expect(sectionOf(text, second)).toBe(other);
  expect(sectionOf(text, first)).toBe(renderSection(first, [row]));
  expect(withSection(text, second, renderSection(second, [row]))).toBe(whole);
  expect(sectionOf('', first)).toBeUndefined();
});

test('a value with a bar stays in its cell', () => {
  const line = renderSection(first, [row])
    .split('\n')
    .find((each) => each.includes('enum'));
  expect(line?.split(/(?<!\\)\|/)).toHaveLength(9);
  expect(line).toContain(String.raw`a\|b`);
});

test('what is missing is told: a pair, a cell, the head', () => {
  expect(mistakesIn(whole)).toEqual([]);
  expect(mistakesIn(whole.replace(`## ${second}`, '## another'))).toEqual([`there is nothing of ${second}`]);
  expect(mistakesIn(whole.slice(3))).toEqual(['its head is another one']);
  for (const cell of ['', 'untested', 'nothing seen']) {
    const page = withSection(whole, first, renderSection(first, [{ ...row, ofValues: cell }]));
    expect(mistakesIn(page)).toHaveLength(1);
  }
});
