/** What a clock on a wall in a zone shows at an instant. */
export interface WallClock {
  readonly day: Day;
  /** 2026-12-05 */
  readonly date: string;
  /** After midnight. */
  readonly minute: number;
}

export const days = Object.freeze(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const);
export type Day = (typeof days)[number];

const dayMinutes = 24 * 60;

/**
 * Reads the clock of a zone at instants (milliseconds since 1970). The rules of zones are those of the runtime (ICU): a clock that was put forward or back is
 * read as it then shows.
 */
export function clockOf(zone: string): (atMs: number) => WallClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const read = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
    const day = days.find((each) => read('weekday').toLowerCase().startsWith(each)) ?? 'sun';
    const date = `${read('year').padStart(4, '0')}-${read('month')}-${read('day')}`;
    return { day, date, minute: Number(read('hour')) * 60 + Number(read('minute')) };
  };
}

/** 2026-12-05 02:00 */
export function wallText({ date, minute }: Pick<WallClock, 'date' | 'minute'>): string {
  return `${date} ${timeText(minute)}`;
}

/** 02:00; of a whole day's minutes 24:00. */
export function timeText(minute: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

export function dayBefore(day: Day): Day {
  return days[(days.indexOf(day) + 6) % 7] ?? day;
}

/** Until the clock next shows `to`, in minutes, were it never put forward or back; from 1 to a day's. */
export function minutesUntil(minute: number, to: number): number {
  return ((to - minute - 1 + 2 * dayMinutes) % dayMinutes) + 1;
}
