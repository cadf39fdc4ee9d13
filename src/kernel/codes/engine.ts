import type { ErrorEntry } from './entry.ts';

export const engineCodes = {} as const satisfies Record<`TEAL-ENGINE-${number}`, ErrorEntry>;
