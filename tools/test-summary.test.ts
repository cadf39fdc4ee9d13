import { expect, test } from 'vitest';
import { failures, summarise, summaryLine, type VitestReport } from './test-summary.ts';

const passed = { fullName: 'holds', status: 'passed', failureMessages: [] };
const unloaded = { name: 'b.test.ts', status: 'failed', message: 'no such module', assertionResults: [] };

const good: VitestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ name: 'a.test.ts', status: 'passed', message: '', assertionResults: [passed, passed, passed] }],
};

test.for<[string, VitestReport | undefined, number]>([
  ['3 passed, 0 failed', good, 0],
  ['3 passed, 1 failed', good, 1],
  ['3 passed, 2 failed', { ...good, numFailedTests: 2 }, 1],
  ['3 passed, 1 failed', { ...good, testResults: [unloaded] }, 1],
  ['3 passed, 0 failed, 2 skipped', { ...good, numPendingTests: 1, numTodoTests: 1 }, 0],
  ['0 passed, 1 failed', undefined, 0],
])('%s', ([line, report, exitCode]) => {
  expect(summaryLine(summarise(report, exitCode))).toBe(line);
});

test('every failure is told with its file and the beginning of its message', () => {
  const broken = { fullName: 'breaks', status: 'failed', failureMessages: ['expected 1\nreceived 2'] };
  const file = { name: 'a.test.ts', status: 'failed', message: '', assertionResults: [passed, broken] };
  expect(failures({ ...good, testResults: [file, unloaded] })).toEqual([
    'FAILED: a.test.ts > breaks\n  expected 1\n  received 2',
    'FAILED: b.test.ts > the file could not be loaded\n  no such module',
  ]);
  expect(failures(good)).toEqual([]);
  expect(failures(undefined)).toEqual(['FAILED: vitest left no report']);
});
