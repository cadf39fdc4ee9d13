import type { ErrorEntry } from './entry.ts';

export const cliCodes = {} as const satisfies Record<`TEAL-CLI-${number}`, ErrorEntry>;
