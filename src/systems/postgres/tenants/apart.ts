import { nextNumber, type SequenceRange, type SequenceState } from '../sequence-values.ts';

/** So many numbers blue may give out before it comes to those of green. A quarter of them are left when a canary ends by itself. */
export const wantedGap = 10_000_000n;
/** Fewer are no room: they could be used up between two looks. */
const leastGap = 100_000n;

export interface Apart {
  readonly to: SequenceState;
  /** What blue gives out next, and where the numbers of green begin. */
  readonly from: bigint;
  readonly start: bigint;
}

/**
 * Where to set green's so that both sides give out different numbers: `wantedGap` steps beyond what blue gives next, or half of what is left. Undefined where there is no room, and for a sequence that goes
 * round. Never backwards. Pure.
 */
export function apart(blue: SequenceState, green: SequenceState, range: SequenceRange): Apart | undefined {
  const { increment } = range;
  const from = nextNumber(blue, increment);
  const end = increment > 0n ? range.max : range.min;
  const half = (end - from) / increment / 2n;
  const gap = half < wantedGap ? half : wantedGap;
  if (range.cycle || gap < leastGap) return undefined;
  const there = nextNumber(green, increment);
  const wanted = from + gap * increment;
  const isBeyond = increment > 0n ? there >= wanted : there <= wanted;
  const start = isBeyond ? there : wanted;
  return { to: { last: start - increment, called: true }, from, start };
}

/** Of the numbers before those of green, how many blue has given out: 0 to 1. */
export function usedOf({ from, start }: Pick<Apart, 'from' | 'start'>, blue: SequenceState, increment: bigint): number {
  const given = nextNumber(blue, increment) - from;
  return Number((given * 1_000n) / (start - from)) / 1_000;
}
