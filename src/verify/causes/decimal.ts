/** A number as digits and a scale: `value × 10^-digits`, with no zero at the end of its fraction. */
export interface Decimal {
  readonly value: bigint;
  /** After the point; 0 for a whole number. */
  readonly digits: number;
}

const pattern = /^([+-]?)(\d{1,400})(?:\.(\d{0,400}))?(?:[eE]([+-]?\d{1,3}))?$/;

/** Undefined for what is no finite number in decimal text, or a longer one than any that is worth a guess. */
export function readDecimal(text: string): Decimal | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = found;
  const scale = fraction.length - Number(exponent);
  const written = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  let value = scale < 0 ? written * 10n ** BigInt(-scale) : written;
  let digits = Math.max(0, scale);
  while (digits > 0 && value % 10n === 0n) {
    value /= 10n;
    digits -= 1;
  }
  return { value, digits };
}

/** The digits after the point at which the longer of the two was rounded or cut to give the shorter; undefined where neither comes from the other so. */
export function roundedDecimal(a: Decimal, b: Decimal): number | undefined {
  const [longer, shorter] = a.digits >= b.digits ? [a, b] : [b, a];
  if (longer.digits === shorter.digits) return undefined;
  const unit = 10n ** BigInt(longer.digits - shorter.digits);
  const distance = longer.value - shorter.value * unit;
  return distance < unit && distance > -unit ? shorter.digits : undefined;
}
