/** What bounds a relay. All times in milliseconds. */
export interface RelayLimits {
  /** Events and bytes that are taken, and in memory, at once. After a crash as many may be delivered again. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** How often an event that fails is tried before it is a dead letter. */
  readonly attempts: number;
  /** First pause between two attempts; each is twice the one before. */
  readonly pauseMs: number;
  readonly longestPauseMs: number;
  /** How long a receiver or the database may be away before the relay ends. */
  readonly patienceMs: number;
  /** Between two looks at an empty outbox. */
  readonly pollMs: number;
  /** By the log: between two looks for letters that are asked for again. */
  readonly letterLookMs: number;
  /** How long the relay keeps its right without saying so anew. */
  readonly leaseMs: number;
}

export const defaultLimits: RelayLimits = Object.freeze({
  batchEvents: 200,
  batchBytes: 4 << 20,
  attempts: 5,
  pauseMs: 200,
  longestPauseMs: 10_000,
  patienceMs: 3_600_000,
  pollMs: 200,
  letterLookMs: 1_000,
  leaseMs: 10_000,
});

/** Before the attempt after so many that failed. */
export function pauseAfter(
  failures: number,
  { pauseMs, longestPauseMs }: Pick<RelayLimits, 'pauseMs' | 'longestPauseMs'>,
): number {
  return Math.min(longestPauseMs, pauseMs * 2 ** Math.min(failures - 1, 30));
}
