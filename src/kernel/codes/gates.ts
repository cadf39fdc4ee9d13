import type { ErrorEntry } from './entry.ts';

export const gatesCodes = {} as const satisfies Record<`TEAL-GATES-${number}`, ErrorEntry>;
