import { hash } from 'node:crypto';
import type { Cell } from '../values/from-select.ts';

const quote = '"'.charCodeAt(0);
const backslash = '\\'.charCodeAt(0);
const comma = ','.charCodeAt(0);
const open = '('.charCodeAt(0);
const close = ')'.charCodeAt(0);

/** Bytes for which `record_out` of PostgreSQL puts a value into quotes (rowtypes.c): quotes, backslash, parentheses, comma and white space. */
const needsQuotes = new Uint8Array(256);
for (const byte of [quote, backslash, comma, open, close, 9, 10, 11, 12, 13, 32]) needsQuotes[byte] = 1;

/**
 * The text of a row as PostgreSQL's `ROW(…)::text` writes it, and its MD5: what the digest form `text` compares (systems/postgres/digest/row-hash.ts). One for a table: the
 * buffer is used again for every row.
 */
export class RowHasher {
  #text = Buffer.allocUnsafe(1 << 12);

  /** Sixteen bytes. `which` are places in `cells`, in order. */
  hash(cells: readonly Cell[], which: readonly number[]): Buffer {
    // First: a longer row takes another buffer.
    const length = this.#write(cells, which);
    return hash('md5', this.#text.subarray(0, length), 'buffer');
  }

  #write(cells: readonly Cell[], which: readonly number[]): number {
    let longest = 2;
    // Each byte doubled, two quotes and a comma.
    for (const index of which) longest += 2 * (cells[index]?.length ?? 0) + 3;
    if (longest > this.#text.length) this.#text = Buffer.allocUnsafe(2 * longest);
    const text = this.#text;
    text[0] = open;
    let at = 1;
    for (let place = 0; place < which.length; place += 1) {
      if (place > 0) {
        text[at] = comma;
        at += 1;
      }
      const cell = cells[which[place] ?? 0] ?? null;
      // NULL is nothing between the commas.
      if (cell !== null) at = writeCell(text, at, cell);
    }
    text[at] = close;
    return at + 1;
  }
}

function writeCell(text: Buffer, start: number, cell: Buffer): number {
  let at = start;
  if (!isQuoted(cell)) {
    for (let index = 0; index < cell.length; index += 1) text[at + index] = cell[index] ?? 0;
    return at + cell.length;
  }
  text[at] = quote;
  at += 1;
  for (let index = 0; index < cell.length; index += 1) {
    const byte = cell[index] ?? 0;
    if (byte === quote || byte === backslash) {
      text[at] = byte;
      at += 1;
    }
    text[at] = byte;
    at += 1;
  }
  text[at] = quote;
  return at + 1;
}

function isQuoted(cell: Buffer): boolean {
  if (cell.length === 0) return true;
  for (let index = 0; index < cell.length; index += 1) {
    if (needsQuotes[cell[index] ?? 0] === 1) return true;
  }
  return false;
}

/** The bucket of a row: by the first word of its key's hash, or by the second of its own where there is no key. `buckets` is a power of two. */
export function bucketOf(rowHash: Buffer, keyHash: Buffer | undefined, buckets: number): number {
  const word = keyHash === undefined ? rowHash.readUInt32BE(4) : keyHash.readUInt32BE(0);
  return (word & (buckets - 1)) >>> 0;
}
