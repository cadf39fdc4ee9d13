import { isUtf8 } from 'node:buffer';
import { fieldType } from '../../../wire/mysql/binary-values.ts';
import { decimalBytes } from '../../../wire/mysql/binlog/decimal.ts';
import { fractionBytes } from '../../../wire/mysql/binlog/temporal.ts';
import type { BinlogColumn } from '../../../wire/mysql/binlog/table-map.ts';
import { binaryCollation } from '../../../wire/mysql/binlog/values.ts';
import { isInCalendar } from './calendar.ts';
import { asciiOf } from './charset.ts';
import type { ValuePolicy } from './policy.ts';

/**
 * Writes the canonical text of the cell between `from` and `to` of `bytes` into `out` at `at`, without a string or a buffer of its own. Where it ends there; -1 for what is not done so, and then what
 * is behind `at` means nothing: `CellReader` says what that is.
 */
export type CellText = (bytes: Buffer, from: number, to: number, out: Buffer, at: number) => number;

/** What a text takes at most beyond the bytes of its cell. */
export const mostTextBytes = 80;

const notDone = -1;
const zero = '0'.charCodeAt(0);
const minus = '-'.charCodeAt(0);
const plus = '+'.charCodeAt(0);
const point = '.'.charCodeAt(0);
const colon = ':'.charCodeAt(0);
const blank = ' '.charCodeAt(0);
/** Longer ones are copied faster than byte by byte. */
const shortTextBytes = 64;

/** Undefined for a column of which all cells are left to `CellReader`. */
export function cellTextOf(column: BinlogColumn, policy: ValuePolicy): CellText | undefined {
  switch (column.type) {
    case fieldType.tiny:
    case fieldType.short:
    case fieldType.int24:
    case fieldType.long:
    case fieldType.longlong:
      return column.unsigned === undefined ? undefined : integers(column.unsigned);
    case fieldType.newDecimal:
      return decimals(column.size, column.scale);
    case fieldType.varchar:
    case fieldType.varString:
    case fieldType.string:
    case fieldType.blob:
      return texts(column.collation, policy);
    case fieldType.date:
    case fieldType.newDate:
      return days(policy);
    case fieldType.datetime2:
      return datetimes(column.size, policy);
    case fieldType.timestamp2:
      return timestamps(column.size);
    default:
      return undefined;
  }
}

function integers(isUnsigned: boolean): CellText {
  return (bytes, from, to, out, at) => {
    const value = integerAt(bytes, from, to - from, isUnsigned);
    return Number.isSafeInteger(value) ? writeInteger(value, out, at) : notDone;
  };
}

/** Lowest byte first. Beyond what a number holds exactly it is none that is safe. */
function integerAt(bytes: Buffer, from: number, length: number, isUnsigned: boolean): number {
  switch (length) {
    case 1:
      return isUnsigned ? (bytes[from] ?? 0) : bytes.readInt8(from);
    case 2:
      return isUnsigned ? bytes.readUInt16LE(from) : bytes.readInt16LE(from);
    case 4:
      return isUnsigned ? bytes.readUInt32LE(from) : bytes.readInt32LE(from);
    case 8: {
      const high = isUnsigned ? bytes.readUInt32LE(from + 4) : bytes.readInt32LE(from + 4);
      return high * 2 ** 32 + bytes.readUInt32LE(from);
    }
    default:
      return isUnsigned ? bytes.readUIntLE(from, length) : bytes.readIntLE(from, length);
  }
}

function writeInteger(value: number, out: Buffer, at: number): number {
  if (value >= 0) return writeDigits(value, digitsOf(value), out, at);
  out[at] = minus;
  return writeDigits(-value, digitsOf(-value), out, at + 1);
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return digits;
}

/** Exactly so many, with zeros before it. */
function writeDigits(value: number, digits: number, out: Buffer, at: number): number {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place -= 1) {
    const left = Math.floor(rest / 10);
    out[place] = zero + (rest - 10 * left);
    rest = left;
  }
  return at + digits;
}

interface Group {
  readonly digits: number;
  readonly bytes: number;
  /** The first number that has more digits. */
  readonly limit: number;
}

/** Of a DECIMAL: at most nine digits each, highest first. See `readDecimal`. */
function groupsOf(digits: number, isWhole: boolean): readonly Group[] {
  const odd = digits % 9 === 0 ? [] : [digits % 9];
  const full = Array.from({ length: Math.floor(digits / 9) }, () => 9);
  const all = isWhole ? [...odd, ...full] : [...full, ...odd];
  return all.map((each) => ({ digits: each, bytes: decimalBytes(each, 0), limit: 10 ** each }));
}

function decimals(precision: number, scale: number): CellText | undefined {
  if (scale > precision || precision > 65) return undefined;
  const length = decimalBytes(precision, scale);
  const before = groupsOf(precision - scale, true);
  const after = groupsOf(scale, false);
  return (bytes, from, to, out, at) => {
    if (to - from !== length) return notDone;
    const isNegative = ((bytes[from] ?? 0) & 0x80) === 0;
    let place = from;
    let end = at;
    if (isNegative) {
      out[end] = minus;
      end += 1;
    }
    let isLeading = true;
    for (const group of before) {
      const value = groupAt(bytes, place, group.bytes, isNegative, place === from);
      if (value >= group.limit) return notDone;
      place += group.bytes;
      if (!isLeading) end = writeDigits(value, group.digits, out, end);
      else if (value > 0) {
        isLeading = false;
        end = writeInteger(value, out, end);
      }
    }
    if (isLeading) end = writeDigits(0, 1, out, end);
    if (scale === 0) return end;
    out[end] = point;
    end += 1;
    for (const group of after) {
      const value = groupAt(bytes, place, group.bytes, isNegative, place === from);
      if (value >= group.limit) return notDone;
      place += group.bytes;
      end = writeDigits(value, group.digits, out, end);
    }
    return end;
  };
}

/** The highest bit of the first byte of all is the sign, and all bits of a negative number are inverted. */
function groupAt(bytes: Buffer, at: number, length: number, isNegative: boolean, isFirst: boolean): number {
  let value = 0;
  for (let index = 0; index < length; index += 1) {
    const byte = (bytes[at + index] ?? 0) ^ (isNegative ? 0xff : 0);
    value = value * 256 + (isFirst && index === 0 ? byte & 0x7f : byte);
  }
  return value;
}

function texts(collation: number | undefined, { nulByte }: ValuePolicy): CellText | undefined {
  if (collation === undefined || collation === binaryCollation) return undefined;
  const kept = asciiOf(collation);
  if (kept === 'none') return undefined;
  const keepsZeros = nulByte === 'keep';
  return (bytes, from, to, out, at) => {
    if (to - from > shortTextBytes) return notDone;
    let isAscii = true;
    let end = at;
    for (let index = from; index < to; index += 1) {
      const byte = bytes[index] ?? 0;
      if (byte === 0 && !keepsZeros) return notDone;
      if (byte > 127) isAscii = false;
      out[end] = byte;
      end += 1;
    }
    const isText = isAscii || (kept === 'utf8 too' && isUtf8(bytes.subarray(from, to)));
    return isText ? end : notDone;
  };
}

function days(policy: ValuePolicy): CellText {
  return (bytes, from, _, out, at) => {
    const value = bytes.readUIntLE(from, 3);
    return writeDay(value >>> 9, (value >>> 5) & 15, value & 31, policy, out, at);
  };
}

function writeDay(
  year: number,
  month: number,
  day: number,
  { zeroDate }: ValuePolicy,
  out: Buffer,
  at: number,
): number {
  if (year > 9999 || (zeroDate !== 'keep' && !isInCalendar(year, month, day))) return notDone;
  let end = writeDigits(year, 4, out, at);
  out[end] = minus;
  end = writeDigits(month, 2, out, end + 1);
  out[end] = minus;
  return writeDigits(day, 2, out, end + 1);
}

function writeClock(hour: number, minute: number, second: number, out: Buffer, at: number): number {
  let end = writeDigits(hour, 2, out, at);
  out[end] = colon;
  end = writeDigits(minute, 2, out, end + 1);
  out[end] = colon;
  return writeDigits(second, 2, out, end + 1);
}

/** Above an offset: 17 bits of the clock, 5 of the day, and above them the months, of which a year has 13. */
function datetimes(digits: number, policy: ValuePolicy): CellText {
  return (bytes, from, _, out, at) => {
    const packed = bytes.readUIntBE(from, 5) - 2 ** 39;
    if (packed < 0) return notDone;
    const clock = packed % 2 ** 17;
    const day = Math.floor(packed / 2 ** 17);
    const months = day >>> 5;
    const end = writeDay(Math.floor(months / 13), months % 13, day & 31, policy, out, at);
    if (end === notDone || clock >>> 12 > 99) return notDone;
    out[end] = blank;
    const whole = writeClock(clock >>> 12, (clock >>> 6) & 63, clock & 63, out, end + 1);
    return writeFraction(bytes, from + 5, digits, out, whole);
  };
}

/** Seconds since 1970. 0 is the zero date. */
function timestamps(digits: number): CellText {
  return (bytes, from, _, out, at) => {
    const seconds = bytes.readUInt32BE(from);
    if (seconds === 0) return notDone;
    const day = Math.floor(seconds / 86_400);
    const clock = seconds - 86_400 * day;
    // Days since the 1st of March of the year 0, in years that begin in March (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    const since = day + 719_468;
    const era = Math.floor(since / 146_097);
    const ofEra = since - 146_097 * era;
    const year = Math.floor(
      (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
    );
    const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
    const march = Math.floor((5 * ofYear + 2) / 153);
    const month = march < 10 ? march + 3 : march - 9;
    const ofMonth = ofYear - Math.floor((153 * march + 2) / 5) + 1;
    let end = writeDigits(year + 400 * era + (month <= 2 ? 1 : 0), 4, out, at);
    out[end] = minus;
    end = writeDigits(month, 2, out, end + 1);
    out[end] = minus;
    end = writeDigits(ofMonth, 2, out, end + 1);
    out[end] = blank;
    end = writeClock(Math.floor(clock / 3_600), Math.floor(clock / 60) % 60, clock % 60, out, end + 1);
    end = writeFraction(bytes, from + 4, digits, out, end);
    if (end === notDone) return notDone;
    out[end] = plus;
    return writeDigits(0, 2, out, end + 1);
  };
}

/** Without the zeros at its end, as PostgreSQL writes it. */
function writeFraction(bytes: Buffer, from: number, digits: number, out: Buffer, at: number): number {
  const length = fractionBytes(digits);
  if (length === 0) return at;
  const units = bytes.readUIntBE(from, length);
  if (units >= 100 ** length) return notDone;
  out[at] = point;
  writeDigits(units, 2 * length, out, at + 1);
  let end = at + 1 + digits;
  while (out[end - 1] === zero) end -= 1;
  return out[end - 1] === point ? end - 1 : end;
}
