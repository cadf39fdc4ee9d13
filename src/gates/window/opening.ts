import { clockOf, dayBefore, minutesUntil, type Day } from '../wall-clock.ts';

export interface TimeWindow {
  /** On which it opens. */
  readonly days: readonly Day[];
  /** Minutes after midnight by the clock of the zone. `toMinute` (up to a whole day's) does not belong to it; at most `fromMinute` it is of the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
}

export type Opening =
  | { readonly isOpen: true }
  /** Undefined: not within two weeks, which is never, or all that anybody waits for. */
  | { readonly isOpen: false; readonly opensAtMs: number | undefined };

const minuteMs = 60_000;
const stepMinutes = 15;
/** A window that is once a week may be swallowed by a clock that is put forward; the week after it is there. */
const lookAheadMs = 15 * 24 * 60 * minuteMs;

/**
 * Whether a window is open at an instant, and when it opens next. It is open when the clock on the wall says so, and nothing else counts: on the night in
 * which clocks are put forward a window is shorter by what they skip, on that in which they are put back longer by what they repeat.
 */
export function openingAt(window: TimeWindow, atMs: number): Opening {
  const read = clockOf(window.zone);
  const isOpen = (ms: number): boolean => isWithin(window, read(ms));
  if (isOpen(atMs)) return { isOpen: true };
  let ms = Math.floor(atMs / minuteMs) * minuteMs;
  while (ms - atMs < lookAheadMs) {
    const { minute } = read(ms);
    const step = Math.min(stepMinutes, minutesUntil(minute, window.fromMinute));
    // Where the clock moves by another step than time does, every minute is looked at.
    const isEven = (read(ms + step * minuteMs).minute - minute + 24 * 60) % (24 * 60) === step;
    ms += (isEven ? step : 1) * minuteMs;
    if (isOpen(ms)) return { isOpen: false, opensAtMs: ms };
  }
  return { isOpen: false, opensAtMs: undefined };
}

function isWithin(
  { days, fromMinute, toMinute }: TimeWindow,
  clock: { readonly day: Day; readonly minute: number },
): boolean {
  const { day, minute } = clock;
  if (fromMinute < toMinute) return minute >= fromMinute && minute < toMinute && days.includes(day);
  // Past midnight it is of the day on which it has opened.
  return (minute >= fromMinute && days.includes(day)) || (minute < toMinute && days.includes(dayBefore(day)));
}
