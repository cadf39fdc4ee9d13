import { malformed } from '../body.ts';

/** Bytes that 0 to 9 digits take. */
const bytesOfDigits = Object.freeze([0, 1, 1, 2, 2, 3, 3, 4, 4, 4]);

/** How long a DECIMAL(precision, scale) is (MySQL, `decimal_bin_size`). */
export function decimalBytes(precision: number, scale: number): number {
  return sideBytes(precision - scale) + sideBytes(scale);
}

function sideBytes(digits: number): number {
  if (digits < 0) throw malformed('a DECIMAL', 'its precision');
  return 4 * Math.floor(digits / 9) + (bytesOfDigits[digits % 9] ?? 0);
}

/**
 * The digits, exactly: groups of nine in four bytes, the odd ones at both outer ends in as few as they take, highest first; the highest bit is set for a number
 * that is not negative, and all bits are inverted for one that is.
 */
export function readDecimal(bytes: Buffer, precision: number, scale: number): string {
  if (bytes.length !== decimalBytes(precision, scale)) throw malformed('a DECIMAL', 'its length');
  const isNegative = ((bytes[0] ?? 0) & 0x80) === 0;
  const plain = Buffer.from(isNegative ? bytes.map((byte) => ~byte) : bytes);
  plain[0] = (plain[0] ?? 0) & 0x7f;
  let at = 0;
  const take = (digits: number): string => {
    const length = bytesOfDigits[digits] ?? 0;
    if (length === 0) return '';
    const text = String(plain.readUIntBE(at, length)).padStart(digits, '0');
    at += length;
    if (text.length > digits) throw malformed('a DECIMAL', 'more digits than it has');
    return text;
  };
  const whole = precision - scale;
  let before = take(whole % 9);
  for (let group = Math.floor(whole / 9); group > 0; group -= 1) before += take(9);
  let after = '';
  for (let group = Math.floor(scale / 9); group > 0; group -= 1) after += take(9);
  after += take(scale % 9);
  const digits = before.replace(/^0+(?=.)/, '') || '0';
  return `${isNegative ? '-' : ''}${digits}${after === '' ? '' : `.${after}`}`;
}
