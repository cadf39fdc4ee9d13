import { TealError } from '../../kernel/errors.ts';

/**
 * Walks over the fields of one packet or event, numbers little-endian (MySQL manual, "Protocol Basics: Basic Data Types"). Every read is bounded by the
 * bytes given: running past their end is TEAL-WIRE-001. What is handed out as a Buffer is a view.
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

  /** The next byte without taking it; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  uint24(): number {
    return this.#bytes.readUIntLE(this.#take(3), 3);
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  uint48(): number {
    return this.#bytes.readUIntLE(this.#take(6), 6);
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#take(8));
  }

  /**
   * A length-encoded integer: one byte up to 250, else 0xfc, 0xfd or 0xfe and 2, 3 or 8 bytes. 0xfb stands for NULL in rows and 0xff for an error: neither is
   * a number.
   */
  lengthEncoded(): number {
    const first = this.uint8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint16();
    if (first === 0xfd) return this.uint24();
    if (first !== 0xfe) throw malformed(this.#what, 'a length that is none');
    const long = this.uint64();
    if (long > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(this.#what, 'a length beyond all bounds');
    return Number(long);
  }

  /** A length-encoded integer that may use all 64 bits. */
  lengthEncodedBig(): bigint {
    if (this.peek() !== 0xfe) return BigInt(this.lengthEncoded());
    this.uint8();
    return this.uint64();
  }

  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  lengthEncodedBytes(): Buffer {
    return this.bytes(this.lengthEncoded());
  }

  lengthEncodedText(): string {
    return this.lengthEncodedBytes().toString('utf8');
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  skip(length: number): void {
    this.#take(length);
  }

  zeroTerminatedBytes(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw malformed(this.#what, 'a text is not terminated');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return bytes;
  }

  zeroTerminated(): string {
    return this.zeroTerminatedBytes().toString('utf8');
  }

  /** The body must have been read whole. */
  end(): void {
    if (this.left > 0) throw malformed(this.#what, 'bytes are left over');
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || length > this.#bytes.length - at) throw malformed(this.#what, 'it ends too early');
    this.#at = at + length;
    return at;
  }
}

export function malformed(what: string, why: string): TealError {
  return new TealError('TEAL-WIRE-001', `${what}: ${why}`);
}

export function uint8(value: number): Buffer {
  return Buffer.of(value);
}

export function uint16(value: number): Buffer {
  const out = Buffer.allocUnsafe(2);
  out.writeUInt16LE(value);
  return out;
}

export function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32LE(value);
  return out;
}

export function uint64(value: bigint): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeBigUInt64LE(value);
  return out;
}

export function lengthEncoded(value: number | bigint): Buffer {
  const big = BigInt(value);
  if (big < 0xfbn) return uint8(Number(big));
  if (big <= 0xffffn) return Buffer.concat([uint8(0xfc), uint16(Number(big))]);
  if (big <= 0xffffffn) return Buffer.concat([uint8(0xfd), uint32(Number(big)).subarray(0, 3)]);
  return Buffer.concat([uint8(0xfe), uint64(big)]);
}

export function lengthEncodedBytes(bytes: Buffer | string): Buffer {
  const body = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes;
  return Buffer.concat([lengthEncoded(body.length), body]);
}

/** A zero inside would end it early and change the meaning of what follows: refused. */
export function zeroTerminated(text: Buffer | string): Buffer {
  const body = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (body.includes(0)) throw malformed('an outgoing text', 'it contains a zero byte');
  return Buffer.concat([body, uint8(0)]);
}
