import { TealError } from '../../../kernel/errors.ts';
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

  bind(name: string, cells: readonly CellValue[]): void {
    let bytes = 1 + name.length + 1 + 2 + 2 + 2;
    for (const cell of cells) bytes += 4 + (cell?.length ?? 0);
    this.#begin(frontend.bind, bytes);
    this.#text('');
    this.#text(name);
    this.#int16(0);
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

  /** A line of COPY: of each row the values of its `columns`, in that order. A message may end anywhere in a line: the server joins them. */
  copyLine(rows: readonly RowValues[], columns: readonly (readonly number[])[]): void {
    // Hardly a line is so long that it does not fit into one piece.
    const isShort = lineBytes(rows, columns) <= pieceBytes;
    let start = this.#beginCopy(0);
    let isFirst = true;
    for (const [place, row] of rows.entries()) {
      for (const column of columns[place] ?? []) {
        if (!isShort) {
          this.#endCopy(start);
          start = this.#beginCopy(1);
        }
        if (!isFirst) this.#chunk[this.#at++] = tab;
        isFirst = false;
        start = this.#copyValue(row, column, start);
      }
    }
    if (!isShort) {
      this.#endCopy(start);
      start = this.#beginCopy(0);
    }
    this.#chunk[this.#at++] = newline;
    this.#endCopy(start);
  }

  flush(): void {
    this.#copyLengthAt = -1;
    if (this.#at === 0) return;
    this.#write(this.#chunk.subarray(0, this.#at));
    // What is left of the chunk is used; the part that was written belongs to the socket now.
    this.#chunk = this.#chunk.subarray(this.#at);
    this.#at = 0;
  }

  /** Where the length of the CopyData at the end of the chunk stands, so that the next cell can join it; -1 when the last message is another. */
  #copyLengthAt = -1;

  /** Within the message whose length stands at `start`, or, after a long value, within the one that it answers. */
  #copyValue(row: RowValues, column: number, start: number): number {
    if (row.isNull(column)) {
      this.#chunk[this.#at++] = backslash;
      this.#chunk[this.#at++] = nullLetter;
      return start;
    }
    const [from, to] = [row.from(column), row.to(column)];
    if (to - from > pieceBytes) return this.#copyLong(row.bytes, from, to, start);
    this.#escape(row.bytes, from, to);
    return start;
  }

  #copyLong(bytes: Buffer, from: number, to: number, start: number): number {
    let open = start;
    for (let at = from; at < to; at += pieceBytes) {
      this.#endCopy(open);
      open = this.#beginCopy(0);
      this.#escape(bytes, at, Math.min(at + pieceBytes, to));
    }
    return open;
  }

  /** Room for one piece at its longest, within a CopyData message. */
  #beginCopy(more: number): number {
    if (this.#copyLengthAt >= 0 && this.#chunk.length - this.#at >= 2 * pieceBytes + more) return this.#copyLengthAt;
    this.#room(5 + 2 * pieceBytes + more);
    this.#chunk[this.#at++] = frontend.copyData;
    const start = this.#at;
    this.#at += 4;
    return start;
  }

  #endCopy(lengthAt: number): void {
    this.#chunk.writeInt32BE(this.#at - lengthAt, lengthAt);
    this.#copyLengthAt = lengthAt;
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

/** Of a line of COPY before anything is escaped. TEAL-SYNC-117 where a value is missing. */
function lineBytes(rows: readonly RowValues[], columns: readonly (readonly number[])[]): number {
  let bytes = 1;
  for (const [place, row] of rows.entries()) {
    for (const column of columns[place] ?? []) {
      if (!row.isSent(column)) throw notSent();
      bytes += 2 + row.to(column) - row.from(column);
    }
  }
  return bytes;
}

function notSent(): TealError {
  return new TealError('TEAL-SYNC-117', 'a value is needed that the stream did not send');
}
