/** The stream says something every two seconds: after so long without a word nothing that is shown may pass for how it is now. */
export const staleAfterMs = 6_000;
/** And after so long the connection is given up and made anew. */
export const deadAfterMs = 12_000;

export type Freshness =
  | { readonly state: 'live' }
  /** Nothing was heard yet. */
  | { readonly state: 'waiting' }
  | { readonly state: 'stale'; readonly sinceMs: number };

/** By the wall clock, which goes on while a machine sleeps: at its waking everything is stale at once. Pure. */
export function freshnessOf(heardMs: number | undefined, nowMs: number): Freshness {
  if (heardMs === undefined) return { state: 'waiting' };
  // A clock that was set back tells nothing: better to say so.
  if (nowMs - heardMs > staleAfterMs || heardMs - nowMs > staleAfterMs) return { state: 'stale', sinceMs: heardMs };
  return { state: 'live' };
}

/** How long to wait before the next attempt, in milliseconds: twice as long each time, 15 s at most. */
export function backoffMs(attempt: number): number {
  return Math.min(15_000, 500 * 2 ** Math.min(attempt, 8));
}
