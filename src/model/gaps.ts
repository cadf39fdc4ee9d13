import { assert } from '../kernel/assert.ts';

export interface Gap {
  readonly from: number;
  readonly to?: number;
}

/** What [0, ∞) has beside these ranges. An overlap is a defect: rows would be on the target twice. */
export function gapsBetween(done: readonly { readonly from: number; readonly to?: number }[]): readonly Gap[] {
  const gaps: Gap[] = [];
  let at = 0;
  for (const range of [...done].sort((a, b) => a.from - b.from)) {
    assert(range.from >= at, 'ranges of a copied table overlap', { from: range.from, at });
    if (range.from > at) gaps.push({ from: at, to: range.from });
    if (range.to === undefined) {
      at = Number.POSITIVE_INFINITY;
    } else {
      assert(range.to > range.from, 'a range of a copied table is empty', { from: range.from, to: range.to });
      at = range.to;
    }
  }
  if (at !== Number.POSITIVE_INFINITY) gaps.push({ from: at });
  return gaps;
}

/** True when these ranges cover the whole of a table, each place once. */
export function coversWhole(done: readonly { readonly from: number; readonly to?: number }[]): boolean {
  return gapsBetween(done).length === 0;
}
