import type { ErrorEntry } from './entry.ts';

export const appCodes = {} as const satisfies Record<`TEAL-APP-${number}`, ErrorEntry>;
