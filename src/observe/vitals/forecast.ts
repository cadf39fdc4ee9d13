import { median } from 'simple-statistics';
import { dayMs, minuteMs } from './history.ts';

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** When something will be full, if it goes on as it did. */
export interface Forecast {
  /** The most probable moment, and between which it is with `confidence`; ms since 1970. */
  readonly atMs: number;
  readonly earliestMs: number;
  readonly latestMs: number;
  readonly confidence: typeof confidence;
  readonly perDay: number;
  /** What it is made of. */
  readonly spanMs: number;
}

export const confidence = 0.9;
/** Of a normal distribution, for both ends of `confidence`. */
const z = 1.645;
const pointsAtMost = 120;
const leastPoints = 12;
const leastSpanMs = 30 * minuteMs;
/** A line says nothing of a time that is much farther away than it is long. */
const spansAhead = 10;

/**
 * A line through what was seen, by the median of the slopes between all pairs of points (Theil 1950), and the range of that slope by Kendall's tau (Sen 1968): up to
 * three of ten points may be anything. Undefined where it does not surely grow, where there is too little to go by (30 minutes), or where the limit is farther away than ten times what was seen.
 * Nights and days: of more than a day whole days are looked at.
 */
export function forecast(seen: readonly Point[], limit: number): Forecast | undefined {
  const points = thinned(wholeDays(seen));
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < leastPoints) return undefined;
  const spanMs = last.atMs - first.atMs;
  if (spanMs < leastSpanMs) return undefined;
  const { slope, low, high } = slopeOf(points);
  const level = median(points.map(({ atMs, value }) => value - slope * (atMs - last.atMs)));
  const room = limit - level;
  if (!(low > 0)) return undefined;
  const after = (perMs: number): number => last.atMs + Math.max(0, room) / perMs;
  const atMs = after(slope);
  if (atMs - last.atMs > spansAhead * spanMs) return undefined;
  return {
    atMs,
    earliestMs: after(high),
    latestMs: after(low),
    confidence,
    perDay: slope * dayMs,
    spanMs,
  };
}

function wholeDays(points: readonly Point[]): readonly Point[] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return [];
  const days = Math.floor((last.atMs - first.atMs) / dayMs);
  return days < 1 ? points : points.filter(({ atMs }) => atMs >= last.atMs - days * dayMs);
}

/** Medians of stretches that are alike in length. */
function thinned(points: readonly Point[]): readonly Point[] {
  const each = Math.ceil(points.length / pointsAtMost);
  if (each <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / each) }, (_, index) => {
    const stretch = points.slice(index * each, (index + 1) * each);
    return { atMs: median(stretch.map(({ atMs }) => atMs)), value: median(stretch.map(({ value }) => value)) };
  });
}

function slopeOf(points: readonly Point[]): { readonly slope: number; readonly low: number; readonly high: number } {
  const slopes = points
    .flatMap((a, index) => points.slice(index + 1).map((b) => (b.value - a.value) / (b.atMs - a.atMs)))
    .toSorted((a, b) => a - b);
  const n = points.length;
  const half = (z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)) / 2;
  const at = (rank: number): number => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))] ?? 0;
  return { slope: median(slopes), low: at(slopes.length / 2 - half), high: at(slopes.length / 2 + half) };
}
