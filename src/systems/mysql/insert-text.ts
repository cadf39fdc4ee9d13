import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import type { RowValues } from '../../model/change.ts';
import { cellOf } from './copy-lines.ts';
import { quotesBytes, writePlain, type Plain } from './values/plain-text.ts';

/** How texts of a column become SQL. */
export interface CellWriter {
  /** TEAL-SYNC-130 for what the column cannot hold. */
  literal(text: Buffer): string;
  /** Texts for which `literal` need not be asked; default: none. */
  readonly plain?: Plain | undefined;
}

export interface InsertOptions {
  /** All that stands before the first row. */
  readonly head: string;
  readonly cells: readonly CellWriter[];
  /** What a statement should be; default 1 MiB: round trips are felt below it, and above it only memory. */
  readonly statementBytes?: number;
  /** Default: as many as there is room for. */
  readonly statementRows?: number;
  /** Of the longest statement that the server takes. */
  readonly packetBytes: number;
  /** The error of a row that is longer than that. */
  readonly tooLong: (bytes: number) => TealError;
}

export interface Insert {
  readonly sql: string;
  readonly rows: number;
}

const defaultStatementBytes = 1 << 20;
/** What is asked for before it is known how long rows are. */
const firstRoomBytes = 16 << 10;
const tab = 9;
const comma = ','.charCodeAt(0);
const backslash = '\\'.charCodeAt(0);
const opening = '('.charCodeAt(0);
const closing = ')'.charCodeAt(0);
/** A cell that is copied brings its quotes and a comma. */
const bytesMoreEachCell = quotesBytes + 1;
/** Of a UTF-8 text for each of its UTF-16 units. */
const mostBytesAUnit = 3;

/**
 * INSERTs of as many rows as make a statement of a good size, out of lines of PostgreSQL's COPY text format or of rows of a stream. They are put together as bytes: a string is made of the
 * whole statement, and of a cell only where its bytes do not tell what it is. Not more is kept than a statement and a row.
 */
export class InsertText {
  readonly #options: InsertOptions;
  readonly #headBytes: number;
  readonly #limit: number;
  readonly #roomBytes: number;
  #out: Buffer;
  #at: number;
  #rows = 0;
  #full: Insert[] = [];

  constructor(options: InsertOptions) {
    this.#options = options;
    const head = Buffer.from(options.head);
    this.#headBytes = this.#at = head.length;
    this.#limit = Math.min(options.statementBytes ?? defaultStatementBytes, options.packetBytes);
    this.#roomBytes = head.length + this.#limit + (this.#limit >> 2);
    this.#out = Buffer.allocUnsafe(Math.min(this.#roomBytes, head.length + firstRoomBytes));
    head.copy(this.#out);
  }

  /** One line, without its newline. Errors: TEAL-SYNC-130 and that of a row that is too long; TEAL-WIRE-001 for no line of these columns. Unusable afterwards. */
  addLine(bytes: Buffer, from: number, to: number): void {
    const before = this.#begin(to - from);
    this.#line(bytes, from, to);
    this.#end(before);
  }

  /** Values of one row at these places, one for each of `cells`. `words` is asked for what a place holds that is not plain. Errors: its own, and that of a row that is too long. */
  addRow(row: RowValues, places: readonly number[], words: (place: number) => string): void {
    const before = this.#begin(row.byteLength);
    for (let index = 0; index < places.length; index += 1) {
      if (index > 0) this.#byte(comma);
      const place = places[index] ?? 0;
      const from = row.from(place);
      if (from >= 0 && this.#plainly(this.#options.cells[index], row.bytes, from, row.to(place))) continue;
      // No value is gone through twice, so that what is left is not more than all of them.
      this.#literal(words(place), row.byteLength);
    }
    this.#end(before);
  }

  /** The statements that are full. */
  take(): readonly Insert[] {
    const taken = this.#full;
    if (taken.length > 0) this.#full = [];
    return taken;
  }

  /** What is left, full or not. */
  end(): readonly Insert[] {
    if (this.#rows > 0) this.#close(this.#at, this.#rows);
    return this.take();
  }

  /** Where the statement without this row ends. */
  #begin(bytes: number): number {
    const before = this.#at;
    this.#room(bytes);
    if (this.#rows > 0) this.#byte(comma);
    this.#byte(opening);
    return before;
  }

  #end(before: number): void {
    this.#byte(closing);
    const { packetBytes, statementRows = Infinity, tooLong } = this.#options;
    if (this.#rows > 0 && (this.#at > this.#limit || this.#rows >= statementRows)) this.#close(before, this.#rows);
    this.#rows += 1;
    if (this.#at > packetBytes) throw tooLong(this.#at);
  }

  #line(bytes: Buffer, from: number, to: number): void {
    const { cells } = this.#options;
    let start = from;
    for (let index = 0; index < cells.length; index += 1) {
      if (index > 0) this.#byte(comma);
      let end = start;
      let isEscaped = false;
      for (; end < to && bytes[end] !== tab; end += 1) if (bytes[end] === backslash) isEscaped = true;
      // Behind the last column nothing, before it a tab.
      if (end < to !== index < cells.length - 1) throw this.#otherColumns();
      if (isEscaped || !this.#plainly(cells[index], bytes, start, end)) {
        this.#inWords(cells[index], bytes.subarray(start, end), isEscaped, to - end);
      }
      start = end + 1;
    }
    if (cells.length === 0 && to > from) throw this.#otherColumns();
  }

  #plainly(writer: CellWriter | undefined, bytes: Buffer, from: number, to: number): boolean {
    if (writer?.plain === undefined) return false;
    const end = writePlain(writer.plain, bytes, from, to, this.#out, this.#at);
    if (end === -1) return false;
    this.#at = end;
    return true;
  }

  /** `restBytes`: of the line behind the cell. */
  #inWords(writer: CellWriter | undefined, cell: Buffer, isEscaped: boolean, restBytes: number): void {
    const text = isEscaped ? cellOf(cell) : cell;
    this.#literal(text === null ? 'NULL' : must(writer, 'a writer of a column').literal(text), restBytes);
  }

  /** `restBytes`: of what the row has left, at most. */
  #literal(literal: string, restBytes: number): void {
    this.#room(literal.length * mostBytesAUnit + restBytes);
    this.#at += this.#out.write(literal, this.#at, 'utf8');
  }

  #byte(byte: number): void {
    this.#out[this.#at] = byte;
    this.#at += 1;
  }

  /** For so many bytes of a line as they are, with what each of its cells may bring, and the commas and brackets. */
  #room(bytes: number): void {
    const wanted = this.#at + bytes + (this.#options.cells.length + 1) * bytesMoreEachCell;
    if (wanted <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#out.length));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }

  /** A statement of so many rows ends before `end`; what is behind it is a comma and the first row of the next. */
  #close(end: number, rows: number): void {
    const before = this.#out;
    this.#full.push({ sql: before.toString('utf8', 0, end), rows });
    const rest = end === this.#at ? end : end + 1;
    const left = this.#at - rest;
    // Room that one long row has asked for is not kept for all that follow.
    if (before.length > 2 * this.#roomBytes && this.#headBytes + left <= this.#roomBytes) {
      this.#out = Buffer.allocUnsafe(this.#roomBytes);
      before.copy(this.#out, 0, 0, this.#headBytes);
    }
    before.copy(this.#out, this.#headBytes, rest, this.#at);
    this.#at = this.#headBytes + left;
    this.#rows = 0;
  }

  #otherColumns(): TealError {
    const columns = this.#options.cells.length;
    return new TealError('TEAL-WIRE-001', 'a line of a copy has another number of columns', { columns });
  }
}
