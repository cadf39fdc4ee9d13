import type { ErrorEntry } from './entry.ts';

export const verifyCodes = {} as const satisfies Record<`TEAL-VERIFY-${number}`, ErrorEntry>;
