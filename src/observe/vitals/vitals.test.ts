import { describe, expect, test } from 'vitest';
import { Random } from '../../../test/checker/random.ts';
import { forecast, type Point } from './forecast.ts';
import { dayMs, History, minuteMs } from './history.ts';
import { judge, openOf, type Anomaly, type Watching } from './judge.ts';

const beganMs = Date.parse('2026-03-02T00:00:00.000Z');
const seeds = Array.from({ length: 2 }, () => Math.floor(Math.random() * 2 ** 31));

function fraction(random: Random): number {
  return random.next() / 2 ** 32;
}

/** Near a normal one: the sum of twelve. */
function noise(random: Random): number {
  return Array.from({ length: 12 }, () => fraction(random)).reduce((sum, one) => sum + one, -6);
}

interface Told {
  readonly opened: readonly (Anomaly & { readonly atMs: number })[];
  readonly closed: readonly (Anomaly & { readonly atMs: number })[];
  readonly open: readonly Anomaly[];
}

/** Lives through so many minutes of one series. */
function live(series: string, minutes: number, valueAt: (minute: number) => number): Told {
  const history = new History();
  let watching: Watching = new Map();
  const [opened, closed]: [(Anomaly & { atMs: number })[], (Anomaly & { atMs: number })[]] = [[], []];
  for (let index = 0; index < minutes; index++) {
    const atMs = beganMs + index * minuteMs;
    const minute = { atMs, values: { [series]: valueAt(index) } };
    const judged = judge(minute, history, watching);
    watching = judged.watching;
    opened.push(...judged.opened.map((one) => ({ ...one, atMs })));
    closed.push(...judged.closed.map((one) => ({ ...one, atMs })));
    history.add(minute);
  }
  return { opened, closed, open: openOf(watching) };
}

/** Busy at noon and quiet at midnight, and never twice the same. */
function ofDay(random: Random, minute: number): number {
  const day = (minute % 1_440) / 1_440;
  return 500 - 400 * Math.cos(2 * Math.PI * day) + 40 * noise(random);
}

describe('what is out of the usual', () => {
  test.for(seeds)('is nothing in four days of days and nights (seed %i)', (seed) => {
    const random = new Random(seed);
    const { opened } = live('live.commits', 4 * 1_440, (minute) => ofDay(random, minute));
    expect(opened).toEqual([]);
  });

  test.for(seeds)('is a job of the night at a third of the usual time, and not at the same time (seed %i)', (seed) => {
    const random = new Random(seed);
    const job = (minute: number): number => (minute % 1_440 >= 120 && minute % 1_440 < 180 ? 3_000 : 0);
    const usual = live('live.commits', 4 * 1_440, (minute) => ofDay(random, minute) + job(minute));
    expect(usual.opened.filter(({ atMs }) => atMs >= beganMs + 2 * dayMs)).toEqual([]);
    const noon = 3 * 1_440 + 720;
    const again = live(
      'live.commits',
      4 * 1_440,
      (minute) => ofDay(random, minute) + job(minute) + (minute >= noon && minute < noon + 60 ? 8_000 : 0),
    );
    const late = again.opened.filter(({ atMs }) => atMs >= beganMs + 2 * dayMs);
    expect(late.map(({ sinceMs }) => sinceMs)).toEqual([beganMs + noon * minuteMs]);
    expect(again.open).toEqual([]);
  });

  test('is told within five minutes, with what was expected, and is over when it has been as usual for five', () => {
    const random = new Random(seeds[0] ?? 1);
    const [from, to] = [200, 260];
    const { opened, closed } = live('clients.p95', 300, (minute) =>
      minute >= from && minute < to ? 60 : 8 + noise(random),
    );
    expect(opened).toMatchObject([
      { series: 'clients.p95', sinceMs: beganMs + from * minuteMs, worst: 60, expected: { from: 'the hours before' } },
    ]);
    expect(opened[0]?.expected.middle).toBeGreaterThan(6);
    expect(opened[0]?.expected.middle).toBeLessThan(10);
    expect(opened[0]?.atMs).toBeLessThan(beganMs + (from + 5) * minuteMs);
    expect(closed.map(({ atMs }) => atMs)).toEqual([beganMs + (to + 4) * minuteMs]);
  });

  test('stays so for as long as it lasts: what came since does not become the usual', () => {
    const { opened, open } = live('clients.p95', 1_000, (minute) => (minute < 200 ? 8 : 60));
    expect(opened).toHaveLength(1);
    expect(open).toHaveLength(1);
  });

  test('is no single minute, no change in the good direction, and nothing before an hour was seen', () => {
    expect(live('clients.p95', 300, (minute) => (minute === 200 ? 900 : 8)).opened).toEqual([]);
    expect(live('clients.p95', 300, (minute) => (minute >= 200 ? 1 : 80)).opened).toEqual([]);
    expect(live('live.cacheHitShare', 300, (minute) => (minute >= 200 ? 0.6 : 0.99)).opened).toHaveLength(1);
    expect(live('live.commits', 300, (minute) => (minute >= 200 ? 0 : 100)).opened).toHaveLength(1);
    expect(live('clients.p95', 60, (minute) => (minute >= 30 ? 900 : 8)).opened).toEqual([]);
  });

  test('of a series that nobody knows nothing is said', () => {
    expect(live('live.mood', 300, (minute) => (minute >= 200 ? 900 : 8)).opened).toEqual([]);
  });
});

describe('a history', () => {
  test('keeps what has a value, in order, and no more than sixteen days', () => {
    const history = new History();
    for (let index = 0; index < 17 * 1_440; index++) {
      const atMs = beganMs + index * minuteMs;
      history.add({ atMs, values: index % 2 === 0 ? { 'flow.lag': index } : { 'flow.changes': index } });
    }
    expect(history.minutes).toBeLessThanOrEqual(16 * 1_440);
    const lastMs = beganMs + (17 * 1_440 - 1) * minuteMs;
    const seen = history.between('flow.lag', lastMs - 5 * minuteMs, lastMs + minuteMs);
    expect(seen.map(({ value }) => value)).toEqual([24_474, 24_476, 24_478]);
    expect(history.between('flow.lag', 0, beganMs + minuteMs)).toEqual([]);
    history.add({ atMs: lastMs, values: { 'flow.lag': 1 } });
    expect(history.between('flow.lag', lastMs, lastMs + minuteMs)).toEqual([]);
  });
});

describe('a forecast', () => {
  const line = (minutes: number, valueAt: (minute: number) => number): readonly Point[] =>
    Array.from({ length: minutes }, (_, minute) => ({ atMs: beganMs + minute * minuteMs, value: valueAt(minute) }));

  test.for(seeds)('finds the day on which a disk is full, through noise and what is far out (seed %i)', (seed) => {
    const random = new Random(seed);
    // 10 an hour from 1,000: 5,000 after 400 hours.
    const points = line(4 * 1_440, (minute) => {
      const odd = fraction(random) < 0.1 ? 3_000 * fraction(random) : 0;
      return 1_000 + minute / 6 + 5 * noise(random) + odd;
    });
    const told = forecast(points, 5_000);
    const trueMs = beganMs + 400 * 60 * minuteMs;
    expect(Math.abs((told?.atMs ?? 0) - trueMs)).toBeLessThan(0.1 * (trueMs - beganMs));
    expect(told?.earliestMs).toBeLessThanOrEqual(told?.atMs ?? 0);
    expect(told?.latestMs).toBeGreaterThanOrEqual(told?.atMs ?? 0);
    expect(told?.perDay).toBeGreaterThan(200);
    expect(told?.perDay).toBeLessThan(280);
  });

  test.for(seeds)('is none of what does not grow, or may not (seed %i)', (seed) => {
    const random = new Random(seed);
    expect(
      forecast(
        line(600, () => 70),
        100,
      ),
    ).toBeUndefined();
    expect(
      forecast(
        line(600, (minute) => 70 - minute / 60),
        100,
      ),
    ).toBeUndefined();
    expect(
      forecast(
        line(4 * 1_440, (minute) => ofDay(random, minute)),
        1_000_000,
      ),
    ).toBeUndefined();
  });

  test('is none from too little, nor of what is too far away', () => {
    expect(
      forecast(
        line(20, (minute) => minute),
        100,
      ),
    ).toBeUndefined();
    expect(
      forecast(
        line(60, (minute) => minute),
        10_000,
      ),
    ).toBeUndefined();
    expect(
      forecast(
        line(60, (minute) => minute),
        300,
      )?.atMs,
    ).toBe(beganMs + 300 * minuteMs);
    expect(forecast([], 10)).toBeUndefined();
  });

  test('of what is full already is now', () => {
    const points = line(60, (minute) => minute);
    expect(forecast(points, 30)?.atMs).toBe(points.at(-1)?.atMs);
  });
});
