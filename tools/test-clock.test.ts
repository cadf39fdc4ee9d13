import { expect, test } from 'vitest';
import { slowest, stillRunning, triedAgain } from './test-clock.ts';

test('the files that took longest come first, and no more of them than are wanted', () => {
  const seconds = new Map([
    ['a', 1],
    ['b', 120.25],
    ['c', 3],
  ]);
  expect(slowest(seconds, 2)).toEqual(['   120.3 s  b', '     3.0 s  c']);
});

test('what runs for long is named, and so is a run that does not end', () => {
  const running = [
    { sinceMs: 0, name: 'a hung one' },
    { sinceMs: 100_000, name: 'a young one' },
  ];
  expect(stillRunning(running, 150_000)).toEqual(['still running after 150 s: a hung one']);
  expect(stillRunning([], 150_000)).toEqual(['no test runs, and the run has not ended']);
});

test('what passed only when it was tried again is told with the first line of its failure', () => {
  expect(triedAgain(new Map([['a.test.ts > holds', 'expected 1\nreceived 2']]))).toEqual([
    'passed only when tried again: a.test.ts > holds: expected 1',
  ]);
  expect(triedAgain(new Map())).toEqual([]);
});
