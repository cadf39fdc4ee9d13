import type { ErrorEntry } from './entry.ts';

export const trafficCodes = {} as const satisfies Record<`TEAL-TRAFFIC-${number}`, ErrorEntry>;
