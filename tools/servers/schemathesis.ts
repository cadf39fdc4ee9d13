import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { lastLines, runProgram } from './run-program.ts';

const requirements = join(import.meta.dirname, 'schemathesis.requirements.txt');

/** Schemathesis, which asks an API whatever its OpenAPI document allows and what it does not. The folder of its modules, made with the Python (3.11 or later) and pip of this machine. TEAL-TOOLS-005 where there are none. */
export async function installSchemathesis(): Promise<string> {
  const version = await runProgram('python3', ['--version']);
  const hash = createHash('sha256')
    .update(version)
    .update(await readFile(requirements));
  return cachedFolder(`schemathesis-${hash.digest('hex').slice(0, 12)}`, async (building) => {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
    await runProgram('python3', [...pip, '--no-deps', '--target', building, '--requirement', requirements]);
  });
}

export interface ContractRun {
  readonly url: string;
  readonly token: string;
  /** Python that is told of every request before it is sent. */
  readonly hooks?: string;
  readonly seed: number;
  /** Requests of each route in each phase beside those that cover the document. */
  readonly examples: number;
  /** Asks by this method alone; absent: by all. */
  readonly method?: string;
  /** Fuzzes until it is spent; absent: `examples` once. */
  readonly seconds?: number;
  readonly excludePaths: readonly string[];
  /** A regular expression of paths that are left out too. */
  readonly excludeForm?: string;
  readonly excludeChecks: readonly string[];
  /** Where it may leave its own files. */
  readonly folder: string;
}

/** Every failure with the request that shows it, as it was sent. */
const always = ['--no-shrink', '--continue-on-failure', '--request-timeout', '60', '--warnings', 'off', '--no-color'];

/** What it says of a run without failures. TEAL-TOOLS-005 with every failure, the request that shows it and the seed otherwise. */
export async function checkContract(run: ContractRun): Promise<string> {
  const installed = await installSchemathesis();
  const { url, token, seed, examples, method, seconds, hooks } = run;
  const amount = ['--phases', 'coverage,fuzzing,stateful', '--max-examples', String(examples), '--seed', String(seed)];
  const args = [
    '-m',
    'schemathesis.cli',
    'run',
    `${url}/openapi.json`,
    '--header',
    `Authorization: Bearer ${token}`,
    ...amount,
    ...(seconds === undefined ? [] : ['--max-time', String(seconds)]),
    ...(method === undefined ? [] : ['--include-method', method]),
    ...run.excludePaths.flatMap((path) => ['--exclude-path', path]),
    ...(run.excludeForm === undefined ? [] : ['--exclude-path-regex', run.excludeForm]),
    '--exclude-checks',
    run.excludeChecks.join(','),
    ...always,
  ];
  const env = {
    ...process.env,
    PYTHONPATH: installed,
    PYTHONDONTWRITEBYTECODE: '1',
    ...(hooks === undefined ? {} : { SCHEMATHESIS_HOOKS: hooks }),
  };
  try {
    return lastLines(
      await runProgram('python3', args, { env, cwd: run.folder, timeoutMs: ((seconds ?? 0) + 300) * 1_000 }),
      30,
    );
  } catch (error) {
    const said = String(Reflect.get(Object(Reflect.get(Object(error), 'cause')), 'stdout') ?? error);
    throw new TealError('TEAL-TOOLS-005', `the API is not as its document says (seed ${seed}):\n${said}`, {}, error);
  }
}
