import type { ErrorEntry } from './entry.ts';

export const planCodes = {} as const satisfies Record<`TEAL-PLAN-${number}`, ErrorEntry>;
