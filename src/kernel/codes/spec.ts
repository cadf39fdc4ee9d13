import type { ErrorEntry } from './entry.ts';

export const specCodes = {} as const satisfies Record<`TEAL-SPEC-${number}`, ErrorEntry>;
