import type { ErrorEntry } from './entry.ts';

export const wireCodes = {} as const satisfies Record<`TEAL-WIRE-${number}`, ErrorEntry>;
