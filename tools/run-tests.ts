import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './check-fast.ts';
import { describeError } from '../src/kernel/errors.ts';
import { installMysql, mysqlSeries } from './servers/install-mysql.ts';
import { initialisedMysql } from './servers/mysql-instance.ts';
import { asPostgresMajor, installPostgres } from './servers/install-postgres.ts';
import { pgTools } from './servers/pg-tools.ts';
import { summarise, summaryLine, type Summary, type VitestReport } from './test-summary.ts';

/** `make test`: the fast checks and all suites. The last line is `N passed, N failed` (and `, N skipped` when some were), each check counted as a test. */
async function main(): Promise<void> {
  const checks = runChecks();
  await installServers();
  const suites = runSuites();
  const failed = suites.failed + checks.filter((check) => !check.passed).length;
  const passed = suites.passed + checks.filter((check) => check.passed).length;
  process.stdout.write(`${summaryLine({ passed, failed, skipped: suites.skipped })}\n`);
  process.exitCode = failed === 0 && suites.passed > 0 ? 0 : 1;
}

/** Before the suites, so that a download on a slow line is not a test that took too long. */
async function installServers(): Promise<void> {
  const blue = asPostgresMajor(process.env['TEAL_BLUE'] ?? 14);
  const green = asPostgresMajor(process.env['TEAL_GREEN'] ?? 18);
  await installPostgres(blue);
  await installPostgres(green);
  await pgTools(blue, green);
  await installMysqlFamily();
}

/** Half a gigabyte in all: where one cannot be had, its tests are skipped, which is said here and counted in the last line. */
async function installMysqlFamily(): Promise<void> {
  if (process.env['TEAL_MYSQL'] !== undefined) return;
  const installed: string[] = [];
  for (const series of mysqlSeries) {
    try {
      await initialisedMysql(await installMysql(series));
      installed.push(series);
    } catch (error) {
      process.stderr.write(`SKIPPED: the tests on ${series}, which cannot be had here: ${describeError(error)}\n`);
    }
  }
  process.env['TEAL_MYSQL'] = installed.join(',');
}

function runSuites(): Summary {
  const folder = mkdtempSync(join(tmpdir(), 'teal-report-'));
  const file = join(folder, 'report.json');
  try {
    const run = spawnSync('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return summarise(readReport(file), run.status ?? 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch (error) {
    process.stderr.write(`vitest left no report: ${String(error)}\n`);
    return undefined;
  }
}

await main();
