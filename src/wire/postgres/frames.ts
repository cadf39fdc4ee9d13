import { TealError } from '../../kernel/errors.ts';

/**
 * One message of PostgreSQL's protocol 3 after the start-up phase: a type byte, an int32 length that counts itself, a body.
 * Source: PostgreSQL manual, "Message Formats". `bytes` is the whole frame (forward it unchanged); the body starts at 5.
 */
export interface Frame {
  readonly type: number;
  readonly bytes: Buffer;
}

export const frameHeaderBytes = 5;
const firstPartialBytes = 64 << 10;

/** The body of a frame, a view without copying. */
export function frameBody(frame: Frame): Buffer {
  return frame.bytes.subarray(frameHeaderBytes);
}

/**
 * Splits a byte stream into frames, at any chunk boundary. A frame that lies whole in a chunk is a view of that chunk; one that spans chunks
 * is copied into a buffer that grows with what arrives: a length that is only announced takes no memory. Memory is bounded by `limitBytes` (the largest frame
 * accepted) and the chunk at hand.
 * Throws TEAL-WIRE-001 for an impossible length and TEAL-WIRE-002 above the limit; the reader is unusable afterwards.
 */
export class FrameReader {
  readonly #limitBytes: number;
  #header = Buffer.alloc(frameHeaderBytes);
  #headerFilled = 0;
  #partial: Buffer | undefined;
  #partialFilled = 0;
  /** Of the whole frame; the buffer may still be shorter. */
  #partialLength = 0;
  /** Bytes of the chunk at hand up to the end of the frame that was given last: what follows belongs to whoever reads on. */
  consumed = 0;

  constructor(limitBytes = 1 << 30) {
    this.#limitBytes = limitBytes;
  }

  /** True when the bytes so far end exactly at a frame's end. */
  get atBoundary(): boolean {
    return this.#headerFilled === 0 && this.#partial === undefined;
  }

  /**
   * As `push`, without a view of each frame: `take` is told where it lies. For streams of many short messages, of which a view costs more than what is done with it.
   */
  pushEach(chunk: Buffer, take: (bytes: Buffer, from: number, to: number) => void): void {
    let at = 0;
    if (!this.atBoundary) {
      // One that has begun in a chunk before: the only one that does not lie in this one.
      const begun = this.push(chunk).next();
      if (begun.done === true) return;
      const { bytes } = begun.value;
      at = this.consumed;
      take(bytes, 0, bytes.length);
    }
    while (chunk.length - at >= frameHeaderBytes) {
      const to = at + this.#frameLength(chunk, at);
      if (to > chunk.length) break;
      take(chunk, at, to);
      at = to;
    }
    // What is left is no whole frame: it is kept for the next chunk.
    if (at < chunk.length) this.push(chunk.subarray(at)).next();
  }

  /** The frames completed by this chunk, in order. Consume them before the next push. */
  *push(chunk: Buffer): Generator<Frame, void, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#partial !== undefined) {
        at = this.#fillPartial(chunk, at, this.#partial);
        if (this.#partialFilled < this.#partialLength) return;
        const bytes = this.#takePartial();
        this.consumed = at;
        yield { type: bytes.readUInt8(0), bytes };
        continue;
      }
      if (this.#headerFilled > 0 || chunk.length - at < frameHeaderBytes) {
        at = this.#fillHeader(chunk, at);
        if (this.#headerFilled < frameHeaderBytes) return;
        this.#startPartial(this.#header, this.#frameLength(this.#header, 0));
        this.#headerFilled = 0;
        if (this.#partialFilled === this.#partialLength) {
          const bytes = this.#takePartial();
          this.consumed = at;
          yield { type: bytes.readUInt8(0), bytes };
        }
        continue;
      }
      const length = this.#frameLength(chunk, at);
      if (chunk.length - at >= length) {
        this.consumed = at + length;
        yield { type: chunk.readUInt8(at), bytes: chunk.subarray(at, at + length) };
        at += length;
      } else {
        this.#startPartial(chunk.subarray(at, at + frameHeaderBytes), length);
        at += frameHeaderBytes;
      }
    }
  }

  #takePartial(): Buffer {
    const bytes = this.#partial ?? Buffer.alloc(0);
    this.#partial = undefined;
    return bytes;
  }

  #startPartial(header: Buffer, length: number): void {
    this.#partial = Buffer.allocUnsafe(Math.min(length, firstPartialBytes));
    header.copy(this.#partial, 0, 0, frameHeaderBytes);
    this.#partialFilled = frameHeaderBytes;
    this.#partialLength = length;
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const take = Math.min(frameHeaderBytes - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + take);
    this.#headerFilled += take;
    return at + take;
  }

  #fillPartial(chunk: Buffer, at: number, partial: Buffer): number {
    const take = Math.min(this.#partialLength - this.#partialFilled, chunk.length - at);
    const filled = this.#partialFilled + take;
    const roomy = filled <= partial.length ? partial : this.#grow(partial, filled);
    chunk.copy(roomy, this.#partialFilled, at, at + take);
    this.#partialFilled = filled;
    return at + take;
  }

  #grow(partial: Buffer, wanted: number): Buffer {
    const roomy = Buffer.allocUnsafe(Math.min(this.#partialLength, Math.max(wanted, 2 * partial.length)));
    partial.copy(roomy, 0, 0, this.#partialFilled);
    this.#partial = roomy;
    return roomy;
  }

  #frameLength(buffer: Buffer, at: number): number {
    const announced = buffer.readInt32BE(at + 1);
    if (announced < 4) {
      throw new TealError('TEAL-WIRE-001', 'a message announces an impossible length', { announced });
    }
    if (announced + 1 > this.#limitBytes) {
      throw new TealError('TEAL-WIRE-002', 'a message is longer than the limit', {
        announced,
        limitBytes: this.#limitBytes,
      });
    }
    return announced + 1;
  }
}
