import type { ErrorEntry } from './entry.ts';

export const carriersCodes = {} as const satisfies Record<`TEAL-CARRIERS-${number}`, ErrorEntry>;
