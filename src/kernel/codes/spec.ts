import type { ErrorEntry } from './entry.ts';

export const specCodes = {
  'TEAL-SPEC-001': {
    summary: 'The migration file could not be read',
    happened: 'The file is not there, or this user may not read it.',
    doThis: 'Name the file with `--file`, or write one with `teal init`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SPEC-002': {
    summary: 'The migration file has mistakes',
    happened:
      'One or more places of the file do not say what Teal can understand; all of them are listed, each with its line. Nothing was begun.',
    doThis:
      'Mend the places that are listed, then run the command again. Editors check the file as you type with docs/reference/spec.schema.json.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-SPEC-${number}`, ErrorEntry>;
