/**
 * Floating numbers as PostgreSQL 12 and later print them (float8out, float4out with extra_float_digits > 0): the fewest digits that lie strictly between the midpoints to both
 * neighbours, the nearest of those; plain between 1e-04 and 1e+15 (1e+06 for float4), otherwise with an exponent of at least two digits. JavaScript's own shortest text also takes
 * a midpoint that rounds to the number; PostgreSQL does not: `1e23` is `9.999999999999999e+22` there.
 */
export function float8Text(value: number): string {
  const size = Math.abs(value);
  if ((size >= 1e-4 && size < 1e15) || (value === 0 && !Object.is(value, -0))) return String(value);
  if (size === 0) return '-0';
  const sign = value < 0 ? '-' : '';
  return sign + written(size < 2 ** 53 ? digitsOf(size.toExponential()) : insideDigits(size), 15);
}

/** `value` must be a float4: what `Math.fround` gives back unchanged. */
export function float4Text(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return (value < 0 ? '-' : '') + written(float4Digits(Math.abs(value)), 6);
}

/** `digits` without zeros at its end, the first before the point, times 10 to `exponent`. */
interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

function digitsOf(exponential: string): Decimal {
  const [mantissa = '', exponent = ''] = exponential.split('e');
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  return { digits: digits === '' ? '0' : digits, exponent: Number(exponent) };
}

function written({ digits, exponent }: Decimal, plainBelow: number): string {
  if (exponent < -4 || exponent >= plainBelow) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, '0');
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** Of whole numbers: only there a midpoint has 17 digits or fewer. */
function insideDigits(size: number): Decimal {
  const shortest = digitsOf(size.toExponential());
  if (!isMidpoint(shortest, size)) return shortest;
  for (let count = shortest.digits.length + 1; count < 17; count += 1) {
    const longer = size.toExponential(count - 1);
    if (Number(longer) === size && !isMidpoint(digitsOf(longer), size)) return digitsOf(longer);
  }
  return digitsOf(size.toExponential(16));
}

const view = new DataView(new ArrayBuffer(8));

/** Whether a decimal lies exactly between a whole number and one of its neighbours. */
function isMidpoint({ digits, exponent }: Decimal, size: number): boolean {
  const zeros = exponent + 1 - digits.length;
  if (zeros < 0) return false;
  const twice = BigInt(digits) * 10n ** BigInt(zeros) * 2n;
  view.setFloat64(0, size);
  const bits = view.getBigUint64(0);
  const midpointTo = (neighbour: bigint): boolean => {
    view.setBigUint64(0, neighbour);
    const other = view.getFloat64(0);
    return Number.isFinite(other) && BigInt(size) + BigInt(other) === twice;
  };
  return midpointTo(bits - 1n) || midpointTo(bits + 1n);
}

const smallestNormalFloat4 = 2 ** -126;

function float4Digits(size: number): Decimal {
  const [below, above] = float4Midpoints(size);
  // No two decimals of six digits lie between the midpoints of a normal float4: where a shorter one does, it is the one of six digits with zeros at its end.
  for (let count = size < smallestNormalFloat4 ? 1 : 6; count < 9; count += 1) {
    const nearest = nearestOf(size, count);
    if (isBetween(nearest, below, above)) return digitsOf(nearest);
    // Below a power of two the neighbour is nearer than above: the nearest decimal may lie outside, and the next one inside.
    const next = Number(nearest) < size ? nextUp(nearest) : undefined;
    if (next !== undefined && isBetween(next, below, above)) return digitsOf(next);
  }
  return digitsOf(nearestOf(size, 9));
}

/** Of two that are equally near the one with an even last digit; JavaScript takes the greater. */
function nearestOf(size: number, count: number): string {
  const [longer = '', exponent = ''] = size.toExponential(count).split('e');
  const isTie = longer.endsWith('5') && compareExactly(`${longer}e${exponent}`, size) === 0;
  const lower = longer.slice(0, -1);
  return isTie && /[02468]\.?$/.test(lower) ? `${lower}e${exponent}` : size.toExponential(count - 1);
}

/** Both are exact as a float8. */
function float4Midpoints(size: number): readonly [number, number] {
  view.setFloat32(0, size);
  const bits = view.getUint32(0);
  view.setUint32(0, bits - 1);
  const lower = view.getFloat32(0);
  view.setUint32(0, bits + 1);
  const upper = view.getFloat32(0);
  // Above the greatest float4 comes what would be the next.
  return [(lower + size) / 2, Number.isFinite(upper) ? (size + upper) / 2 : size + (size - lower) / 2];
}

function isBetween(decimal: string, below: number, above: number): boolean {
  const value = Number(decimal);
  if (value !== below && value !== above) return value > below && value < above;
  // As a float8 it is the midpoint: only its digits tell on which side it lies.
  const order = compareExactly(decimal, value);
  return value === below ? order > 0 : order < 0;
}

function compareExactly(decimal: string, value: number): number {
  const { digits, exponent } = digitsOf(decimal);
  const tens = exponent + 1 - digits.length;
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const isNormal = ((bits >> 52n) & 0x7ffn) !== 0n;
  const mantissa = (bits & 0xf_ffff_ffff_ffffn) | (isNormal ? 1n << 52n : 0n);
  const twos = (isNormal ? Number((bits >> 52n) & 0x7ffn) : 1) - 1075;
  const left = BigInt(digits) * 10n ** BigInt(Math.max(tens, 0)) * 2n ** BigInt(Math.max(-twos, 0));
  const right = mantissa * 2n ** BigInt(Math.max(twos, 0)) * 10n ** BigInt(Math.max(-tens, 0));
  return left === right ? 0 : left > right ? 1 : -1;
}

/** The decimal with one more in its last digit. */
function nextUp(exponential: string): string {
  const [mantissa = '', exponent = '0'] = exponential.split('e');
  const before = mantissa.replace('.', '');
  const digits = String(BigInt(before) + 1n);
  return `${digits.slice(0, 1)}.${digits.slice(1)}e${Number(exponent) + digits.length - before.length}`;
}
