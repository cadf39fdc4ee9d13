import { expect, test } from 'vitest';
import { summarise, summaryLine, type VitestReport } from './test-summary.ts';

const good: VitestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ status: 'passed', assertionResults: [1, 2, 3] }],
};

test.for<[string, VitestReport | undefined, number]>([
  ['3 passed, 0 failed', good, 0],
  ['3 passed, 1 failed', good, 1],
  ['3 passed, 2 failed', { ...good, numFailedTests: 2 }, 1],
  ['3 passed, 1 failed', { ...good, testResults: [{ status: 'failed', assertionResults: [] }] }, 1],
  ['3 passed, 0 failed, 2 skipped', { ...good, numPendingTests: 1, numTodoTests: 1 }, 0],
  ['0 passed, 1 failed', undefined, 0],
])('%s', ([line, report, exitCode]) => {
  expect(summaryLine(summarise(report, exitCode))).toBe(line);
});
