import { TealError } from '../../kernel/errors.ts';

/** Walks over the fields of one message's body. Every read is bounded by the body: running past its end is TEAL-WIRE-001. */
export class BodyReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
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

  /** A view of the next `length` bytes. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  /** A zero-terminated text. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw malformed(this.#what, 'a text is not terminated');
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** A zero-terminated text, its bytes as they are: one character a byte. */
  byteText(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw malformed(this.#what, 'a text is not terminated');
    const text = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** The body must have been read whole. */
  end(): void {
    if (this.left > 0) throw malformed(this.#what, 'bytes are left over');
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#bytes.length) throw malformed(this.#what, 'it ends too early');
    this.#at = at + length;
    return at;
  }
}

export function malformed(what: string, why: string): TealError {
  return new TealError('TEAL-WIRE-001', `${what}: ${why}`);
}

/** A whole message: type byte, length, and the parts one after the other. */
export function frame(type: string, ...parts: readonly Buffer[]): Buffer {
  let length = 4;
  for (const part of parts) length += part.length;
  const out = Buffer.allocUnsafe(1 + length);
  out.write(type, 0, 'latin1');
  out.writeInt32BE(length, 1);
  let at = 5;
  for (const part of parts) at += part.copy(out, at);
  return out;
}

/** A zero-terminated text. A zero inside would end it early and change the meaning of what follows: refused. */
export function zeroTerminated(text: string): Buffer {
  if (text.includes('\0')) throw malformed('an outgoing text', 'it contains a zero byte');
  return Buffer.from(`${text}\0`, 'utf8');
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value | 0);
  return out;
}

export function int16(value: number): Buffer {
  const out = Buffer.allocUnsafe(2);
  out.writeInt16BE(value);
  return out;
}
