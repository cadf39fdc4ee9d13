import { TealError } from '../../../kernel/errors.ts';
import { notSentMark, nullMark } from '../../../kernel/packed-values.ts';
import type { CellValue, RowValues } from '../../../model/change.ts';
import { frontend } from '../../../wire/postgres/frontend.ts';

const chunkBytes = 1 << 18;
/** The longest run of bytes that is escaped in one piece: at worst every byte becomes two. */
const pieceBytes = 1 << 14;

/** Bytes that the text format of COPY writes as a backslash and a letter (manual: COPY, "Text Format"); 0 for all others. */
const escapes = new Uint8Array(256);
for (const [byte, letter] of [
  ['\\', '\\'],
  ['\n', 'n'],
  ['\r', 'r'],
  ['\t', 't'],
] as const) {
  escapes[byte.charCodeAt(0)] = letter.charCodeAt(0);
}
const backslash = 0x5c;
/** NULL is a backslash and this. */
const nullLetter = 0x4e;
const [tab, newline] = [0x09, 0x0a];
/** Signature, flags, and an extension of no bytes; and the count of fields that ends it. */
const binaryHeader = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const binaryTrailer = Buffer.of(0xff, 0xff);
/** Up to here a loop is quicker than a call that copies. */
const shortBytes = 24;

/** Lines of a COPY. The n-th is made of the n-th row of each part, one after the other: of it the values of `columns`, in that order. */
export interface CopyLines {
  readonly count: number;
  /** All rows are in binary form, and so is what is written. */
  readonly isBinary: boolean;
  readonly parts: readonly { readonly rows: readonly RowValues[]; readonly columns: readonly number[] }[];
}

/**
 * Messages of the extended query protocol, written straight from the stream's bytes into large chunks: no text is made of a value, and no message is a buffer
 * of its own. `write` gets each full chunk, which is its to keep. Values are in text format.
 */
export class Outgoing {
  readonly #write: (bytes: Buffer) => void;
  #chunk = Buffer.allocUnsafe(chunkBytes);
  #at = 0;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  parse(name: string, sql: string): void {
    const sqlBytes = Buffer.byteLength(sql);
    this.#begin(frontend.parse, name.length + 1 + sqlBytes + 1 + 2);
    this.#text(name);
    this.#text(sql);
    this.#int16(0);
  }

  /** `isBinary`: all of the cells are. */
  bind(name: string, cells: readonly CellValue[], isBinary = false): void {
    let bytes = 1 + name.length + 1 + 2 + (isBinary ? 2 : 0) + 2 + 2;
    for (const cell of cells) bytes += 4 + (cell?.length ?? 0);
    this.#begin(frontend.bind, bytes);
    this.#text('');
    this.#text(name);
    // One code for all of them, or none, which means texts.
    this.#int16(isBinary ? 1 : 0);
    if (isBinary) this.#int16(1);
    this.#int16(cells.length);
    for (const cell of cells) {
      if (cell === undefined) throw notSent();
      this.#int32(cell === null ? -1 : cell.length);
      if (cell !== null) this.#at += cell.copy(this.#chunk, this.#at);
    }
    this.#int16(0);
  }

  execute(): void {
    this.#begin(frontend.execute, 5);
    this.#text('');
    this.#int32(0);
  }

  closeStatement(name: string): void {
    this.#begin(frontend.close, 1 + name.length + 1);
    this.#chunk[this.#at++] = 0x53;
    this.#text(name);
  }

  copyDone(): void {
    this.#begin(frontend.copyDone, 0);
  }

  sync(): void {
    this.#begin(frontend.sync, 0);
    this.flush();
  }

  /**
   * Lines of COPY from `first` on, until a chunk is full or all are written; answers which one is next. A message may end anywhere in a line: the server joins them.
   * TEAL-SYNC-117 where a value is missing.
   */
  copyLines(lines: CopyLines, first: number): number {
    return lines.isBinary ? this.#copyBinary(lines, first) : this.#copyTexts(lines, first);
  }

  /** As the manual has it: COPY, "Binary Format". A length that takes its value with it is the same in the log and here. */
  #copyBinary(lines: CopyLines, first: number): number {
    const flushed = this.#flushed;
    let next = first;
    const fields = lines.parts.reduce((sum, { columns }) => sum + columns.length, 0);
    if (next === 0) this.#copyBytes(binaryHeader, 0, binaryHeader.length);
    while (next < lines.count && this.#flushed === flushed) {
      this.#copyRoom(2);
      this.#int16(fields);
      for (const { rows, columns } of lines.parts) {
        const row = rows[next];
        if (row === undefined) throw notSent();
        for (const column of columns) {
          const [from, to] = [row.from(column), row.to(column)];
          if (from === notSentMark) throw notSent();
          this.#copyRoom(4);
          this.#int32(from === nullMark ? -1 : to - from);
          if (from !== nullMark) this.#copyBytes(row.bytes, from, to);
        }
      }
      next += 1;
    }
    if (next >= lines.count) this.#copyBytes(binaryTrailer, 0, binaryTrailer.length);
    this.#endCopy();
    return next;
  }

  #copyBytes(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to;) {
      const end = Math.min(to, at + pieceBytes);
      this.#copyRoom(end - at);
      if (end - at > shortBytes) this.#at += bytes.copy(this.#chunk, this.#at, at, end);
      else for (let index = at; index < end; index += 1) this.#chunk[this.#at++] = bytes[index] ?? 0;
      at = end;
    }
  }

  #copyTexts(lines: CopyLines, first: number): number {
    const flushed = this.#flushed;
    let next = first;
    while (next < lines.count && this.#flushed === flushed) {
      let isFirst = true;
      for (const { rows, columns } of lines.parts) {
        const row = rows[next];
        if (row === undefined) throw notSent();
        for (const column of columns) {
          const [from, to] = [row.from(column), row.to(column)];
          if (from === notSentMark) throw notSent();
          this.#copyRoom(4 + 2 * Math.min(to - from, pieceBytes));
          if (!isFirst) this.#chunk[this.#at++] = tab;
          isFirst = false;
          this.#copyValue(row.bytes, from, to);
        }
      }
      this.#copyRoom(1);
      this.#chunk[this.#at++] = newline;
      next += 1;
    }
    this.#endCopy();
    return next;
  }

  #endCopy(): void {
    if (this.#copyLengthAt >= 0) this.#chunk.writeInt32BE(this.#at - this.#copyLengthAt, this.#copyLengthAt);
  }

  flush(): void {
    this.#copyLengthAt = -1;
    if (this.#at === 0) return;
    this.#flushed += 1;
    this.#write(this.#chunk.subarray(0, this.#at));
    // What is left of the chunk is used; the part that was written belongs to the socket now.
    this.#chunk = this.#chunk.subarray(this.#at);
    this.#at = 0;
  }

  /** How often a chunk was written. */
  #flushed = 0;
  /** Where the length of the CopyData at the end of the chunk stands, so that the next cell can join it; -1 when the last message is another. */
  #copyLengthAt = -1;

  #copyValue(bytes: Buffer, from: number, to: number): void {
    if (from === nullMark) {
      this.#chunk[this.#at++] = backslash;
      this.#chunk[this.#at++] = nullLetter;
      return;
    }
    let at = from;
    for (; to - at > pieceBytes; at += pieceBytes) {
      this.#escape(bytes, at, at + pieceBytes);
      this.#copyRoom(2 * pieceBytes);
    }
    this.#escape(bytes, at, to);
  }

  /** Room for so many bytes within a CopyData message, which is the last one of the chunk. */
  #copyRoom(bytes: number): void {
    if (this.#copyLengthAt >= 0) {
      if (this.#chunk.length - this.#at >= bytes) return;
      this.#chunk.writeInt32BE(this.#at - this.#copyLengthAt, this.#copyLengthAt);
    }
    this.#room(5 + bytes);
    this.#chunk[this.#at++] = frontend.copyData;
    this.#copyLengthAt = this.#at;
    this.#at += 4;
  }

  #escape(bytes: Buffer, from: number, to: number): void {
    const chunk = this.#chunk;
    let at = this.#at;
    for (let index = from; index < to; index += 1) {
      const byte = bytes[index] ?? 0;
      const letter = escapes[byte] ?? 0;
      if (letter === 0) {
        chunk[at++] = byte;
      } else {
        chunk[at++] = backslash;
        chunk[at++] = letter;
      }
    }
    this.#at = at;
  }

  #begin(type: number, bodyBytes: number): void {
    this.#copyLengthAt = -1;
    this.#room(5 + bodyBytes);
    this.#chunk[this.#at++] = type;
    this.#int32(4 + bodyBytes);
  }

  #room(bytes: number): void {
    if (this.#chunk.length - this.#at >= bytes) return;
    this.flush();
    if (this.#chunk.length < bytes) this.#chunk = Buffer.allocUnsafe(Math.max(chunkBytes, bytes));
  }

  #text(text: string): void {
    this.#at += this.#chunk.write(text, this.#at, 'utf8');
    this.#chunk[this.#at++] = 0;
  }

  #int16(value: number): void {
    this.#at = this.#chunk.writeUInt16BE(value, this.#at);
  }

  #int32(value: number): void {
    this.#at = this.#chunk.writeInt32BE(value, this.#at);
  }
}

function notSent(): TealError {
  return new TealError('TEAL-SYNC-117', 'a value is needed that the stream did not send');
}
