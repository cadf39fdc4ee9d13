import type { ErrorEntry } from './entry.ts';

export const kernelCodes = {
  'TEAL-KERNEL-001': {
    summary: 'An internal assertion failed',
    happened: 'Teal reached a state that its authors hold to be impossible, and stopped before acting on it.',
    doThis: 'Report it with the facts printed beside it. Run `teal status`: what was done so far is in the journal.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-KERNEL-002': {
    summary: 'A deadline passed',
    happened: 'Something that Teal waited for did not become true in the time that it may take.',
    doThis: 'Look at what was waited for (in the facts); when it is healthy again, run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-KERNEL-003': {
    summary: 'The operation was aborted',
    happened: 'The operation was asked to stop before it was done.',
    doThis: 'Run the command again; it goes on from where it stopped.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-KERNEL-${number}`, ErrorEntry>;
