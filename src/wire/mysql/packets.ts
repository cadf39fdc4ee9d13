import { TealError } from '../../kernel/errors.ts';

/**
 * One packet of the client/server protocol (MySQL manual, "Protocol Basics: MySQL Packets"): int<3> length of the payload, int<1> sequence, payload. A payload of
 * 16,777,215 bytes or more is split: each full piece says that another one follows, so one that ends exactly at the limit is followed by an empty piece.
 */
export interface Packet {
  /** Of the first piece. */
  readonly sequence: number;
  /** Of the last piece: the answer begins with the next one. */
  readonly lastSequence: number;
  /** Of all pieces together. A view of the chunk where it arrived whole. */
  readonly payload: Buffer;
}

export const packetHeaderBytes = 4;
export const fullPieceBytes = 0xff_ff_ff;
const firstPartialBytes = 64 << 10;
const empty = Buffer.alloc(0);

/**
 * Splits a byte stream into packets, at any chunk boundary, and joins the pieces of long ones. A length that is only announced takes no memory: what spans
 * chunks is kept in a buffer that grows with what arrives. Memory is bounded by `limitBytes` (the longest payload accepted, all pieces together) and the chunk
 * at hand. Throws TEAL-WIRE-001 when the pieces of a packet are not numbered one after the other and TEAL-WIRE-002 above the limit; the reader is unusable
 * afterwards.
 */
export class PacketReader {
  readonly #limitBytes: number;
  readonly #header = Buffer.alloc(packetHeaderBytes);
  #headerFilled = 0;
  /** Bytes of the current piece that have not arrived; undefined between pieces. */
  #missing: number | undefined;
  #pieceIsFull = false;
  /** Undefined between packets. */
  #first: number | undefined;
  #last = 0;
  #kept: Buffer = empty;
  #keptFilled = 0;

  constructor(limitBytes = 1 << 30) {
    this.#limitBytes = limitBytes;
  }

  /** True when the bytes so far end exactly at a packet's end. */
  get atBoundary(): boolean {
    return this.#headerFilled === 0 && this.#first === undefined;
  }

  /** The packets completed by this chunk, in order. Consume them before the next push. */
  *push(chunk: Buffer): Generator<Packet, void, void> {
    let at = 0;
    while (at < chunk.length || this.#missing === 0) {
      if (this.#missing === undefined) {
        at = this.#fillHeader(chunk, at);
        continue;
      }
      const end = at + this.#missing;
      if (this.#keptFilled === 0 && !this.#pieceIsFull && end <= chunk.length) {
        yield this.#complete(chunk.subarray(at, end));
        at = end;
        continue;
      }
      const take = Math.min(this.#missing, chunk.length - at);
      this.#keep(chunk, at, take);
      at += take;
      this.#missing -= take;
      if (this.#missing > 0) return;
      if (this.#pieceIsFull) this.#missing = undefined;
      else yield this.#complete(this.#kept.subarray(0, this.#keptFilled));
    }
  }

  #complete(payload: Buffer): Packet {
    const packet = { sequence: this.#first ?? 0, lastSequence: this.#last, payload };
    this.#missing = undefined;
    this.#first = undefined;
    this.#kept = empty;
    this.#keptFilled = 0;
    return packet;
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const take = Math.min(packetHeaderBytes - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + take);
    this.#headerFilled += take;
    if (this.#headerFilled === packetHeaderBytes) {
      this.#headerFilled = 0;
      this.#startPiece(this.#header.readUIntLE(0, 3), this.#header.readUInt8(3));
    }
    return at + take;
  }

  #startPiece(length: number, sequence: number): void {
    if (this.#first === undefined) this.#first = sequence;
    else if (sequence !== ((this.#last + 1) & 0xff)) {
      throw new TealError('TEAL-WIRE-001', 'the pieces of a packet are out of order', { sequence, last: this.#last });
    }
    this.#last = sequence;
    const announced = this.#keptFilled + length;
    if (announced > this.#limitBytes) {
      throw new TealError('TEAL-WIRE-002', 'a packet is longer than the limit', {
        announced,
        limitBytes: this.#limitBytes,
      });
    }
    this.#missing = length;
    this.#pieceIsFull = length === fullPieceBytes;
  }

  #keep(chunk: Buffer, at: number, take: number): void {
    const filled = this.#keptFilled + take;
    if (filled > this.#kept.length) {
      const wanted = Math.max(
        filled,
        2 * this.#kept.length,
        Math.min(firstPartialBytes, filled + (this.#missing ?? 0)),
      );
      const roomy = Buffer.allocUnsafe(Math.min(wanted, this.#limitBytes));
      this.#kept.copy(roomy, 0, 0, this.#keptFilled);
      this.#kept = roomy;
    }
    chunk.copy(this.#kept, this.#keptFilled, at, at + take);
    this.#keptFilled = filled;
  }
}

/** The payload as it goes on the wire, in as many pieces as it takes, numbered from `sequence`. */
export function encodePacket(sequence: number, ...parts: readonly Buffer[]): Buffer {
  const payload = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  const pieces = Math.floor(payload.length / fullPieceBytes) + 1;
  const out = Buffer.allocUnsafe(payload.length + pieces * packetHeaderBytes);
  let to = 0;
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = piece * fullPieceBytes;
    const length = Math.min(fullPieceBytes, payload.length - from);
    out.writeUIntLE(length, to, 3);
    out.writeUInt8((sequence + piece) & 0xff, to + 3);
    payload.copy(out, to + packetHeaderBytes, from, from + length);
    to += packetHeaderBytes + length;
  }
  return out;
}
