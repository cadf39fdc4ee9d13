import type { ErrorEntry } from './entry.ts';

export const serverCodes = {} as const satisfies Record<`TEAL-SERVER-${number}`, ErrorEntry>;
