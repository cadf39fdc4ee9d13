import { TealError } from '../../kernel/errors.ts';

/** A stretch of whole or cut CopyData frames, or one other message with its body. */
export type CopyPiece =
  | { readonly kind: 'data'; readonly span: Buffer }
  | { readonly kind: 'message'; readonly type: number; readonly body: Buffer };

const copyData = 'd'.charCodeAt(0);
const headerBytes = 5;
/** An ErrorResponse or a notice: anything longer is not what it says it is. */
const messageLimitBytes = 1 << 20;
const frameLimitBytes = (1 << 30) + headerBytes;

/**
 * Finds the other messages between CopyData frames without taking the frames apart. A CopyData frame is the same in both directions (manual: "Message
 * Formats"), so what comes from a source goes to a target as it is: a chunk of the socket is one span, whatever the number of rows in it, and a frame that lies
 * across chunks is never put together. Feed the chunks in order; spans are views of them. TEAL-WIRE-001 and -002 as `FrameReader`.
 */
export class CopyScanner {
  /** Bytes of the current CopyData frame's body that are still to come. */
  #dataLeft = 0;
  #headerFilled = 0;
  #type = 0;
  #length = 0;
  #body: Buffer | undefined;
  #bodyFilled = 0;

  /** The bytes so far end exactly at a frame's end. */
  get atFrameEnd(): boolean {
    return this.#dataLeft === 0 && this.#headerFilled === 0 && this.#body === undefined;
  }

  push(chunk: Buffer): readonly CopyPiece[] {
    const pieces: CopyPiece[] = [];
    // Bytes of other messages are no part of a span; each span starts after the last of them.
    let spanStart = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#dataLeft > 0) {
        const take = Math.min(this.#dataLeft, chunk.length - at);
        this.#dataLeft -= take;
        at += take;
        continue;
      }
      if (this.#body !== undefined) {
        at = this.#fillBody(chunk, at, this.#body, pieces);
        spanStart = at;
        continue;
      }
      if (this.#headerFilled === 0) {
        at = pastWholeFrames(chunk, at);
        if (at === chunk.length) break;
      }
      if (this.#headerFilled === 0 && chunk[at] === copyData && chunk.length - at >= headerBytes) {
        this.#dataLeft = dataLength(chunk.readInt32BE(at + 1));
        at += headerBytes;
        continue;
      }
      if (this.#headerFilled === 0 && chunk[at] !== copyData && at > spanStart) {
        pieces.push({ kind: 'data', span: chunk.subarray(spanStart, at) });
      }
      at = this.#fillHeader(chunk, at, pieces);
      if (this.#type !== copyData) spanStart = at;
    }
    if (at > spanStart) pieces.push({ kind: 'data', span: chunk.subarray(spanStart, at) });
    return pieces;
  }

  /** One byte, or the rest of the header, which a CopyData frame keeps in its span. */
  #fillHeader(chunk: Buffer, from: number, pieces: CopyPiece[]): number {
    let at = from;
    while (at < chunk.length && this.#headerFilled < headerBytes) {
      const byte = chunk.readUInt8(at);
      if (this.#headerFilled === 0) this.#type = byte;
      else this.#length = ((this.#length << 8) | byte) >>> 0;
      this.#headerFilled += 1;
      at += 1;
    }
    if (this.#headerFilled < headerBytes) return at;
    const length = this.#length | 0;
    this.#headerFilled = 0;
    this.#length = 0;
    if (this.#type === copyData) this.#dataLeft = dataLength(length);
    else this.#startBody(messageLength(length), pieces);
    return at;
  }

  #startBody(length: number, pieces: CopyPiece[]): void {
    if (length === 0) {
      pieces.push({ kind: 'message', type: this.#type, body: Buffer.alloc(0) });
      return;
    }
    this.#body = Buffer.allocUnsafe(length);
    this.#bodyFilled = 0;
  }

  #fillBody(chunk: Buffer, at: number, body: Buffer, pieces: CopyPiece[]): number {
    const take = Math.min(body.length - this.#bodyFilled, chunk.length - at);
    chunk.copy(body, this.#bodyFilled, at, at + take);
    this.#bodyFilled += take;
    if (this.#bodyFilled === body.length) {
      pieces.push({ kind: 'message', type: this.#type, body });
      this.#body = undefined;
    }
    return at + take;
  }
}

/** The place behind all CopyData frames that lie whole in the chunk from here on. The hot loop: every row is a frame. What it does not understand it leaves to `push`. */
function pastWholeFrames(chunk: Buffer, from: number): number {
  const lastHeader = chunk.length - headerBytes;
  let at = from;
  while (at <= lastHeader && chunk[at] === copyData) {
    const end = at + 1 + chunk.readInt32BE(at + 1);
    if (end < at + headerBytes || end > chunk.length) break;
    at = end;
  }
  return at;
}

function dataLength(announced: number): number {
  return checked(announced, frameLimitBytes);
}

function messageLength(announced: number): number {
  return checked(announced, messageLimitBytes);
}

function checked(announced: number, limitBytes: number): number {
  if (announced < 4) throw new TealError('TEAL-WIRE-001', 'a message announces an impossible length', { announced });
  if (announced > limitBytes) {
    throw new TealError('TEAL-WIRE-002', 'a message is longer than the limit', { announced, limitBytes });
  }
  return announced - 4;
}
