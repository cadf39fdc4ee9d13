/** Whether two decimals differ by at most a third, exactly, whatever their length; undefined where one of them is no decimal (NaN, a word). */
export function differAtMost(a: string, b: string, limit: string): boolean | undefined {
  const [x, y, most] = [decimalOf(a), decimalOf(b), decimalOf(limit)];
  if (x === undefined || y === undefined || most === undefined) return undefined;
  const places = Math.max(x.places, y.places, most.places);
  const scaled = ({ digits, places: has }: Decimal): bigint => digits * 10n ** BigInt(places - has);
  const difference = scaled(x) - scaled(y);
  return (difference < 0n ? -difference : difference) <= scaled(most);
}

/** `digits` / 10 to the power of `places`. */
interface Decimal {
  readonly digits: bigint;
  readonly places: number;
}

/** More than any type of PostgreSQL or MySQL writes; what is beyond would be a computation of minutes. */
const mostDigits = 20_000;

function decimalOf(text: string): Decimal | undefined {
  if (text.length > mostDigits) return undefined;
  const match = /^\s*(?<sign>[+-]?)(?<whole>\d*)(?:\.(?<part>\d*))?(?:[eE](?<exponent>[+-]?\d{1,4}))?\s*$/.exec(text);
  const { sign = '', whole = '', part = '', exponent = '0' } = match?.groups ?? {};
  if (match === null || whole + part === '') return undefined;
  const digits = BigInt(`${whole}${part}`) * (sign === '-' ? -1n : 1n);
  const places = part.length - Number(exponent);
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 };
}
