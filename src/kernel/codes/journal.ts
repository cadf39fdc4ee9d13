import type { ErrorEntry } from './entry.ts';

export const journalCodes = {} as const satisfies Record<`TEAL-JOURNAL-${number}`, ErrorEntry>;
