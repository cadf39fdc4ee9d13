/** The part of vitest's JSON report that is counted. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  /** Why the file could not be loaded. */
  readonly message: string;
  readonly assertionResults: readonly TestReport[];
}

interface TestReport {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[] | null;
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * A file that could not be loaded has no tests to fail, and an error outside every test (a promise that nobody awaited) belongs to none: both count as
 * one failure, so that the numbers never look better than the exit code. No report at all is a failure too.
 */
export function summarise(report: VitestReport | undefined, exitCode: number): Summary {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

export function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

/** What failed and the first lines of why, to stand at the end of a long run's output: who is shown only its last lines sees them. */
export function failures(report: VitestReport | undefined): readonly string[] {
  if (report === undefined) return ['FAILED: vitest left no report'];
  return report.testResults.flatMap((file) => [
    ...(file.status === 'failed' && file.assertionResults.length === 0
      ? [failure(file.name, 'the file could not be loaded', file.message)]
      : []),
    ...file.assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => failure(file.name, test.fullName, (test.failureMessages ?? []).join('\n'))),
  ]);
}

const mostLinesOfAFailure = 12;

function failure(file: string, name: string, message: string): string {
  const lines = message.split('\n').slice(0, mostLinesOfAFailure);
  return [`FAILED: ${file} > ${name}`, ...lines.map((line) => `  ${line}`)].join('\n');
}
