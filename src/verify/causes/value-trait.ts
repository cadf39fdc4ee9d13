import type { ValueCause } from '../../model/difference-causes.ts';
import { readDecimal, roundedDecimal } from './decimal.ts';
import { readInstant, roundedInstant, zoneShift } from './instant.ts';

export interface ValueTrait {
  readonly cause: ValueCause;
  /** What rows of one cause have in common, without a value of any: `+02:00`, `UTF-8 read as Latin-1`. `{live}` and `{other}` stand for the names of the sides. */
  readonly detail: string;
  /** Of rounding: digits after the point that the shorter one has. A row has them by chance fewer than its column: the most of all rows count. */
  readonly digits?: number;
}

export type TextValue = string | null;

/** Longer texts are not guessed at: it would cost more than it tells. */
const longest = 10_000;

/** The one reason that explains how two texts of a column differ; undefined where none of those that are known does. Each is exact: it makes one text of the other. */
export function traitOf(live: TextValue, other: TextValue): ValueTrait | undefined {
  if (live === null || other === null) return nullTrait(live, other);
  if (live.length > longest || other.length > longest) return undefined;
  return timeTrait(live, other) ?? roundingTrait(live, other) ?? textTrait(live, other);
}

function nullTrait(live: TextValue, other: TextValue): ValueTrait | undefined {
  if ((live ?? other) !== '') return undefined;
  const detail = live === null ? 'NULL on {live}, empty on {other}' : 'empty on {live}, NULL on {other}';
  return { cause: 'null or empty', detail };
}

function timeTrait(live: string, other: string): ValueTrait | undefined {
  const [a, b] = [readInstant(live), readInstant(other)];
  if (a === undefined || b === undefined) return undefined;
  const shift = zoneShift(a, b);
  if (shift !== undefined) return { cause: 'time zone', detail: `{other} is ${shift} from {live}` };
  const digits = roundedInstant(a, b);
  return digits === undefined ? undefined : rounding(a.digits > b.digits ? '{other}' : '{live}', digits);
}

function roundingTrait(live: string, other: string): ValueTrait | undefined {
  const [a, b] = [readDecimal(live), readDecimal(other)];
  if (a === undefined || b === undefined) return undefined;
  const digits = roundedDecimal(a, b);
  return digits === undefined ? undefined : rounding(a.digits > b.digits ? '{other}' : '{live}', digits);
}

function rounding(side: '{live}' | '{other}', digits: number): ValueTrait {
  return { cause: 'rounding', detail: `${side} has fewer digits`, digits };
}

function textTrait(live: string, other: string): ValueTrait | undefined {
  if (live.replace(/ +$/, '') === other.replace(/ +$/, '')) {
    return {
      cause: 'trailing blanks',
      detail: live.length > other.length ? 'blanks on {live} only' : 'blanks on {other} only',
    };
  }
  const charset = charsetDetail(live, other);
  if (charset !== undefined) return { cause: 'character set', detail: charset };
  const fold = foldDetail(live, other);
  return fold === undefined ? undefined : { cause: 'case or collation', detail: fold };
}

function charsetDetail(live: string, other: string): string | undefined {
  for (const [right, wrong, side] of [
    [live, other, '{other}'],
    [other, live, '{live}'],
  ] as const) {
    if (/^\p{ASCII}*$/u.test(right)) continue;
    if (misreadings(right).includes(wrong)) return `UTF-8 read as Latin-1 on ${side}`;
    if (losses(right).includes(wrong)) return `characters lost on ${side}`;
  }
  return undefined;
}

/** What UTF-8 is taken for where one byte is one character. Windows-1252 is what MySQL calls latin1. */
function misreadings(text: string): readonly string[] {
  const bytes = Buffer.from(text, 'utf8');
  return [bytes.toString('latin1'), new TextDecoder('windows-1252').decode(bytes)];
}

/** With a mark in place of each character that is not of ASCII, of each of its units of UTF-16, or of each of its bytes. */
function losses(text: string): readonly string[] {
  const counts = [() => 1, (one: string) => one.length, (one: string) => Buffer.byteLength(one)];
  return ['?', '\u{fffd}'].flatMap((mark) =>
    counts.map((count) => text.replaceAll(/\P{ASCII}/gu, (one) => mark.repeat(count(one)))),
  );
}

function foldDetail(live: string, other: string): string | undefined {
  if (live.normalize('NFC') === other.normalize('NFC')) return 'other forms of the same Unicode characters';
  if (live.toLowerCase() === other.toLowerCase()) return 'upper and lower case';
  const bare = (text: string): string => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();
  return bare(live) === bare(other) ? 'accents' : undefined;
}
