import { isUtf8 } from 'node:buffer';

/**
 * Which texts of a column are the SQL of its value as they stand (`number`), or within quotes: what bytes alone tell, so that nobody makes strings of most cells of a copy. A text that is not
 * plain may still be a value: `ColumnWriter.literal` says.
 */
export type Plain =
  | { readonly as: 'number'; readonly decimals: number }
  | { readonly as: 'text' }
  /** `#` stands for a digit, anything else for itself; of one that fits the first `kept` bytes are the value. */
  | { readonly as: 'shape'; readonly shape: Buffer; readonly kept: number };

const quote = "'".charCodeAt(0);
const backslash = '\\'.charCodeAt(0);
const blank = ' '.charCodeAt(0);
const point = '.'.charCodeAt(0);
const minus = '-'.charCodeAt(0);
const zero = '0'.charCodeAt(0);
const nine = '9'.charCodeAt(0);
const anyDigit = '#'.charCodeAt(0);

/** A value as SQL needs so many bytes more than its plain text. */
export const quotesBytes = 2;

/** `shape('####-##-##')`. */
export function shapeOf(shape: string, kept = shape.length): Plain {
  return { as: 'shape', shape: Buffer.from(shape, 'latin1'), kept };
}

/** Writes the text in `bytes` from `from` to before `to` into `out` at `at`. Where it ends there; -1 when it is not plain, and then what is behind `at` means nothing. */
export function writePlain(plain: Plain, bytes: Buffer, from: number, to: number, out: Buffer, at: number): number {
  switch (plain.as) {
    case 'number':
      return writeNumber(plain.decimals, bytes, from, to, out, at);
    case 'text':
      return writeText(bytes, from, to, out, at);
    case 'shape':
      return writeShape(plain, bytes, from, to, out, at);
  }
}

function writeNumber(decimals: number, bytes: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const first = bytes[from] === minus ? from + 1 : from;
  let end = at;
  let pointAt = to;
  for (let index = from; index < to; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === point && pointAt === to && index > first) pointAt = index;
    else if ((byte < zero || byte > nine) && index >= first) return -1;
    out[end] = byte;
    end += 1;
  }
  if (first === to) return -1;
  const behind = pointAt === to ? 0 : to - pointAt - 1;
  return behind > decimals || (pointAt !== to && behind === 0) ? -1 : end;
}

/** One that ends in a blank may be cut or padded. */
function writeText(bytes: Buffer, from: number, to: number, out: Buffer, at: number): number {
  if (to > from && bytes[to - 1] === blank) return -1;
  let isAscii = true;
  let end = at;
  out[end] = quote;
  end += 1;
  for (let index = from; index < to; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === quote || byte === backslash) return -1;
    if (byte > 127) isAscii = false;
    out[end] = byte;
    end += 1;
  }
  if (!isAscii && !isUtf8(bytes.subarray(from, to))) return -1;
  out[end] = quote;
  return end + 1;
}

function writeShape(
  { shape, kept }: Extract<Plain, { as: 'shape' }>,
  bytes: Buffer,
  from: number,
  to: number,
  out: Buffer,
  at: number,
): number {
  if (to - from !== shape.length) return -1;
  out[at] = quote;
  for (let index = 0; index < shape.length; index += 1) {
    const wanted = shape[index];
    const byte = bytes[from + index] ?? 0;
    const fits = wanted === anyDigit ? byte >= zero && byte <= nine : byte === wanted;
    if (!fits) return -1;
    if (index < kept) out[at + 1 + index] = byte;
  }
  out[at + 1 + kept] = quote;
  return at + 2 + kept;
}
