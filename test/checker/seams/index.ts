import { join } from 'node:path';
import { diskFullVariable, ledgerVariable, mutantVariable } from './variables.ts';

/** Where the faults of one run keep what they need; both are in the run's own folder. */
export const ledgerOf = (folder: string): string => join(folder, 'syncs.jsonl');
export const flagsOf = (folder: string): string => join(folder, 'full');

/**
 * What every process of Teal in a run must have in its environment for `power cut worker`, `disk full` and mutants; its children and threads inherit it. `folder`: of
 * this run alone, and there already.
 */
export function seamEnvironment(options: {
  readonly folder: string;
  readonly mutant?: string;
}): Record<string, string> {
  const { folder, mutant } = options;
  return {
    NODE_OPTIONS: withPreload(process.env['NODE_OPTIONS']),
    [ledgerVariable]: ledgerOf(folder),
    [diskFullVariable]: flagsOf(folder),
    ...(mutant === undefined ? {} : { [mutantVariable]: mutant }),
  };
}

/** Node's options with the seam in them, once. */
export function withPreload(options = ''): string {
  const preload = `--import=${new URL('preload.ts', import.meta.url).href}`;
  if (options.split(' ').includes(preload)) return options;
  return options === '' ? preload : `${options} ${preload}`;
}
