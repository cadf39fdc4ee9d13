/** A generator that only goes up: the next number that it gives, and the greatest that its column holds. */
export interface Counter {
  readonly next: bigint;
  readonly max: bigint;
}

/** Could the target still give a number that the source has given? A column that is full on the source can be no more than full on the target. */
export function isBehind(source: Counter, target: Counter): boolean {
  return target.next < smaller(source.next, target.max);
}

/**
 * What the next number of a target is to be, so that it gives none that the source has given, plus a headroom; undefined when it is past that already. Never backwards, never out
 * of bounds: near the end the headroom shrinks to half of what is left. Pure.
 */
export function nextAfter(source: Counter, target: Counter, headroom: bigint): bigint | undefined {
  if (!isBehind(source, target)) return undefined;
  const from = smaller(source.next, target.max);
  return from + smaller(headroom, (target.max - from) / 2n);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
