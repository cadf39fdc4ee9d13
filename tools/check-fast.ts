import { spawnSync } from 'node:child_process';

/** The checks that need no server, in the order of their cost. Exit code 1 when one fails; all are run, so that one call tells everything. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
}

const roots = ['src', 'tools', 'test', 'demo', 'bench', 'examples', 'console/src'];

const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', 'oxfmt', '--check'],
  ['lint', 'oxlint', '--type-aware'],
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['types of the console', 'tsc', '--noEmit', '-p', 'console'],
  ['import rules', 'tools/rooms/node_modules/.bin/depcruise', ...roots],
  ['error page', 'node', 'tools/errors-page.ts', '--check'],
  ['command page', 'node', 'tools/cli-page.ts', '--check'],
  ['cases page', 'node', 'tools/cases-page.ts'],
  ['types page', 'node', 'tools/mysql-types-page.ts', '--check'],
  ['type matrix', 'node', 'tools/type-matrix-page.ts'],
  ['types by Kafka Connect', 'node', 'tools/connect-types-page.ts'],
  ['spec schema', 'node', 'tools/spec-schema.ts', '--check'],
  ['metrics page', 'node', 'tools/metrics-page.ts', '--check'],
  ['API document', 'node', 'tools/openapi-document.ts', '--check'],
];

export function runChecks(): readonly CheckResult[] {
  return checks.map(([name, command, ...args]) => {
    const run = spawnSync(command, args, { encoding: 'utf8' });
    const passed = run.status === 0;
    process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${name}\n`);
    if (!passed) process.stdout.write(`${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}\n`);
    return { name, passed };
  });
}

if (import.meta.main) process.exitCode = runChecks().every((check) => check.passed) ? 0 : 1;
