import { open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../kernel/errors.ts';
import { asPosition, type Position } from '../model/position.ts';
import {
  readFrame,
  readHeader,
  segmentName,
  segmentNumber,
  visitRecords,
  type SegmentHeader,
  type SpoolKind,
} from './spool-format.ts';

/** Up to where whole transactions can be read: a segment, and a place in it. */
export interface SpoolPlace {
  readonly segment: number;
  readonly bytes: number;
  /** Nothing will be written behind it in this segment. */
  readonly closed?: true;
}

/** Whole frames, as they are or will be at a place of a segment: for a reader that has come to that place, which then need not read them there. */
export interface SpoolPiece {
  readonly segment: number;
  readonly at: number;
  /** Ends with a transaction. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface SegmentEnd {
  readonly header: SegmentHeader;
  /** Where the last whole transaction or mark ends, in bytes: what is behind it was never acknowledged. */
  readonly boundaryBytes: number;
  readonly received: Position;
  /** Where the last transaction ends, in bytes; 0 when there is none in it. */
  readonly commitBytes: number;
}

export interface RecoveredSpool {
  /** Oldest first, contiguous; empty for a new spool. */
  readonly segments: readonly number[];
  readonly bytes: number;
  /** The place after the last transaction. */
  readonly readable?: SpoolPlace;
  /** Of the newest segment. */
  readonly end?: SegmentEnd;
}

const readBytes = 1 << 20;

/**
 * Cuts a spool back to whole transactions after a crash. Only the newest segment can have a torn end: a segment is made durable before the next one is
 * begun. A newest segment without a whole header had just been begun, and goes. Whether the cut took something that was acknowledged shows when
 * the source is asked: it then refuses to go on from before what it was told (TEAL-SYSTEMS-026).
 */
export async function recoverSpool(folder: string): Promise<RecoveredSpool> {
  const segments = await listSegments(folder);
  const newest = segments.at(-1);
  if (newest === undefined) return { segments, bytes: 0 };
  let end = await cutBack(folder, newest);
  if (end === undefined) {
    await rm(join(folder, segmentName(newest)));
    segments.pop();
    const before = segments.at(-1);
    if (before === undefined) return { segments, bytes: 0 };
    end = await cutBack(folder, before);
    if (end === undefined) throw damaged(before);
  }
  const bytes = await sizeOf(folder, segments);
  return { segments, bytes, readable: await lastCommit(folder, segments, end.commitBytes), end };
}

/** A segment that was closed ends with a transaction: segments are closed nowhere else. */
async function lastCommit(folder: string, segments: readonly number[], commitBytes: number): Promise<SpoolPlace> {
  const newest = segments.at(-1) ?? 0;
  if (commitBytes > 0 || segments.length === 1) return { segment: newest, bytes: commitBytes };
  return { segment: newest - 1, bytes: await sizeOf(folder, [newest - 1]), closed: true };
}

/** Undefined when the segment has no whole header. */
async function cutBack(folder: string, segment: number): Promise<SegmentEnd | undefined> {
  await using file = await open(join(folder, segmentName(segment)), 'r+');
  const end = await findEnd(file);
  if (end === undefined) return undefined;
  await file.truncate(end.boundaryBytes);
  await file.sync();
  return end;
}

export async function listSegments(folder: string): Promise<number[]> {
  const numbers = (await readdir(folder)).map(segmentNumber).filter((number) => number !== undefined);
  numbers.sort((a, b) => a - b);
  numbers.forEach((number, index) => {
    if (index > 0 && number !== (numbers[index - 1] ?? 0) + 1) throw damaged(number - 1);
  });
  return numbers;
}

function damaged(segment: number): TealError {
  return new TealError('TEAL-SYNC-001', 'a segment of the spool is missing or has no header', { segment });
}

async function findEnd(file: FileHandle): Promise<SegmentEnd | undefined> {
  let header: SegmentHeader | undefined;
  let received: Position | undefined;
  let boundaryBytes = 0;
  let commitBytes = 0;
  let insideTransaction = false;
  let seesCommit = false;
  const visit = (kind: SpoolKind, text: string, payload: () => Buffer): void => {
    if (kind === 'header') {
      header = readHeader(payload());
      received = header?.after;
    } else if (kind === 'commit' || kind === 'mark') {
      received = asPosition(text);
    }
    insideTransaction = kind === 'begin' || (insideTransaction && kind !== 'commit');
    seesCommit ||= kind === 'commit';
  };
  await scan(file, visit, (next) => {
    if (!insideTransaction) boundaryBytes = next;
    if (seesCommit) commitBytes = next;
    seesCommit = false;
  });
  return header === undefined || received === undefined ? undefined : { header, boundaryBytes, received, commitBytes };
}

/** Every record of each whole frame up to the first that is torn or damaged, and where the frame ends. */
async function scan(
  file: FileHandle,
  visit: (kind: SpoolKind, text: string, payload: () => Buffer) => void,
  ended: (next: number) => void,
): Promise<void> {
  let fileAt = 0;
  let wanted = readBytes;
  for (;;) {
    const buffer = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await file.read(buffer, 0, wanted, fileAt);
    const bytes = buffer.subarray(0, bytesRead);
    let at = 0;
    let read = readFrame(bytes, at);
    for (; read.state === 'whole'; read = readFrame(bytes, at)) {
      const isWhole = visitRecords(bytes, read, (kind, text, from, to) =>
        visit(kind, text, () => bytes.subarray(from, to)),
      );
      if (!isWhole) return;
      ended(fileAt + read.next);
      at = read.next;
    }
    if (read.state === 'damaged' || bytesRead < wanted) return;
    fileAt += at;
    wanted = Math.max(readBytes, read.needBytes);
  }
}

async function sizeOf(folder: string, segments: readonly number[]): Promise<number> {
  let bytes = 0;
  for (const segment of segments) {
    await using file = await open(join(folder, segmentName(segment)), 'r');
    bytes += (await file.stat()).size;
  }
  return bytes;
}
