import { median, medianAbsoluteDeviation } from 'simple-statistics';
import { dayMs, minuteMs, type History } from './history.ts';
import type { SeriesRule } from './series.ts';

/** What a series was at other times like this one. */
export interface Expectation {
  readonly from: 'the same time of other days' | 'the hours before';
  readonly middle: number;
  /** What is usual to both sides of the middle. */
  readonly spread: number;
  readonly minutes: number;
}

const aroundMs = 20 * minuteMs;
const daysBack = 14;
/** With less it is not known what is usual at this time of the day. */
const leastDays = 2;
const leastOfDay = 20;
const hoursBackMs = 6 * 60 * minuteMs;
/** What is being judged must not be what it is judged by. */
const recentMs = 10 * minuteMs;
const leastRecent = 60;

/** Makes the median absolute deviation comparable with a standard deviation where values are normal (Hampel 1974). */
const normalMad = 1.4826;
/** A tenth of what it is changes from minute to minute in anything that people use; of shares, which end at 1, that would be too much. */
const leastRelative = 0.1;

/**
 * What would be usual for a series now, by each of two ways that has enough to go by. Medians: half of what they are made of may be trouble, and they do not move. `openSinceMs`: since when
 * the series is out of the usual; what came since is no part of the hours before.
 */
export function expectationsOf(
  history: History,
  series: string,
  rule: SeriesRule,
  atMs: number,
  openSinceMs = atMs,
): readonly Expectation[] {
  const found: Expectation[] = [];
  const add = (from: Expectation['from'], values: readonly number[]): void => {
    found.push({ from, ...middleOf(values, rule), minutes: values.length });
  };
  const days = sameTimes(history, series, atMs);
  if (days.length >= leastDays) add('the same time of other days', days.flat());
  const until = Math.min(atMs - recentMs, openSinceMs - recentMs);
  const recent = history.between(series, until - hoursBackMs, until);
  if (recent.length >= leastRecent)
    add(
      'the hours before',
      recent.map(({ value }) => value),
    );
  return found;
}

/** Days that have enough of this time. */
function sameTimes(history: History, series: string, atMs: number): readonly (readonly number[])[] {
  const at = (day: number): readonly number[] =>
    history.between(series, atMs - day * dayMs - aroundMs, atMs - day * dayMs + aroundMs).map(({ value }) => value);
  return Array.from({ length: daysBack }, (_, index) => at(index + 1)).filter(({ length }) => length >= leastOfDay);
}

function middleOf(values: readonly number[], { least, unit }: SeriesRule): Pick<Expectation, 'middle' | 'spread'> {
  const middle = median([...values]);
  const usual = normalMad * medianAbsoluteDeviation([...values]);
  const relative = unit === 'share' ? 0 : leastRelative * Math.abs(middle);
  return { middle, spread: Math.max(usual, least, relative) };
}

/** How far a value is out, in spreads, in the direction that is bad: 0 where it is not. The nearest of the expectations counts: a nightly job is usual at night, a new level after some hours. */
export function deviation(value: number, rule: SeriesRule, expectations: readonly Expectation[]): number {
  return Math.min(...expectations.map(({ middle, spread }) => Math.max(0, out(value - middle, rule) / spread)));
}

function out(difference: number, { bad }: SeriesRule): number {
  if (bad === 'more') return difference;
  return bad === 'less' ? -difference : Math.abs(difference);
}
