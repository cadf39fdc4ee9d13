/** `last_value` and `is_called` of a sequence: as long as it was not called, the next number is `last` itself. */
export interface SequenceState {
  readonly last: bigint;
  readonly called: boolean;
}

export interface SequenceRange {
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycle: boolean;
}

/** The number that comes next; beyond the bounds for a sequence that is used up. */
export function nextNumber(state: SequenceState, increment: bigint): bigint {
  return state.called ? state.last + increment : state.last;
}

/** Could the target still give out a number that the source has given? Compares what comes next: `setval(s, n, false)` gives none, yet moves it. */
export function isBehind(source: SequenceState, target: SequenceState, range: SequenceRange): boolean {
  const from = nextNumber(source, range.increment);
  const at = nextNumber(target, range.increment);
  // A sequence that goes round has no "past": only the same place will do.
  if (range.cycle) return from !== at;
  return range.increment > 0n ? at < from : at > from;
}

/**
 * What to set a target to, so that it gives no number which the source has given, plus a headroom in steps; undefined when it is past that already. Never backwards
 * in the direction of the increment, never out of bounds: near the end the headroom shrinks to half of what is left, and a sequence that is used up on the
 * source becomes used up on the target, as its users would have seen. Told as having given the number before, where there is one: PostgreSQL tells all sequences of which
 * that is so in one query. Pure.
 */
export function nextAfter(
  source: SequenceState,
  target: SequenceState,
  range: SequenceRange,
  headroom: bigint,
): SequenceState | undefined {
  if (!isBehind(source, target, range)) return undefined;
  if (range.cycle) return source;
  const { increment } = range;
  const from = nextNumber(source, increment);
  const end = increment > 0n ? range.max : range.min;
  if (increment > 0n ? from > end : from < end) {
    return target.called && target.last === end ? undefined : { last: end, called: true };
  }
  const stepsLeft = (end - from) / increment;
  const steps = headroom < stepsLeft / 2n ? headroom : stepsLeft / 2n;
  const next = from + steps * increment;
  const before = next - increment;
  const isThere = before >= range.min && before <= range.max;
  return isThere ? { last: before, called: true } : { last: next, called: false };
}

/**
 * What to set a target to that gives out numbers for nothing while the source goes on: so far ahead, in steps, that the source does not come to them soon; undefined where half of that is left,
 * or nothing can be done (a sequence that goes round). Near the end the lead shrinks to a quarter of what is left. Pure.
 */
export function aheadOf(
  source: SequenceState,
  target: SequenceState,
  range: SequenceRange,
  lead: bigint,
): SequenceState | undefined {
  if (range.cycle) return undefined;
  const { increment } = range;
  const from = nextNumber(source, increment);
  const stepsLeft = ((increment > 0n ? range.max : range.min) - from) / increment;
  const half = (lead < stepsLeft / 4n ? lead : stepsLeft / 4n) / 2n;
  if (half <= 0n) return undefined;
  return nextAfter({ last: from + half * increment, called: false }, target, range, half);
}
