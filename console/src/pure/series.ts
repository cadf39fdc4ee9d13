import type { RatePoint, Rates } from '../types.ts';

/** Columns as uPlot takes them: seconds since 1970, then one list a line; null is a gap. */
export type Columns = [xs: number[], ...lines: (number | null)[][]];

/** Longer than this between two points nothing was seen. */
const gapMs = 7_000;
export const windowMs = 15 * 60_000;

/** Pure: a new list with the point, without what is older than the window. */
export function withPoint(points: readonly RatePoint[], point: RatePoint): readonly RatePoint[] {
  const last = points.at(-1);
  if (last !== undefined && point.atMs <= last.atMs) return points;
  return [...points.filter(({ atMs }) => atMs > point.atMs - windowMs), point];
}

export function pointOf({ atIso, flows, proxy }: Rates): RatePoint {
  const told = flows.map(({ flow, lagMs, lagBytes, changesPerSecond }) => [
    flow,
    { lagBytes, changesPerSecond, ...(lagMs === undefined ? {} : { lagMs }) },
  ]);
  return {
    atMs: Date.parse(atIso),
    ...Object.fromEntries(told),
    ...(proxy === undefined
      ? {}
      : {
          proxy: {
            queries: proxy.queries,
            clients: proxy.clients,
            inFlight: proxy.inFlight,
            longestWaitMs: proxy.longestWaitMs ?? 0,
          },
        }),
  };
}

/** Lines of numbers over time, with a gap wherever nothing was seen: a line is never drawn across silence. */
export function columnsOf(
  points: readonly RatePoint[],
  lines: readonly ((point: RatePoint) => number | undefined)[],
): Columns {
  const xs: number[] = [];
  const ys: (number | null)[][] = lines.map(() => []);
  let lastMs: number | undefined;
  for (const point of points) {
    if (lastMs !== undefined && point.atMs - lastMs > gapMs) {
      xs.push((lastMs + 1) / 1_000);
      ys.forEach((line) => line.push(null));
    }
    xs.push(point.atMs / 1_000);
    ys.forEach((line, at) => line.push(lines[at]?.(point) ?? null));
    lastMs = point.atMs;
  }
  return [xs, ...ys];
}

/** Statements a second between each point and the one before; undefined across a gap or a new proxy. */
export function queryRates(points: readonly RatePoint[]): ReadonlyMap<number, number> {
  const rates = new Map<number, number>();
  points.forEach((point, at) => {
    const before = points[at - 1];
    if (before?.proxy === undefined || point.proxy === undefined) return;
    const ms = point.atMs - before.atMs;
    const count = point.proxy.queries - before.proxy.queries;
    if (ms > 0 && ms <= gapMs && count >= 0) rates.set(point.atMs, (count * 1_000) / ms);
  });
  return rates;
}
