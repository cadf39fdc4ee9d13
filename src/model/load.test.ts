import { expect, test } from 'vitest';
import { compareLoads, LoadCounter, otherStatements, percentilesOfAll, whatIsWorse } from './load.ts';

function load(ms: number, count: number, errors: readonly string[] = []): LoadCounter {
  const counter = new LoadCounter();
  for (let each = 0; each < count; each += 1) counter.add('select ?', ms, errors[each]);
  return counter;
}

const compare = (before: LoadCounter, after: LoadCounter, mayFail?: ReadonlySet<string>): readonly string[] =>
  whatIsWorse(compareLoads(before.statements, after.statements, 2, mayFail));

test('a statement is slower by its p95, where both were measured often enough and it can be felt', () => {
  expect(compare(load(10, 20), load(30, 20))).toEqual(['one statement is slower']);
  expect(compare(load(10, 20), load(15, 20))).toEqual([]);
  expect(compare(load(10, 19), load(30, 20))).toEqual([]);
  expect(compare(load(0.1, 20), load(0.9, 20))).toEqual([]);
});

test('errors count as far as they came more often, unless they are nobody’s fault', () => {
  expect(compare(load(1, 10, ['23505']), load(1, 10, ['23505']))).toEqual([]);
  expect(compare(load(1, 10, ['23505']), load(1, 20, ['23505', '23505']))).toEqual([]);
  expect(compare(load(1, 10), load(1, 10, ['42P01']))).toEqual(['one statement fails more often']);
  expect(compare(load(1, 10), load(1, 10, ['25006']), new Set(['25006']))).toEqual([]);
});

test('statements are bounded, and percentiles are of all', () => {
  const counter = new LoadCounter();
  for (let each = 0; each < 600; each += 1) counter.add(`select ${each}`, 2);
  expect(counter.statements).toHaveLength(501);
  expect(counter.statements[0]).toMatchObject({ statement: otherStatements, count: 100 });
  expect(percentilesOfAll(counter.statements)).toMatchObject({ count: 600, p50Ms: expect.closeTo(2, 0) });
  expect(percentilesOfAll([])).toEqual({ count: 0 });
});
