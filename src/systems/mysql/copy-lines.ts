import { TealError } from '../../kernel/errors.ts';
import type { Cell } from './values/from-select.ts';

const copyData = 'd'.charCodeAt(0);
const headerBytes = 5;
const tab = 9;
const newline = 10;
const carriageReturn = 13;
const backslash = 92;

/** The letter behind the backslash (manual of PostgreSQL: COPY, "Text Format"). */
const letterOf = new Uint8Array(256);
letterOf[8] = 'b'.charCodeAt(0);
letterOf[tab] = 't'.charCodeAt(0);
letterOf[newline] = 'n'.charCodeAt(0);
letterOf[11] = 'v'.charCodeAt(0);
letterOf[12] = 'f'.charCodeAt(0);
letterOf[carriageReturn] = 'r'.charCodeAt(0);
letterOf[backslash] = backslash;

const byteOf = new Map(
  [...letterOf.entries()].filter(([, letter]) => letter !== 0).map(([byte, letter]) => [letter, byte]),
);

const defaultSpanBytes = 128 << 10;

/**
 * Rows as lines of PostgreSQL's COPY text format, in CopyData frames: what a copy moves between two systems, so that PostgreSQL's end takes it as it is. A frame
 * is full before the next begins, wherever the row is. Not more is kept than one row beyond a frame.
 */
export class LineWriter {
  readonly #spanBytes: number;
  #span: Buffer;
  #at = headerBytes;
  #full: Buffer[] = [];

  constructor(spanBytes: number = defaultSpanBytes) {
    this.#spanBytes = spanBytes;
    this.#span = Buffer.allocUnsafe(spanBytes);
  }

  add(cells: readonly Cell[]): void {
    for (let index = 0; index < cells.length; index += 1) {
      if (index > 0) this.#byte(tab);
      const cell = cells[index] ?? null;
      if (cell === null) this.#null();
      else this.#cell(cell);
    }
    this.#byte(newline);
  }

  /** The frames that are full; they are the caller's from now on. */
  take(): readonly Buffer[] {
    if (this.#full.length === 0) return this.#full;
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  /** What is left, full or not. */
  end(): readonly Buffer[] {
    if (this.#at > headerBytes) this.#close();
    return this.take();
  }

  #cell(cell: Buffer): void {
    let from = 0;
    while (from < cell.length) {
      // A byte takes two at most.
      const room = (this.#span.length - this.#at) >> 1;
      if (room === 0) {
        this.#close();
        continue;
      }
      const to = Math.min(cell.length, from + room);
      this.#at = escapeInto(this.#span, this.#at, cell, from, to);
      from = to;
    }
  }

  #null(): void {
    if (this.#span.length - this.#at < 2) this.#close();
    this.#span[this.#at] = backslash;
    this.#span[this.#at + 1] = 0x4e;
    this.#at += 2;
  }

  #byte(byte: number): void {
    if (this.#at === this.#span.length) this.#close();
    this.#span[this.#at] = byte;
    this.#at += 1;
  }

  #close(): void {
    this.#span[0] = copyData;
    this.#span.writeInt32BE(this.#at - 1, 1);
    this.#full.push(this.#span.subarray(0, this.#at));
    this.#span = Buffer.allocUnsafe(this.#spanBytes);
    this.#at = headerBytes;
  }
}

function escapeInto(span: Buffer, start: number, cell: Buffer, from: number, to: number): number {
  let at = start;
  for (let index = from; index < to; index += 1) {
    const byte = cell[index] ?? 0;
    const letter = letterOf[byte] ?? 0;
    if (letter === 0) {
      span[at] = byte;
      at += 1;
    } else {
      span[at] = backslash;
      span[at + 1] = letter;
      at += 2;
    }
  }
  return at;
}

const lineLimitBytes = 1 << 30;
const frameLimitBytes = 1 << 30;

/** Called for each line: it stands in `bytes` from `from` to before `to`, without its newline. */
export type TakeLine = (bytes: Buffer, from: number, to: number) => void;

/**
 * Lines out of such frames, cut anywhere. Feed them in order, then call `end`. What is handed out is good until the caller gives the bytes back. TEAL-WIRE-001 for what is no
 * frame, -002 for what is too long.
 */
export class LineReader {
  readonly #take: TakeLine;
  /** Bytes of the current frame's body that are still to come. */
  #left = 0;
  #header: number[] = [];
  /** The beginning of a line that is not whole. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;

  constructor(take: TakeLine) {
    this.#take = take;
  }

  push(span: Buffer): void {
    let at = 0;
    while (at < span.length) {
      if (this.#left === 0) {
        at = this.#readHeader(span, at);
        continue;
      }
      const take = Math.min(this.#left, span.length - at);
      this.#readBody(span, at, at + take);
      this.#left -= take;
      at += take;
    }
  }

  end(): void {
    if (this.#left === 0 && this.#header.length === 0 && this.#pieces.length === 0) return;
    throw new TealError('TEAL-WIRE-001', 'the lines of a copy end in the middle of one');
  }

  #readHeader(span: Buffer, from: number): number {
    let at = from;
    while (at < span.length && this.#header.length < headerBytes) {
      this.#header.push(span.readUInt8(at));
      at += 1;
    }
    if (this.#header.length < headerBytes) return at;
    const header = Buffer.from(this.#header);
    this.#header = [];
    const length = header.readInt32BE(1) - 4;
    if (header[0] !== copyData || length < 0) throw new TealError('TEAL-WIRE-001', 'no frame of a copy');
    if (length > frameLimitBytes) throw tooLong(length);
    this.#left = length;
    return at;
  }

  #readBody(span: Buffer, start: number, stop: number): void {
    let from = start;
    for (;;) {
      const end = span.indexOf(newline, from);
      if (end === -1 || end >= stop) break;
      if (this.#pieces.length === 0) this.#take(span, from, end);
      else this.#takePieces(span.subarray(from, end));
      from = end + 1;
    }
    if (from === stop) return;
    this.#pieces.push(span.subarray(from, stop));
    this.#pieceBytes += stop - from;
    if (this.#pieceBytes > lineLimitBytes) throw tooLong(this.#pieceBytes);
  }

  #takePieces(last: Buffer): void {
    const line = Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#take(line, 0, line.length);
  }
}

function tooLong(bytes: number): TealError {
  return new TealError('TEAL-WIRE-002', 'a line of a copy is longer than the limit', {
    bytes,
    limitBytes: lineLimitBytes,
  });
}

/** Of a text with a backslash in it. Only what COPY TO writes is understood: TEAL-WIRE-001 for anything else. */
export function cellOf(escaped: Buffer): Cell {
  if (escaped.length === 2 && escaped[0] === backslash && escaped[1] === 0x4e) return null;
  const bytes = Buffer.allocUnsafe(escaped.length);
  let length = 0;
  for (let at = 0; at < escaped.length; at += 1) {
    let byte = escaped[at] ?? 0;
    if (byte === backslash) {
      at += 1;
      const meant = byteOf.get(escaped[at] ?? 0);
      if (meant === undefined) throw new TealError('TEAL-WIRE-001', 'a backslash in a line of a copy means nothing');
      byte = meant;
    }
    bytes[length] = byte;
    length += 1;
  }
  return bytes.subarray(0, length);
}
