import type { ErrorEntry } from './entry.ts';

export const toolsCodes = {} as const satisfies Record<`TEAL-TOOLS-${number}`, ErrorEntry>;
