import type { ErrorEntry } from './entry.ts';

export const modelCodes = {
  'TEAL-MODEL-001': {
    summary: 'A log position cannot be read',
    happened:
      'A text that should be a position in a log (such as 16/B374D848 of PostgreSQL, or a set of GTIDs) is none.',
    doThis: 'Check that the addresses lead to the systems that the file names; report it with the facts if they do.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-MODEL-${number}`, ErrorEntry>;
