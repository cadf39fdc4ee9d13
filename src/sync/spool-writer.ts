import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../kernel/assert.ts';
import { TealError, isTealError } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { ChangeRecord } from '../ports/change-source.ts';
import { SpoolEncoder, encodeRecords, segmentName, spoolFormat, type SegmentHeader } from './spool-format.ts';
import { recoverSpool, type SegmentEnd, type SpoolPiece, type SpoolPlace } from './spool-recovery.ts';

export interface SpoolOptions {
  readonly folder: string;
  /** A segment is closed at the end of the transaction that goes beyond it; default 16 MiB. */
  readonly segmentBytes?: number;
}

/**
 * The segment size for a bound of the whole spool: the segment that is being written is never removed, so it must be a small part of the bound, or a spool at its
 * bound would wait for room for ever.
 */
export function segmentBytesFor(limitBytes: number): number {
  return Math.max(1, Math.min(defaultSegmentBytes, Math.floor(limitBytes / 4)));
}

const defaultSegmentBytes = 16 * 1024 * 1024;
/** What is longer comes of a stream that is busy: to read it again from the file costs less than to copy it. */
const pieceBytes = 1 << 14;
const noBytes = Buffer.alloc(0);

/** What is told of records that are written together: places count from the first of them. */
interface Batch {
  /** After the last one in it. */
  boundary?: { readonly bytes: number; readonly received: Position };
  commitBytes?: number;
}

interface OpenSegment {
  readonly number: number;
  readonly file: FileHandle;
  /** Written so far, an unfinished transaction included. */
  bytes: number;
  boundaryBytes: number;
}

/**
 * The writing end of a spool; one at a time, in the receiver's thread. The crash order: a record is written, then it is made durable, then it may be acknowledged. So a crash may leave a
 * transaction that will be sent again, never one that is missing. Readers read whole transactions, from the file when they are written, or told ahead of it: what a target then has and the
 * spool has not is sent again too, and known by its position (correctness.md §2.1).
 */
export class SpoolWriter implements AsyncDisposable {
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #encoder = new SpoolEncoder();
  #segment: OpenSegment | undefined;
  #identity: string | undefined;
  #received: Position | undefined;
  #durable: Position | undefined;
  #readable: SpoolPlace | undefined;
  #totalBytes: number;
  /** What is written behind the last transaction: marks, or the beginning of another. Undefined where it is long, and at the beginning of segments and streams. */
  #tail: Buffer | undefined;
  /** Tables described on this stream in whole transactions, and in the open one. */
  readonly #schemas = new Map<string, ChangeRecord>();
  readonly #openSchemas = new Map<string, ChangeRecord>();

  /** Makes the folder if need be and cuts back what a crash has left unfinished. Errors: TEAL-SYNC-001, -002, -003. */
  static async open(options: SpoolOptions): Promise<SpoolWriter> {
    return onDisk(async () => {
      await mkdir(options.folder, { recursive: true, mode: 0o700 });
      const { segments, bytes, readable, end } = await recoverSpool(options.folder);
      const newest = segments.at(-1);
      const writer = new SpoolWriter(options, bytes);
      if (newest !== undefined && end !== undefined) await writer.#reopen(newest, end, readable);
      return writer;
    });
  }

  private constructor(options: SpoolOptions, totalBytes: number) {
    this.#folder = options.folder;
    this.#segmentBytes = options.segmentBytes ?? defaultSegmentBytes;
    this.#totalBytes = totalBytes;
  }

  /** The last boundary that was written; undefined in a new spool. */
  get received(): Position | undefined {
    return this.#received;
  }

  get identity(): string | undefined {
    return this.#identity;
  }

  /** The place after the last transaction that was written: marks behind it tell a reader nothing. */
  get readable(): SpoolPlace | undefined {
    return this.#readable;
  }

  /** On disk, including what readers have not said yet that they removed. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Of `totalBytes`, what readers will remove by themselves as it is applied; the segment that is being written is not in it. */
  get closedBytes(): number {
    return this.#totalBytes - (this.#segment?.bytes ?? 0);
  }

  /** Readers remove what is applied. */
  removed(bytes: number): void {
    this.#totalBytes -= bytes;
  }

  /** Before the first record of each stream: forgets an unfinished transaction of the stream before, and its tables. */
  async beginStream(identity: string, after: Position): Promise<void> {
    await onDisk(async () => {
      this.#schemas.clear();
      this.#openSchemas.clear();
      this.#tail = undefined;
      this.#identity = identity;
      this.#received ??= after;
      this.#durable ??= after;
      const segment = this.#segment;
      if (segment === undefined) {
        await this.#startSegment(1);
        this.#readable = { segment: 1, bytes: 0 };
      } else if (segment.bytes > segment.boundaryBytes) {
        await segment.file.truncate(segment.boundaryBytes);
        this.#totalBytes -= segment.bytes - segment.boundaryBytes;
        segment.bytes = segment.boundaryBytes;
      }
    });
  }

  /**
   * Writes records in order; readers may read what is whole in the file as soon as this resolves. `ahead` is told of what is whole and short before it is written. Not concurrent.
   * TEAL-SYNC-002 when the disk refuses.
   */
  async append(records: readonly ChangeRecord[], ahead?: (piece: SpoolPiece) => void): Promise<void> {
    await onDisk(async () => {
      const encoder = this.#encoder;
      encoder.reset();
      let batch: Batch = {};
      for (const record of records) {
        // Readers may see a transaction before a mark, so that neither shares a frame with the other.
        if (record.kind === 'mark') encoder.end();
        encoder.add(record);
        if (record.kind === 'change') {
          if (encoder.isFull) encoder.end(batch.commitBytes);
          continue;
        }
        this.#follow(record);
        if (record.kind !== 'commit' && record.kind !== 'mark') continue;
        batch.boundary = { bytes: encoder.at, received: record.end };
        if (record.kind === 'mark') {
          encoder.end();
          continue;
        }
        batch.commitBytes = encoder.at;
        if (encoder.isFull) encoder.end();
        if (this.#open().bytes + encoder.at < this.#segmentBytes) continue;
        encoder.end();
        await this.#write(batch, encoder.bytes, ahead);
        await this.#roll();
        encoder.reset();
        batch = {};
      }
      encoder.end(batch.commitBytes);
      await this.#write(batch, encoder.bytes, ahead);
    });
  }

  /**
   * Makes everything up to the last boundary durable, and says where that is: up to there the source may forget. Appending may go on meanwhile.
   * TEAL-SYNC-005 is final: after a failed fsync nobody can tell what is on the disk, and a second one may succeed without having written anything.
   */
  async sync(): Promise<Position | undefined> {
    const { received, segment } = { received: this.#received, segment: this.#segment };
    if (segment === undefined || received === this.#durable) return this.#durable;
    failpoint('sync.spool.before-sync');
    await this.#makeDurable(segment);
    failpoint('sync.spool.after-sync');
    this.#durable = received;
    return received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Waits for operations that are under way.
    await this.#segment?.file.close();
    this.#segment = undefined;
  }

  #open(): OpenSegment {
    const segment = this.#segment;
    assert(segment !== undefined, 'a stream is begun before records are appended');
    return segment;
  }

  #follow(record: ChangeRecord): void {
    if (record.kind === 'schema') {
      // A copy: the payload is a view of a large chunk, and may be kept for hours.
      this.#openSchemas.set(record.key, { ...record, payload: Buffer.from(record.payload) });
    } else if (record.kind === 'commit') {
      for (const [key, schema] of this.#openSchemas) this.#schemas.set(key, schema);
      this.#openSchemas.clear();
    }
  }

  async #write(batch: Batch, bytes: Buffer, ahead: ((piece: SpoolPiece) => void) | undefined): Promise<void> {
    if (bytes.length === 0) return;
    const segment = this.#open();
    this.#tellAhead(batch, bytes, ahead);
    await writeAll(segment.file, bytes, segment.bytes);
    failpoint('sync.spool.after-write');
    if (batch.boundary !== undefined) {
      segment.boundaryBytes = segment.bytes + batch.boundary.bytes;
      this.#received = batch.boundary.received;
    }
    if (batch.commitBytes !== undefined) {
      this.#readable = { segment: segment.number, bytes: segment.bytes + batch.commitBytes };
    }
    segment.bytes += bytes.length;
    this.#totalBytes += bytes.length;
  }

  /** Copies: the encoder's bytes are used again. */
  #tellAhead({ commitBytes }: Batch, bytes: Buffer, ahead: ((piece: SpoolPiece) => void) | undefined): void {
    const segment = this.#open();
    const tail = this.#tail;
    if (commitBytes !== undefined && tail !== undefined && tail.length + commitBytes <= pieceBytes) {
      const piece = new Uint8Array(tail.length + commitBytes);
      piece.set(tail);
      piece.set(bytes.subarray(0, commitBytes), tail.length);
      ahead?.({ segment: segment.number, at: segment.bytes - tail.length, bytes: piece });
    }
    const before = commitBytes === undefined ? tail : noBytes;
    const rest = bytes.subarray(commitBytes ?? 0);
    const isShort = before !== undefined && before.length + rest.length <= pieceBytes;
    this.#tail = isShort ? Buffer.concat([before, rest]) : undefined;
  }

  /** A segment is durable before the next one is begun: only the newest can ever have a torn end. */
  async #roll(): Promise<void> {
    const segment = this.#open();
    await this.#makeDurable(segment);
    this.#durable = this.#received;
    failpoint('sync.spool.before-roll');
    await this.#startSegment(segment.number + 1);
    // So that a reader removes it also when no transaction comes after it: the receiver may wait for just that.
    this.#readable = { segment: segment.number, bytes: segment.bytes, closed: true };
    await segment.file.close();
  }

  async #makeDurable(segment: OpenSegment): Promise<void> {
    try {
      await segment.file.datasync();
    } catch (error) {
      throw new TealError('TEAL-SYNC-005', 'the spool could not be made durable', { segment: segment.number }, error);
    }
  }

  async #startSegment(number: number): Promise<void> {
    const header: SegmentHeader = {
      format: spoolFormat,
      identity: this.#identity ?? '',
      after: this.#received ?? asPosition(''),
    };
    const start = encodeRecords([{ kind: 'header', header }, ...this.#schemas.values()]);
    const file = await open(join(this.#folder, segmentName(number)), 'w', 0o600);
    await writeAll(file, start, 0);
    failpoint('sync.spool.new-segment');
    await file.sync();
    await syncFolder(this.#folder);
    this.#segment = { number, file, bytes: start.length, boundaryBytes: start.length };
    this.#tail = undefined;
    this.#totalBytes += start.length;
  }

  async #reopen(number: number, end: SegmentEnd, readable: SpoolPlace | undefined): Promise<void> {
    this.#readable = readable;
    const file = await open(join(this.#folder, segmentName(number)), 'r+');
    this.#segment = { number, file, bytes: end.boundaryBytes, boundaryBytes: end.boundaryBytes };
    this.#identity = end.header.identity;
    this.#received = end.received;
    // Recovery has made it so.
    this.#durable = end.received;
  }
}

/** A write may take less than it was given, and says so. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

/** A new name in a folder is durable only when the folder is. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isTealError(error)) throw error;
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    throw new TealError('TEAL-SYNC-002', 'the disk of the spool refused', { cause: String(code) }, error);
  }
}
