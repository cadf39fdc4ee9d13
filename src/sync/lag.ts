/** The newest heartbeat that has come through. */
export interface HeartbeatSeen {
  /** When its transaction was committed, by the source's clock. */
  readonly writtenMs: number;
  /** When its transaction was committed on the target, by the clock here. */
  readonly appliedMs: number;
}

/**
 * How far behind a flow is, in milliseconds: what the newest heartbeat took to come through, or for how long the next one is overdue, whichever is more. The age of a
 * heartbeat alone would tell a flow that keeps up to be up to a whole interval behind. Undefined until one has come, never a false 0 (pgdog #1121). Clocks that
 * differ between the two machines show in it.
 */
export function lagOf(seen: HeartbeatSeen | undefined, everyMs: number, nowMs: number): number | undefined {
  if (seen === undefined) return undefined;
  const took = seen.appliedMs - seen.writtenMs;
  const overdue = nowMs - seen.writtenMs - everyMs;
  return Math.max(0, took, overdue);
}
