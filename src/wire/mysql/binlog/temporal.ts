import { malformed } from '../body.ts';

/**
 * Dates and times as servers print them, zero and partial ones as they are: what `0000-00-00` becomes elsewhere is a decision, not a conversion. Sources: MySQL,
 * `my_datetime_packed_from_binary`, `my_time_packed_from_binary`, `my_timestamp_from_binary`.
 */
export function fractionBytes(digits: number): number {
  if (digits > 6) throw malformed('a time', 'its number of digits');
  return (digits + 1) >> 1;
}

/** DATE: int<3>, a day in 5 bits, a month in 4, a year. */
export function readDate(bytes: Buffer): string {
  const value = bytes.readUIntLE(0, 3);
  return date(value >>> 9, (value >>> 5) & 15, value & 31);
}

/** DATETIME: 5 bytes, highest first, above an offset; then the fraction. */
export function readDatetime(bytes: Buffer, digits: number): string {
  return `${packedDatetime(BigInt(bytes.readUIntBE(0, 5)) - 0x80_00_00_00_00n)}${fraction(bytes, 5, digits)}`;
}

/** Seconds since 1970, in UTC. 0 stands for the zero date: no row has 1970-01-01 00:00:00. */
export function readTimestamp(bytes: Buffer, digits: number): string {
  return `${utc(bytes.readUInt32BE(0))}${fraction(bytes, 4, digits)}`;
}

/** Of tables that were made before fractions, or with MariaDB's `mysql56_temporal_format` off. */
export function readOldTimestamp(bytes: Buffer): string {
  return utc(bytes.readUInt32LE(0));
}

function utc(seconds: number): string {
  if (seconds === 0) return '0000-00-00 00:00:00';
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/** The number YYYYMMDDhhmmss. */
export function readOldDatetime(bytes: Buffer): string {
  const digits = String(bytes.readBigUInt64LE(0)).padStart(14, '0');
  return digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3 $4:$5:$6');
}

/** The number hhmmss, perhaps negative. */
export function readOldTime(bytes: Buffer): string {
  const value = bytes.readIntLE(0, 3);
  const digits = String(Math.abs(value)).padStart(6, '0');
  return `${value < 0 ? '-' : ''}${digits.replace(/^(\d+)(\d\d)(\d\d)$/, '$1:$2:$3')}`;
}

/** TIME, from -838:59:59 to 838:59:59: whole and fraction are one number, highest first, above an offset. */
export function readTime(bytes: Buffer, digits: number): string {
  const more = fractionBytes(digits);
  const all = bytes.readUIntBE(0, 3 + more) - 0x80_00_00 * 2 ** (8 * more);
  const value = Math.abs(all);
  const whole = Math.floor(value / 2 ** (8 * more));
  const units = value % 2 ** (8 * more);
  return `${all < 0 ? '-' : ''}${hours(whole)}${fractionText(units, digits)}`;
}

/** As JSON keeps it: 40 bits of date and time and 24 of microseconds. */
export function readPackedDatetime(packed: bigint): string {
  return `${packedDatetime(packed >> 24n)}.${String(packed & 0xff_ff_ffn).padStart(6, '0')}`;
}

export function readPackedDate(packed: bigint): string {
  return packedDatetime(packed >> 24n).slice(0, 10);
}

export function readPackedTime(packed: bigint): string {
  const value = packed < 0n ? -packed : packed;
  const micros = String(value & 0xff_ff_ffn).padStart(6, '0');
  return `${packed < 0n ? '-' : ''}${hours(Number(value >> 24n))}.${micros}`;
}

/** Years and months are one number of which a year has 13: month 0 is one of them. */
function packedDatetime(packed: bigint): string {
  const clock = Number(packed & 0x1_ff_ffn);
  const day = Number(packed >> 17n);
  const months = day >> 5;
  return `${date(Math.floor(months / 13), months % 13, day & 31)} ${hours(clock)}`;
}

function date(year: number, month: number, day: number): string {
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

function hours(packed: number): string {
  return `${two((packed >> 12) & 0x3ff)}:${two((packed >> 6) & 63)}:${two(packed & 63)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function fraction(bytes: Buffer, at: number, digits: number): string {
  const length = fractionBytes(digits);
  return length === 0 ? '' : fractionText(bytes.readUIntBE(at, length), digits);
}

/** Kept in hundreds for one or two digits, ten thousands for three or four, millions for five or six. */
function fractionText(units: number, digits: number): string {
  if (digits === 0) return '';
  return `.${String(units)
    .padStart(2 * fractionBytes(digits), '0')
    .slice(0, digits)}`;
}
