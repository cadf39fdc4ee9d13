import { expect, test } from 'vitest';
import { slowest, stillRunning } from './test-clock.ts';

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
