import { TealError } from '../../kernel/errors.ts';

/**
 * Walks over the fields of one message of Kafka, numbers big-endian (protocol guide, "Protocol Primitive Types"). Every read is bounded by the bytes given: running past
 * their end is TEAL-WIRE-001. What is handed out as a Buffer is a view.
 */
export class BodyReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at: number;

  constructor(bytes: Buffer, what: string, at = 0) {
    this.#bytes = bytes;
    this.#what = what;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  bytes(length: number): Buffer {
    if (length < 0) throw malformed(this.#what, 'a negative length');
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Base 128, lowest part first, at most 32 bits. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const part = this.uint8();
      // Not shifted: from bit 31 on that would make it negative.
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw malformed(this.#what, 'a number longer than 32 bits');
  }

  /** Zigzag: 0, −1, 1, −2, … are 0, 1, 2, 3, … */
  varint(): number {
    const value = this.uvarint();
    return (value >>> 1) ^ -(value & 1);
  }

  uvarlong(): bigint {
    let [low, high] = [0, 0n];
    for (let at = 0; at < 10; at += 1) {
      const part = this.uint8();
      // Nearly all are small: numbers as far as they are exact.
      if (at < 7) low += (part & 0x7f) * 2 ** (7 * at);
      else high += BigInt(part & 0x7f) << BigInt(7 * at);
      if (part < 0x80) {
        const value = BigInt(low) + high;
        if (value >> 64n !== 0n) break;
        return value;
      }
    }
    throw malformed(this.#what, 'a number longer than 64 bits');
  }

  varlong(): bigint {
    const value = this.uvarlong();
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }

  /** Null where the length says so. `compact`: as a uvarint, one more than it is. */
  compactBytes(): Buffer | null {
    const length = this.uvarint();
    return length === 0 ? null : this.bytes(length - 1);
  }

  compactString(): string | null {
    return this.compactBytes()?.toString('utf8') ?? null;
  }

  /** How many follow; 0 for null too. No more than could stand in what is left, so that nobody reserves room for what cannot come. */
  compactCount(): number {
    const count = Math.max(0, this.uvarint() - 1);
    if (count > this.left) throw malformed(this.#what, 'more entries than bytes');
    return count;
  }

  /** Fields that only later versions know (KIP-482): passed over. */
  tags(): void {
    for (let left = this.uvarint(); left > 0; left -= 1) {
      this.uvarint();
      this.bytes(this.uvarint());
    }
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw malformed(this.#what, 'it ends too early');
    this.#at = at + length;
    return at;
  }
}

export function malformed(what: string, why: string): TealError {
  return new TealError('TEAL-WIRE-001', `${what}: ${why}`);
}
