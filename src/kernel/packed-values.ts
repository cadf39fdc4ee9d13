/** In place of a value's first byte, and of the byte after its last. */
export const nullMark = -1;
export const notSentMark = -2;

const noBytes = Buffer.alloc(0);

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

const chunkBytes = 64 << 10;
const chunkPlaces = 4 << 10;

/**
 * Packs rows, one after the other, into memory that they share: a buffer for each row, or each value, is what most of the time of a decoder would go to. Whoever keeps one of them keeps up to 64 KiB
 * of its neighbours.
 */
export class ValuePacker {
  #bytes: Buffer = noBytes;
  #at = 0;
  #places: Places = new Int32Array(0);
  #next = 0;
  /** Where the open row begins. */
  #from = 0;
  #first = 0;
  #roomBytes = 0;

  /** Begins a row of so many values: each is to be given once, in their order. As many as `roomBytes` of them, all together, may be written into `bytes` without a question. */
  begin(values: number, roomBytes: number): void {
    if (this.#bytes.length - this.#at < roomBytes) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(chunkBytes, roomBytes));
      this.#at = 0;
    }
    if (this.#places.length - this.#next < 2 * values) {
      this.#places = new Int32Array(Math.max(chunkPlaces, 2 * values));
      this.#next = 0;
    }
    this.#from = this.#at;
    this.#first = this.#next;
    this.#roomBytes = roomBytes;
  }

  /** Where the next value is to be written: from `at` on. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  get at(): number {
    return this.#at;
  }

  /** The next value was written, and ends there. */
  wrote(end: number): void {
    this.#place(this.#at, end);
    this.#at = end;
  }

  /** The next value, however long: it takes nothing of the row's room. `undefined`: it was not sent. */
  put(value: Buffer | null | undefined): void {
    if (value === undefined) this.#place(notSentMark, notSentMark);
    else if (value === null) this.#place(nullMark, nullMark);
    else {
      if (this.#bytes.length - this.#at < value.length + this.#roomBytes) this.#move(value.length);
      this.wrote(this.#at + value.copy(this.#bytes, this.#at));
    }
  }

  /** The row. */
  end(isBinary = false): PackedValues {
    return new PackedValues(this.#bytes, this.#places, this.#first, (this.#next - this.#first) / 2, isBinary);
  }

  #place(from: number, to: number): void {
    this.#places[this.#next] = from;
    this.#places[this.#next + 1] = to;
    this.#next += 2;
  }

  /** The open row, to where there is room for so many bytes more. */
  #move(bytes: number): void {
    const length = this.#at - this.#from;
    const larger = Buffer.allocUnsafeSlow(Math.max(chunkBytes, 2 * length + bytes + this.#roomBytes));
    this.#bytes.copy(larger, 0, this.#from, this.#at);
    for (let index = this.#first; index < this.#next; index += 1) {
      const place = this.#places[index] ?? nullMark;
      if (place >= 0) this.#places[index] = place - this.#from;
    }
    this.#bytes = larger;
    this.#from = 0;
    this.#at = length;
  }
}
