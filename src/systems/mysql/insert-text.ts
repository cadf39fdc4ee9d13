import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { tableFacts, type TableName } from '../../model/catalog.ts';
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
  readonly table: TableName;
  /** All that stands before the first row. */
  readonly head: string;
  readonly cells: readonly CellWriter[];
  /** Of the longest statement. */
  readonly packetBytes: number;
  /** What a statement should be; default 1 MiB: round trips are felt below it, and above it only memory. */
  readonly statementBytes?: number;
}

const defaultStatementBytes = 1 << 20;
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
 * INSERTs of as many rows as make a statement of a good size, out of lines of PostgreSQL's COPY text format. They are put together as bytes: a string is made of the whole statement, and of
 * a cell only where its bytes do not tell what it is. Not more is kept than a statement and a row.
 */
export class InsertText {
  readonly #options: InsertOptions;
  readonly #headBytes: number;
  readonly #limit: number;
  readonly #roomBytes: number;
  #out: Buffer;
  #at: number;
  #rows = 0;
  #full: string[] = [];

  constructor(options: InsertOptions) {
    this.#options = options;
    const head = Buffer.from(options.head);
    this.#headBytes = this.#at = head.length;
    this.#limit = Math.min(options.statementBytes ?? defaultStatementBytes, options.packetBytes);
    this.#roomBytes = head.length + this.#limit + (this.#limit >> 2);
    this.#out = Buffer.allocUnsafe(this.#roomBytes);
    head.copy(this.#out);
  }

  /** One line, without its newline. Errors: TEAL-SYNC-130, -133 a row that is longer than a packet; TEAL-WIRE-001 for no line of these columns. Unusable afterwards. */
  add(bytes: Buffer, from: number, to: number): void {
    const before = this.#at;
    this.#room(to - from);
    if (this.#rows > 0) this.#byte(comma);
    this.#row(bytes, from, to);
    if (this.#at > this.#limit && this.#rows > 0) this.#close(before);
    this.#rows += 1;
    if (this.#at <= this.#options.packetBytes) return;
    throw new TealError('TEAL-SYNC-133', 'a row of the copy', {
      ...tableFacts(this.#options.table),
      bytes: this.#at,
    });
  }

  /** The statements that are full. */
  take(): readonly string[] {
    const taken = this.#full;
    if (taken.length > 0) this.#full = [];
    return taken;
  }

  /** What is left, full or not. */
  end(): readonly string[] {
    if (this.#rows > 0) this.#close(this.#at);
    return this.take();
  }

  #row(bytes: Buffer, from: number, to: number): void {
    const { cells } = this.#options;
    this.#byte(opening);
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
    this.#byte(closing);
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
    const literal = text === null ? 'NULL' : must(writer, 'a writer of a column').literal(text);
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

  /** A statement ends before `end`; what is behind it is a comma and the first row of the next. */
  #close(end: number): void {
    const before = this.#out;
    this.#full.push(before.toString('utf8', 0, end));
    const rest = end === this.#at ? end : end + 1;
    const left = this.#at - rest;
    // Room that one long row has asked for is not kept for all that follow.
    if (before.length > this.#roomBytes && this.#headBytes + left <= this.#roomBytes) {
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
