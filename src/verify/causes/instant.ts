/** A date with a time of day as a database prints it, with or without the offset of a zone. */
const pattern =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

export interface Instant {
  /** Since 1970, of the clock that is written where no offset is. */
  readonly microseconds: number;
  readonly hasTime: boolean;
  /** Digits of the second's fraction, without zeros at its end. */
  readonly digits: number;
}

/** Undefined for what is no date of the Gregorian calendar after year 0 (`infinity`, `0000-00-00`, BC). */
export function readInstant(text: string): Instant | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const [, year = '', month = '', day = '', hour, minute, second, fraction = '', sign, hours, minutes] = found;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0));
  if (Number.isNaN(date) || Number(month) === 0 || Number(day) === 0) return undefined;
  const offsetMinutes = (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
  const whole = date / 1_000 + Number(second ?? 0) - offsetMinutes * 60;
  return {
    microseconds: whole * 1_000_000 + Number(fraction.padEnd(6, '0')),
    hasTime: hour !== undefined,
    digits: fraction.replace(/0+$/, '').length,
  };
}

const quarterMinutes = 15;
/** Zones lie between -12:00 and +14:00; two of them are at most 26 hours apart. */
const widestMinutes = 26 * 60;

/** By how much the second clock is ahead of the first, as `+02:00`, where that is what two zones can be apart. */
export function zoneShift(from: Instant, to: Instant): string | undefined {
  if (!from.hasTime || !to.hasTime) return undefined;
  const minutes = (to.microseconds - from.microseconds) / 60_000_000;
  if (minutes === 0 || minutes % quarterMinutes !== 0 || Math.abs(minutes) > widestMinutes) return undefined;
  const two = (value: number): string => String(value).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The digits of the second's fraction at which the longer of the two was rounded or cut to give the shorter. */
export function roundedInstant(a: Instant, b: Instant): number | undefined {
  const [longer, shorter] = a.digits >= b.digits ? [a, b] : [b, a];
  if (longer.digits === shorter.digits) return undefined;
  const unit = 10 ** (6 - shorter.digits);
  const cut = Math.floor(longer.microseconds / unit) * unit;
  const isRounded = shorter.microseconds === cut || shorter.microseconds === cut + unit;
  return isRounded && Math.abs(longer.microseconds - shorter.microseconds) < unit ? shorter.digits : undefined;
}
