import type { ErrorEntry } from './entry.ts';

export const stagesCodes = {} as const satisfies Record<`TEAL-STAGES-${number}`, ErrorEntry>;
