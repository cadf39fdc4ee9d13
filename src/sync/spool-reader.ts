import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../kernel/assert.ts';
import { TealError } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import type { StreamEvent } from '../model/change.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { ChangeDecoder } from '../ports/change-source.ts';
import type { EventSource } from './event-source.ts';
import { readFrame, readHeader, segmentName, visitRecords, type ReadFrame, type SpoolKind } from './spool-format.ts';
import { listSegments, type SpoolPiece, type SpoolPlace } from './spool-recovery.ts';

export interface SpoolReaderOptions {
  readonly folder: string;
  readonly decoder: ChangeDecoder;
  /** Up to where it may read for now. */
  readonly readable: SpoolPlace;
  /** What the target holds: the spool must begin at or before it (TEAL-SYNC-004). */
  readonly applied: Position;
  /** Called with the size of each segment that was removed. */
  readonly onRemoved: (bytes: number) => void;
}

const readBytes = 1 << 20;
/** Of a reader that is further behind the file is read. */
const piecesBytes = 1 << 18;

interface FinishedSegment {
  readonly number: number;
  readonly bytes: number;
  /** End of the last transaction in it; undefined when it holds none. */
  readonly last: Position | undefined;
}

/** The reading end of a spool: whole transactions, from the oldest segment on. Removes segments once everything in them is durable on the target. */
export class SpoolReader implements EventSource, AsyncDisposable {
  readonly #options: SpoolReaderOptions;
  #readable: SpoolPlace;
  #failure: TealError | undefined;
  #wake: () => void = () => undefined;
  #file: FileHandle | undefined;
  #segment: number;
  #at = 0;
  /** End of the newest transaction that was read from the open segment. */
  #lastEnd: Position | undefined;
  #headerSeen = false;
  /** End of the last transaction or mark that was read, in whatever segment: what the next segment must begin after. */
  #boundary: Position | undefined;
  #insideTransaction = false;
  /** Tables known at a segment's start: told inside the first transaction after it, where a description may be. */
  #known: StreamEvent[] = [];
  readonly #finished: FinishedSegment[] = [];
  /** Told ahead, of the open segment, one behind the other; the first may lie further on than this reader has come. */
  #pieces: SpoolPiece[] = [];
  #trimmed: Position | undefined;
  #removing: Promise<void> = Promise.resolve();

  static async open(options: SpoolReaderOptions): Promise<SpoolReader> {
    const oldest = (await listSegments(options.folder))[0];
    assert(oldest !== undefined, 'a spool is read after it was begun');
    return new SpoolReader(options, oldest);
  }

  private constructor(options: SpoolReaderOptions, oldest: number) {
    this.#options = options;
    this.#readable = options.readable;
    this.#segment = oldest;
  }

  /** The writer has come further. */
  extend(readable: SpoolPlace): void {
    this.#readable = readable;
    this.#leaveIfClosed();
    this.#wake();
  }

  /** Told ahead of what is in the file. What this reader does not come to in time it reads there. */
  take(piece: SpoolPiece): void {
    if (piece.segment !== this.#segment || piece.at < this.#at) return;
    const [first, last] = [this.#pieces[0], this.#pieces.at(-1)];
    const follows = last !== undefined && piece.at === endOf(last);
    if (!follows || endOf(piece) - (first?.at ?? 0) > piecesBytes) this.#pieces = [];
    this.#pieces.push(piece);
    this.#wake();
  }

  /** Nothing more will come: `next` rejects with it once everything readable was read. */
  fail(error: TealError): void {
    this.#failure = error;
    this.#wake();
  }

  hasMore(): boolean {
    if (this.#pieces[0]?.at === this.#at) return true;
    const { segment, bytes } = this.#readable;
    return segment > this.#segment || (segment === this.#segment && bytes > this.#at);
  }

  async next(signal: AbortSignal): Promise<readonly StreamEvent[]> {
    for (;;) {
      signal.throwIfAborted();
      while (!this.hasMore()) await this.#more(signal);
      const events = this.#pieces[0]?.at === this.#at ? this.#takePieces() : await this.#readOn();
      if (events.length > 0) return events;
    }
  }

  trimmed(position: Position): void {
    this.#trimmed = position;
    this.#removeFinished();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #more(signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const abort = (): void => resolve();
    signal.addEventListener('abort', abort, { once: true });
    await promise;
    signal.removeEventListener('abort', abort);
    signal.throwIfAborted();
  }

  #takePieces(): StreamEvent[] {
    const events: StreamEvent[] = [];
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const { bytes } of pieces) {
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      if (this.#takeFrames(piece, events).at !== piece.length) throw this.#damaged();
      this.#at += piece.length;
    }
    this.#leaveIfClosed();
    return events;
  }

  /** Events of the next piece; none when it only held marks, or a segment ended. */
  async #readOn(): Promise<StreamEvent[]> {
    this.#file ??= await open(this.#path(this.#segment), 'r');
    const isNewest = this.#segment === this.#readable.segment;
    const end = isNewest ? this.#readable.bytes : (await this.#file.stat()).size;
    if (this.#at === end) {
      this.#nextSegment();
      return [];
    }
    const bytes = await this.#readPiece(this.#file, Math.min(readBytes, end - this.#at));
    const events: StreamEvent[] = [];
    const { at, needBytes } = this.#takeFrames(bytes, events);
    if (at === 0) return this.#readLarge(this.#file, needBytes, end);
    this.#pass(at);
    return events;
  }

  /** So much was read from the file. */
  #pass(bytes: number): void {
    this.#at += bytes;
    const [first] = this.#pieces;
    if (first !== undefined && first.at < this.#at) this.#pieces = [];
    this.#leaveIfClosed();
  }

  /** Up to the first frame that is not whole: where it begins, and how long it is. */
  #takeFrames(bytes: Buffer, events: StreamEvent[]): { readonly at: number; readonly needBytes: number } {
    let at = 0;
    let read = readFrame(bytes, at);
    for (; read.state === 'whole'; read = readFrame(bytes, at)) {
      this.#takeFrame(bytes, read, events);
      at = read.next;
    }
    if (read.state === 'damaged') throw this.#damaged();
    return { at, needBytes: read.needBytes };
  }

  /** One frame that is longer than a piece. */
  async #readLarge(file: FileHandle, length: number, end: number): Promise<StreamEvent[]> {
    if (length > end - this.#at) throw this.#damaged();
    const events: StreamEvent[] = [];
    const bytes = await this.#readPiece(file, length);
    const read = readFrame(bytes, 0);
    if (read.state !== 'whole') throw this.#damaged();
    this.#takeFrame(bytes, read, events);
    this.#pass(read.next);
    return events;
  }

  async #readPiece(file: FileHandle, length: number): Promise<Buffer> {
    // A buffer of its own each time: the events are views of it.
    const buffer = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, this.#at + filled);
      if (bytesRead === 0) throw this.#damaged();
      filled += bytesRead;
    }
    return buffer;
  }

  #takeFrame(bytes: Buffer, frame: Extract<ReadFrame, { readonly state: 'whole' }>, events: StreamEvent[]): void {
    const isWhole = visitRecords(bytes, frame, (kind, text, from, to) => {
      if (kind === 'change') this.#decode(bytes, from, to, events);
      else this.#takeOther(kind, text, bytes, { from, to, events });
    });
    if (!isWhole) throw this.#damaged();
  }

  #takeOther(
    kind: Exclude<SpoolKind, 'change'>,
    text: string,
    bytes: Buffer,
    { from, to, events }: { readonly from: number; readonly to: number; readonly events: StreamEvent[] },
  ): void {
    switch (kind) {
      case 'header':
        this.#takeHeader(bytes.subarray(from, to));
        return;
      case 'mark':
        this.#boundary = asPosition(text);
        return;
      case 'schema':
        this.#decode(bytes, from, to, this.#insideTransaction ? events : this.#known);
        return;
      case 'begin':
        this.#decode(bytes, from, to, events);
        events.push(...this.#known);
        this.#known = [];
        this.#insideTransaction = true;
        return;
      case 'commit':
        this.#decode(bytes, from, to, events);
        this.#insideTransaction = false;
        this.#takeEnd(asPosition(text));
        return;
      default:
        kind satisfies never;
    }
  }

  #takeHeader(json: Buffer): void {
    const header = readHeader(json);
    if (header === undefined) throw this.#damaged();
    this.#refuseHole(header.after);
    this.#headerSeen = true;
    this.#boundary = header.after;
  }

  #takeEnd(end: Position): void {
    if (this.#lastEnd !== undefined && end <= this.#lastEnd) throw this.#damaged();
    this.#lastEnd = end;
    this.#boundary = end;
  }

  #decode(bytes: Buffer, from: number, to: number, into: StreamEvent[]): void {
    const { decoder } = this.#options;
    const event =
      decoder.decodeIn === undefined ? decoder.decode(bytes.subarray(from, to)) : decoder.decodeIn(bytes, from, to);
    if (event !== undefined) into.push(event);
  }

  #refuseHole(after: Position): void {
    // A segment that was cut short at a record's end looks whole by itself.
    if (this.#boundary !== undefined && after !== this.#boundary) throw this.#damaged();
    if (this.#headerSeen || after <= this.#options.applied) return;
    throw new TealError('TEAL-SYNC-004', 'the spool begins after what the target holds', {
      spoolAfter: after,
      applied: this.#options.applied,
    });
  }

  /** A segment that is read to its end can go as soon as it is applied, whether or not the next one holds anything yet. */
  #leaveIfClosed(): void {
    const { segment, bytes, closed } = this.#readable;
    if (closed === true && segment === this.#segment && bytes === this.#at) this.#nextSegment();
  }

  #nextSegment(): void {
    const file = this.#file;
    this.#file = undefined;
    this.#removing = this.#removing.then(async () => this.#close(file));
    this.#finished.push({ number: this.#segment, bytes: this.#at, last: this.#lastEnd });
    this.#lastEnd = undefined;
    this.#segment += 1;
    this.#at = 0;
    this.#pieces = [];
    this.#removeFinished();
  }

  async #close(file: FileHandle | undefined): Promise<void> {
    try {
      await file?.close();
    } catch (error) {
      this.#failure ??= new TealError('TEAL-SYNC-002', 'a segment of the spool cannot be closed', {}, error);
    }
  }

  /** Oldest first, so that what is left is contiguous at any moment. */
  #removeFinished(): void {
    for (;;) {
      const oldest = this.#finished[0];
      if (oldest === undefined || !this.#isTrimmed(oldest)) return;
      this.#finished.shift();
      this.#removing = this.#removing.then(async () => this.#remove(oldest));
    }
  }

  #isTrimmed(segment: FinishedSegment): boolean {
    return segment.last === undefined || (this.#trimmed !== undefined && segment.last <= this.#trimmed);
  }

  async #remove(segment: FinishedSegment): Promise<void> {
    failpoint('sync.spool.before-remove');
    try {
      await rm(this.#path(segment.number), { force: true });
    } catch (error) {
      // Kept room is no harm to data, but it must be seen: the next `next` says it.
      this.#failure ??= new TealError(
        'TEAL-SYNC-002',
        'a segment of the spool cannot be removed',
        { segment: segment.number },
        error,
      );
      return;
    }
    this.#options.onRemoved(segment.bytes);
  }

  #path(segment: number): string {
    return join(this.#options.folder, segmentName(segment));
  }

  #damaged(): TealError {
    return new TealError('TEAL-SYNC-001', 'a record of the spool is damaged', { segment: this.#segment, at: this.#at });
  }
}

function endOf({ at, bytes }: SpoolPiece): number {
  return at + bytes.length;
}
