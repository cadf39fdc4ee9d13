import type { ErrorEntry } from './entry.ts';

export const modelCodes = {
  'TEAL-MODEL-001': {
    summary: 'A log position cannot be read',
    happened: 'A text that should be a position in a log (such as 16/B374D848) is none.',
    doThis: 'Check that the address is a PostgreSQL server; report it with the facts if it is.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-MODEL-${number}`, ErrorEntry>;
