/** Writes the fields that `BodyReader` reads, into one buffer that grows. */
export class BodyWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(expectedBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes);
  }

  get length(): number {
    return this.#length;
  }

  int8(value: number): this {
    const at = this.#room(1);
    this.#bytes.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#room(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }

  uint16(value: number): this {
    const at = this.#room(2);
    this.#bytes.writeUInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#room(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  uint32(value: number): this {
    const at = this.#room(4);
    this.#bytes.writeUInt32BE(value, at);
    return this;
  }

  int64(value: bigint): this {
    const at = this.#room(8);
    this.#bytes.writeBigInt64BE(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  uvarint(value: number): this {
    let left = value;
    while (left > 0x7f) {
      this.#byte((left % 0x80) | 0x80);
      // Not shifted: that would cut off what is above 31 bits.
      left = Math.floor(left / 0x80);
    }
    this.#byte(left);
    return this;
  }

  varint(value: number): this {
    return this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  uvarlong(value: bigint): this {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return this.uvarint(Number(value));
    let left = value;
    while (left > 0x7fn) {
      this.#byte(Number(left & 0x7fn) | 0x80);
      left >>= 7n;
    }
    this.#byte(Number(left));
    return this;
  }

  varlong(value: bigint): this {
    return this.uvarlong(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
  }

  compactString(value: string | null): this {
    if (value === null) return this.uvarint(0);
    const bytes = Buffer.from(value, 'utf8');
    return this.uvarint(bytes.length + 1).bytes(bytes);
  }

  /** Begins anew, in the same room. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** What has been written: a view, good until more is written. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #byte(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  /** Where to write. Asked before the buffer is named: it may be another one afterwards. */
  #room(length: number): number {
    const at = this.#length;
    const needed = at + length;
    if (needed > this.#bytes.length) {
      const longer = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(longer, 0, 0, at);
      this.#bytes = longer;
    }
    this.#length = needed;
    return at;
  }
}
