/** In place of a value's first byte, and of the byte after its last. */
export const nullMark = -1;
export const notSentMark = -2;

/** First byte of each value and the byte after its last, in turn; twice `nullMark` or `notSentMark` for what has no bytes. */
export type Places = Int32Array;

/**
 * Values side by side in one buffer, as a message of a log brings them: bytes, NULL (`null`), or not sent (`undefined`). Only places are kept, those of many rows in
 * one array: a buffer for each value of each row of a batch is what collecting garbage would be busy with. It keeps all of `bytes` and of `places`.
 */
export class PackedValues {
  readonly bytes: Buffer;
  readonly length: number;
  /** Whether its values are in their types' binary form, all that have bytes. Otherwise they are texts. */
  readonly isBinary: boolean;
  readonly #places: Places;
  /** Where its own places begin. */
  readonly #start: number;

  constructor(bytes: Buffer, places: Places, start = 0, length = (places.length - start) / 2, isBinary = false) {
    this.bytes = bytes;
    this.length = length;
    this.isBinary = isBinary;
    this.#places = places;
    this.#start = start;
  }

  /** The same values, copied into a buffer of their own. */
  static of(values: readonly (Buffer | null | undefined)[], isBinary = false): PackedValues {
    const places: number[] = [];
    const parts: Buffer[] = [];
    let at = 0;
    for (const value of values) {
      if (value === undefined) places.push(notSentMark, notSentMark);
      else if (value === null) places.push(nullMark, nullMark);
      else {
        places.push(at, at + value.length);
        at += value.length;
        parts.push(value);
      }
    }
    return new PackedValues(Buffer.concat(parts, at), Int32Array.from(places), 0, values.length, isBinary);
  }

  /** The values at these indexes, in that order, over the same bytes. */
  only(indexes: readonly number[]): PackedValues {
    const places: number[] = [];
    for (const index of indexes) places.push(this.from(index), this.to(index));
    return new PackedValues(this.bytes, Int32Array.from(places), 0, indexes.length, this.isBinary);
  }

  /** A view. Undefined also past the last one. */
  at(index: number): Buffer | null | undefined {
    const from = this.from(index);
    if (from >= 0) return this.bytes.subarray(from, this.to(index));
    return from === nullMark ? null : undefined;
  }

  /** Where its bytes begin; negative where there are none. */
  from(index: number): number {
    return index < this.length ? (this.#places[this.#start + 2 * index] ?? notSentMark) : notSentMark;
  }

  /** The byte after its last. */
  to(index: number): number {
    return index < this.length ? (this.#places[this.#start + 2 * index + 1] ?? notSentMark) : notSentMark;
  }

  isNull(index: number): boolean {
    return this.from(index) === nullMark;
  }

  isSent(index: number): boolean {
    return this.from(index) !== notSentMark;
  }

  /** Whether every value was sent. */
  get isWhole(): boolean {
    for (let index = 0; index < this.length; index += 1) if (this.from(index) === notSentMark) return false;
    return true;
  }

  /** Its bytes as a text, one letter a byte; undefined where there are none. */
  latin1(index: number): string | undefined {
    const from = this.from(index);
    return from < 0 ? undefined : this.bytes.toString('latin1', from, this.to(index));
  }

  /** Whether both have bytes there, and the same ones. */
  hasSame(index: number, other: PackedValues): boolean {
    const [from, otherFrom] = [this.from(index), other.from(index)];
    if (from < 0 || otherFrom < 0) return false;
    return this.bytes.compare(other.bytes, otherFrom, other.to(index), from, this.to(index)) === 0;
  }

  /** Of all values together. */
  get byteLength(): number {
    let sum = 0;
    for (let index = 0; index < this.length; index += 1) sum += this.to(index) - this.from(index);
    return sum;
  }

  toArray(): (Buffer | null | undefined)[] {
    return Array.from({ length: this.length }, (_, index) => this.at(index));
  }
}
