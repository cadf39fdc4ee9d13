import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clockOf, days, wallText } from '../wall-clock.ts';
import { openingAt, type TimeWindow } from './opening.ts';
import { windowGate } from './window-gate.ts';

const night: TimeWindow = { days: ['sat', 'sun'], fromMinute: 120, toMinute: 300, zone: 'Europe/Berlin' };
const daily = (fromMinute: number, toMinute: number, zone: string): TimeWindow => ({
  days,
  fromMinute,
  toMinute,
  zone,
});

/** What the opening says of an instant: `open`, or the instant of the next one. */
function at(window: TimeWindow, iso: string): string {
  const opening = openingAt(window, Date.parse(iso));
  if (opening.isOpen) return 'open';
  return opening.opensAtMs === undefined ? 'never' : new Date(opening.opensAtMs).toISOString().slice(0, 16);
}

describe('a window', () => {
  // 2026-12-05 is a Saturday; Berlin is one hour ahead of UTC.
  test.each([
    ['2026-12-05T00:59:59Z', '2026-12-05T01:00'],
    ['2026-12-05T01:00:00Z', 'open'],
    ['2026-12-05T03:59:59Z', 'open'],
    ['2026-12-05T04:00:00Z', '2026-12-06T01:00'],
    ['2026-12-06T04:00:00Z', '2026-12-12T01:00'],
    ['2026-12-07T01:30:00Z', '2026-12-12T01:00'],
  ])('of nights of the week end, at %s: %s', (iso, expected) => expect(at(night, iso)).toBe(expected));

  test.each([
    // Opens on Friday at 22:00, Berlin: until 04:00 of Saturday.
    ['2026-12-04T20:59:00Z', '2026-12-04T21:00'],
    ['2026-12-04T21:00:00Z', 'open'],
    ['2026-12-05T02:59:00Z', 'open'],
    ['2026-12-05T03:00:00Z', '2026-12-11T21:00'],
    ['2026-12-05T21:30:00Z', '2026-12-11T21:00'],
    // Friday's early morning is Thursday's night.
    ['2026-12-04T01:00:00Z', '2026-12-04T21:00'],
  ])('past midnight is of the day on which it opened, at %s: %s', (iso, expected) => {
    expect(at({ days: ['fri'], fromMinute: 22 * 60, toMinute: 4 * 60, zone: 'Europe/Berlin' }, iso)).toBe(expected);
  });

  test('of a whole day', () => {
    const sundays: TimeWindow = { days: ['sun'], fromMinute: 0, toMinute: 24 * 60, zone: 'UTC' };
    expect(at(sundays, '2026-12-06T00:00:00Z')).toBe('open');
    expect(at(sundays, '2026-12-06T23:59:59Z')).toBe('open');
    expect(at(sundays, '2026-12-07T00:00:00Z')).toBe('2026-12-13T00:00');
  });
});

describe('in the night in which Berlin puts its clocks forward (29 March 2026, 01:00Z, from 02:00 to 03:00)', () => {
  test('a window is shorter by what they skip', () => {
    expect(at(night, '2026-03-29T00:59:59Z')).toBe('2026-03-29T01:00');
    expect(at(night, '2026-03-29T01:00:00Z')).toBe('open');
    expect(at(night, '2026-03-29T02:59:59Z')).toBe('open');
    expect(at(night, '2026-03-29T03:00:00Z')).not.toBe('open');
  });

  test('one that begins within what they skip opens after it; one that lies within it does not open', () => {
    expect(at(daily(150, 300, 'Europe/Berlin'), '2026-03-29T00:00:00Z')).toBe('2026-03-29T01:00');
    expect(at(daily(130, 170, 'Europe/Berlin'), '2026-03-29T00:00:00Z')).toBe('2026-03-30T00:10');
    // Once a week: it is there the week after.
    const weekly: TimeWindow = { ...night, days: ['sun'], fromMinute: 130, toMinute: 170 };
    expect(at(weekly, '2026-03-23T00:00:00Z')).toBe('2026-04-05T00:10');
  });
});

describe('in the night in which Berlin puts its clocks back (25 October 2026, 01:00Z, from 03:00 to 02:00)', () => {
  test('a window is longer by what they repeat', () => {
    expect(at(night, '2026-10-24T23:59:59Z')).toBe('2026-10-25T00:00');
    expect(at(night, '2026-10-25T00:00:00Z')).toBe('open');
    expect(at(night, '2026-10-25T01:30:00Z')).toBe('open');
    expect(at(night, '2026-10-25T03:59:59Z')).toBe('open');
    expect(at(night, '2026-10-25T04:00:00Z')).not.toBe('open');
  });

  test('one that lies within what they repeat opens twice', () => {
    const short = daily(130, 170, 'Europe/Berlin');
    expect(at(short, '2026-10-25T00:00:00Z')).toBe('2026-10-25T00:10');
    expect(at(short, '2026-10-25T00:50:00Z')).toBe('2026-10-25T01:10');
    expect(at(short, '2026-10-25T01:50:00Z')).toBe('2026-10-26T01:10');
  });
});

test.each([
  // Half an hour of daylight saving, on the 4th of October 2026 at 02:00.
  ['Australia/Lord_Howe', 'Lord Howe', '2026-10-03T15:30:00Z', '2026-10-04 02:30'],
  ['Asia/Kathmandu', 'quarters of an hour', '2026-12-05T00:00:00Z', '2026-12-05 05:45'],
  ['America/St_Johns', 'west, by half an hour', '2026-12-05T00:00:00Z', '2026-12-04 20:30'],
])('the clock of %s (%s)', (zone, _, iso, expected) => {
  expect(wallText(clockOf(zone)(Date.parse(iso)))).toBe(expected);
});

test('the next opening is the first open minute, in any zone, over any change of the clocks', () => {
  const zones = [
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'America/New_York',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'UTC',
  ];
  // About the changes of 2026, where a short look catches most.
  const instants = fc.oneof(
    fc.integer({ min: Date.parse('2026-03-27T00:00Z'), max: Date.parse('2026-03-30T00:00Z') }),
    fc.integer({ min: Date.parse('2026-10-02T00:00Z'), max: Date.parse('2026-10-05T00:00Z') }),
    fc.integer({ min: Date.parse('2026-10-24T00:00Z'), max: Date.parse('2026-11-02T00:00Z') }),
  );
  const windows = fc.record({
    days: fc.subarray([...days], { minLength: 1 }),
    fromMinute: fc.integer({ min: 0, max: 1439 }),
    toMinute: fc.integer({ min: 0, max: 1440 }),
    zone: fc.constantFrom(...zones),
  });
  const minute = 60_000;
  fc.assert(
    fc.property(windows, instants, (window, atMs) => {
      fc.pre(window.fromMinute !== window.toMinute);
      const opening = openingAt(window, atMs);
      if (opening.isOpen) return;
      const opensAtMs = opening.opensAtMs ?? Number.NaN;
      expect(openingAt(window, opensAtMs)).toEqual({ isOpen: true });
      // The oracle looks at every minute before, up to a day of them.
      for (let ms = opensAtMs - minute; ms > Math.max(atMs, opensAtMs - 26 * 60 * minute); ms -= minute) {
        const { day, minute: at } = clockOf(window.zone)(ms);
        const before = days[(days.indexOf(day) + 6) % 7] ?? day;
        const opensToday = window.days.includes(day) && at >= window.fromMinute;
        const isSameDay = window.fromMinute < window.toMinute;
        const isIn = isSameDay
          ? opensToday && at < window.toMinute
          : opensToday || (window.days.includes(before) && at < window.toMinute);
        expect(isIn, `${window.zone} ${new Date(ms).toISOString()}`).toBe(false);
      }
    }),
    { numRuns: 60 },
  );
});

test('the gate waits for a window that opens soon, says no to a later one, and says what time it is', async () => {
  const never = new AbortController().signal;
  let nowMs = Date.parse('2026-12-05T00:40:00Z');
  const gate = windowGate({ id: 'g', window: night, patienceMs: 30 * 60_000 }, () => nowMs);
  expect(gate.asks).toBe('is it sat, sun, 02:00 to 05:00 in Europe/Berlin?');
  expect(await gate.ask(never)).toEqual({
    answer: 'not yet',
    evidence: 'it is sat 2026-12-05 01:40 in Europe/Berlin; it opens sat 2026-12-05 02:00',
  });
  nowMs += 20 * 60_000;
  expect(await gate.ask(never)).toEqual({
    answer: 'yes',
    evidence: 'it is sat 2026-12-05 02:00 in Europe/Berlin; open until 05:00',
  });
  nowMs += 5 * 60 * 60_000;
  expect(await gate.ask(never)).toMatchObject({
    answer: 'no',
    evidence: 'it is sat 2026-12-05 07:00 in Europe/Berlin; it opens sun 2026-12-06 02:00',
  });
  const late = windowGate({ id: 'g', window: { ...night, days, toMinute: 60 }, patienceMs: 0 }, () => nowMs);
  expect(late.asks).toBe('is it any day, 02:00 to 01:00 of the next day in Europe/Berlin?');
});
