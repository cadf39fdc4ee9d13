import type { ErrorEntry } from './entry.ts';

export const appCodes = {
  'TEAL-APP-001': {
    summary: 'Blockers stand in the way',
    happened:
      'Before the first change both systems are assessed, and something that would make the migration fail or lose data was found. Nothing was changed.',
    doThis: 'Run `teal assess`: it tells each blocker with the statement that mends it. Then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-APP-${number}`, ErrorEntry>;
