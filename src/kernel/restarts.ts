/** More deaths than this within the window, and what died is left to a person. */
export const deathsAllowed = 8;
export const deathWindowMs = 10 * 60_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** The deaths of the window that ends with this one. Monotonic times. */
export function deathsUpTo(nowMs: number, before: readonly number[]): readonly number[] {
  return [...before.filter((at) => nowMs - at < deathWindowMs), nowMs];
}

/** How long to wait after the n-th death of a window, counted from 1. */
export function pauseAfter(deaths: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** (deaths - 1));
}
