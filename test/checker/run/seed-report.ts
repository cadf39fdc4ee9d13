import type { MetFault } from '../faults.ts';
import type { Violation } from '../../../src/testing/checker/invariants.ts';
import type { ScheduleOptions } from '../schedule.ts';

export interface SeedTask {
  readonly seed: number;
  readonly options: ScheduleOptions;
  /** Of clusters of Kafka, which have schedules of their own. */
  readonly isOfLogs: boolean;
  readonly tracesTo: string;
  readonly limitMs: number;
  readonly mutant?: string;
}

/** What becomes known of one seed. Of logs each act of a producer counts as a transaction. */
export interface SeedReport {
  readonly violations: readonly Violation[];
  /** Why it did not come to its end. */
  readonly failure?: string;
  readonly transactions: number;
  readonly acknowledged: number;
  readonly switches: number;
  /** Cuts that were given up. */
  readonly refused: number;
  readonly injected: readonly MetFault[];
  readonly told: readonly string[];
}

/** Of a seed that did not come to its end. */
export function failedReport(failure: string, told: readonly string[]): SeedReport {
  const nothing = { violations: [], transactions: 0, acknowledged: 0, switches: 0, refused: 0, injected: [] };
  return { ...nothing, failure, told };
}
