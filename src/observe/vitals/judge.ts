import { deviation, expectationsOf, type Expectation } from './expectation.ts';
import { minuteMs, type History } from './history.ts';
import { seriesRules, type Minute } from './series.ts';

/** A series that is out of the usual. */
export interface Anomaly {
  readonly series: string;
  /** The first minute that was. */
  readonly sinceMs: number;
  readonly value: number;
  /** The farthest since then. */
  readonly worst: number;
  readonly expected: Expectation;
  /** The value's distance, in spreads. */
  readonly deviation: number;
}

/** What is remembered of a series from minute to minute. */
interface Watched {
  /** How far it was out in the last minutes, the newest last. */
  readonly last: readonly { readonly atMs: number; readonly deviation: number }[];
  readonly open?: Anomaly;
}

export type Watching = ReadonlyMap<string, Watched>;

export interface Judged {
  readonly watching: Watching;
  readonly opened: readonly Anomaly[];
  readonly closed: readonly Anomaly[];
}

/** Farther than this is out of the usual, and nearer than that it is back. */
const outAt = 6;
const backAt = 3;
/** Of so many minutes in a row. One bad minute is nobody's night. */
const window = 5;
const leastOut = 4;

/**
 * Judges a minute that is not in the history yet. A series is told of when it was out in four of five minutes, and once more when it was back in all of five. One without
 * enough to go by is not judged, nor is one that was not asked: what is open stays so.
 */
export function judge(minute: Minute, history: History, watching: Watching): Judged {
  const next = new Map(watching);
  const opened: Anomaly[] = [];
  const closed: Anomaly[] = [];
  for (const [series, value] of Object.entries(minute.values)) {
    const before = watching.get(series);
    const seen = judgeSeries(series, value, minute.atMs, history, before);
    if (seen === undefined) continue;
    next.set(series, seen);
    if (before?.open === undefined && seen.open !== undefined) opened.push(seen.open);
    if (before?.open !== undefined && seen.open === undefined) closed.push(before.open);
  }
  return { watching: next, opened, closed };
}

export function openOf(watching: Watching): readonly Anomaly[] {
  return [...watching.values()].flatMap(({ open }) => (open === undefined ? [] : [open]));
}

function judgeSeries(
  series: string,
  value: number,
  atMs: number,
  history: History,
  before: Watched | undefined,
): Watched | undefined {
  const rule = seriesRules.get(series);
  if (rule === undefined) return undefined;
  const expectations = expectationsOf(history, series, rule, atMs, before?.open?.sinceMs);
  const [expected] = expectations;
  if (expected === undefined) return undefined;
  const far = deviation(value, rule, expectations);
  const last = [...(before?.last ?? []), { atMs, deviation: far }].filter((one) => one.atMs > atMs - window * minuteMs);
  const isBack = last.length >= window && last.every((one) => one.deviation < backAt);
  if (before?.open !== undefined) {
    if (isBack) return { last };
    const { sinceMs, worst } = before.open;
    const isFarther = Math.abs(value - expected.middle) > Math.abs(worst - expected.middle);
    return { last, open: { series, sinceMs, value, worst: isFarther ? value : worst, expected, deviation: far } };
  }
  const out = last.filter((one) => one.deviation >= outAt);
  const [first] = out;
  if (first === undefined || out.length < leastOut) return { last };
  return { last, open: { series, sinceMs: first.atMs, value, worst: value, expected, deviation: far } };
}
