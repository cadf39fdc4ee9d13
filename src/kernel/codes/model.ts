import type { ErrorEntry } from './entry.ts';

export const modelCodes = {} as const satisfies Record<`TEAL-MODEL-${number}`, ErrorEntry>;
