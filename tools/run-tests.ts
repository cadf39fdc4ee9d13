import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundlePrograms } from './bundle-programs.ts';
import { runChecks } from './check-fast.ts';
import { describeError } from '../src/kernel/errors.ts';
import { whyNoChromium } from './servers/chromium.ts';
import { installConnect, installPlugin } from './servers/install-connect.ts';
import { installKafka } from './servers/install-kafka.ts';
import { installMysql, mysqlSeries } from './servers/install-mysql.ts';
import { initialisedMysql } from './servers/mysql-instance.ts';
import { asPostgresMajor, installPostgres } from './servers/install-postgres.ts';
import { installPrometheus, promtoolBeside } from './servers/prometheus.ts';
import { pgTools } from './servers/pg-tools.ts';
import { installSchemathesis } from './servers/schemathesis.ts';
import { scratchInMemory } from './scratch.ts';
import { failures, summarise, summaryLine, type Summary, type VitestReport } from './test-summary.ts';

/** A run that takes longer than this is ended, and has failed: its last lines name what was running (`test-clock.ts`). */
const longestMs = 75 * 60_000;

/** `make test`: the fast checks and all suites. The last line is `N passed, N failed` (and `, N skipped` when some were), each check counted as a test. */
async function main(): Promise<void> {
  const checks = runChecks();
  await installServers();
  // Tests start Teal by the thousand: a form of it that starts in half the time.
  process.env['TEAL_PROGRAMS'] = await bundlePrograms();
  const suites = runSuites();
  for (const check of checks.filter(({ passed }) => !passed)) process.stdout.write(`FAILED: ${check.name}\n`);
  const failed = suites.failed + checks.filter((check) => !check.passed).length;
  const passed = suites.passed + checks.filter((check) => check.passed).length;
  process.stdout.write(`${summaryLine({ passed, failed, skipped: suites.skipped })}\n`);
  process.exitCode = failed === 0 && suites.passed > 0 ? 0 : 1;
}

/** Before the suites, so that a download on a slow line is not a test that took too long. What comes from different registries comes at the same time. */
async function installServers(): Promise<void> {
  await Promise.all([
    installPostgresBoth().then(installFromDebian),
    installKafkaIfPossible().then(installConnectIfPossible),
    installSchemathesisIfPossible(),
  ]);
}

async function installPostgresBoth(): Promise<void> {
  const blue = asPostgresMajor(process.env['TEAL_BLUE'] ?? 14);
  const green = asPostgresMajor(process.env['TEAL_GREEN'] ?? 18);
  await installPostgres(blue);
  await installPostgres(green);
  await pgTools(blue, green);
}

async function installFromDebian(): Promise<void> {
  await installMysqlFamily();
  await installPromtoolIfPossible();
  // Where there is none it says so, and the console's test is skipped.
  await whyNoChromium();
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

/** Without Maven or a Java its tests are skipped, which is said here and counted in the last line. */
async function installKafkaIfPossible(): Promise<void> {
  if (process.env['TEAL_KAFKA'] === '') return;
  try {
    await installKafka();
  } catch (error) {
    process.stderr.write(`SKIPPED: the tests on Kafka, which cannot be had here: ${describeError(error)}\n`);
    process.env['TEAL_KAFKA'] = '';
  }
}

/** Prometheus is written in Go, and no registry of npm has it: without apt its checks of rules are skipped. */
async function installPromtoolIfPossible(): Promise<void> {
  if (process.env['TEAL_PROMTOOL'] !== undefined) return;
  try {
    process.env['TEAL_PROMTOOL'] = promtoolBeside(await installPrometheus());
  } catch (error) {
    process.stderr.write(`SKIPPED: the checks of promtool, which cannot be had here: ${describeError(error)}\n`);
  }
}

/** It is written in Python: without one, or its pip, the API is not asked by its document. */
async function installSchemathesisIfPossible(): Promise<void> {
  if (process.env['TEAL_SCHEMATHESIS'] === '') return;
  try {
    await installSchemathesis();
  } catch (error) {
    process.stderr.write(
      `SKIPPED: the contract tests of the API, as Schemathesis cannot be had here: ${describeError(error)}\n`,
    );
    process.env['TEAL_SCHEMATHESIS'] = '';
  }
}

/** The same of what Kafka Connect needs beside a broker. */
async function installConnectIfPossible(): Promise<void> {
  if (process.env['TEAL_KAFKA'] === '' || process.env['TEAL_CONNECT'] === '') return;
  try {
    await installConnect();
    await installPlugin('debezium-postgres');
    await installPlugin('debezium-jdbc');
  } catch (error) {
    process.stderr.write(`SKIPPED: the tests on Kafka Connect, which cannot be had here: ${describeError(error)}\n`);
    process.env['TEAL_CONNECT'] = '';
  }
}

function runSuites(): Summary {
  const folder = mkdtempSync(join(tmpdir(), 'teal-report-'));
  const file = join(folder, 'report.json');
  using scratch = scratchInMemory();
  try {
    const run = spawnSync('vitest', ['run'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        TEAL_TEST_REPORT: file,
        ...(scratch.folder === undefined ? {} : { TMPDIR: scratch.folder }),
      },
      timeout: longestMs,
    });
    const report = readReport(file);
    for (const failure of failures(report)) process.stdout.write(`${failure}\n`);
    return summarise(report, run.status ?? 1);
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
