import type { ErrorEntry } from './entry.ts';

export const syncCodes = {} as const satisfies Record<`TEAL-SYNC-${number}`, ErrorEntry>;
