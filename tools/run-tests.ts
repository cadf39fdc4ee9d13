import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './check-fast.ts';

/** `make test`: the fast checks and all suites. The last line is `N passed, N failed` (and `, N skipped` when some were), each check counted as a test. */
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

function runSuites(): Counts {
  const folder = mkdtempSync(join(tmpdir(), 'teal-report-'));
  const file = join(folder, 'report.json');
  try {
    const run = spawnSync('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
    // A file that cannot even be loaded has no tests to fail: it counts as one.
    const broken = report.testResults.filter((it) => it.status === 'failed' && it.assertionResults.length === 0).length;
    const failed = report.numFailedTests + broken;
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && run.status !== 0 ? 1 : failed,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(): void {
  const checks = runChecks();
  const suites = runSuites();
  const passed = suites.passed + checks.filter((check) => check.passed).length;
  const failed = suites.failed + checks.filter((check) => !check.passed).length;
  const skipped = suites.skipped === 0 ? '' : `, ${suites.skipped} skipped`;
  process.stdout.write(`${passed} passed, ${failed} failed${skipped}\n`);
  process.exitCode = failed === 0 && suites.passed > 0 ? 0 : 1;
}

main();
