import type { ErrorEntry } from './entry.ts';

export const systemsCodes = {} as const satisfies Record<`TEAL-SYSTEMS-${number}`, ErrorEntry>;
