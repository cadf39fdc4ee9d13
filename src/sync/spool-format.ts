import { crc32 } from 'node:zlib';
import { TealError } from '../kernel/errors.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { ChangeRecord } from '../ports/change-source.ts';

/**
 * A spool is a folder of segments. A segment is a header, the tables that are known at its start, and then whole transactions and marks, so that it can
 * be read without the ones before. Record: u32 length and u32 CRC-32 of what follows; a byte for the kind; where a kind has one, a position or a
 * key (u16 length, text); the source's payload. All numbers big-endian.
 */
export type SpoolRecord = { readonly kind: 'header'; readonly header: SegmentHeader } | ChangeRecord;

export interface SegmentHeader {
  readonly format: 1;
  /** `ChangeStream.identity` of the source. */
  readonly identity: string;
  /** The last boundary before this segment. */
  readonly after: Position;
}

const kinds = ['header', 'begin', 'schema', 'change', 'commit', 'mark'] as const;
/** CRC-32 of each kind's byte, which a sum of the bytes after it goes on from: no view of both is made for the sum alone. */
const kindSums = kinds.map((_, code) => crc32(Buffer.of(code)));
const prefixBytes = 8;
/** PostgreSQL's own limit of a message, and some for this format: what is longer is damage. */
const maxRecordBytes = (1 << 30) + (1 << 16);

function textOf(record: SpoolRecord): string | undefined {
  switch (record.kind) {
    case 'schema':
      return record.key;
    case 'commit':
    case 'mark':
      return record.end;
    case 'header':
    case 'begin':
    case 'change':
      return undefined;
    default:
      return record satisfies never;
  }
}

function payloadOf(record: SpoolRecord): Buffer | undefined {
  if (record.kind === 'header') return Buffer.from(JSON.stringify(record.header));
  return record.kind === 'mark' ? undefined : record.payload;
}

export function encodeRecord(record: SpoolRecord): Buffer {
  return encodeParts([partsOf(record)]);
}

/** How long a record is in a segment. */
export function encodedBytes(parts: RecordParts): number {
  return prefixBytes + bodyBytes(parts);
}

/** Records one after the other in one buffer: most of them are short, and there are hundreds of thousands a second. */
export function encodeParts(records: readonly RecordParts[]): Buffer {
  let length = 0;
  for (const parts of records) length += encodedBytes(parts);
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const parts of records) at = writeRecord(bytes, at, parts);
  return bytes;
}

/** What a record is written from. */
export interface RecordParts {
  readonly code: number;
  readonly text: string | undefined;
  readonly payload: Buffer | undefined;
}

export function partsOf(record: SpoolRecord): RecordParts {
  return { code: kinds.indexOf(record.kind), text: textOf(record), payload: payloadOf(record) };
}

function bodyBytes({ text, payload }: RecordParts): number {
  return 1 + (text === undefined ? 0 : 2 + Buffer.byteLength(text)) + (payload?.length ?? 0);
}

/** Answers where the next one begins. */
function writeRecord(bytes: Buffer, from: number, parts: RecordParts): number {
  const { code, text, payload } = parts;
  let at = bytes.writeUInt32BE(bodyBytes(parts), from);
  at = bytes.writeUInt8(code, at + 4);
  if (text !== undefined) {
    const written = bytes.write(text, at + 2);
    bytes.writeUInt16BE(written, at);
    at += 2 + written;
  }
  if (payload !== undefined) at += payload.copy(bytes, at);
  const sum =
    text === undefined && payload !== undefined
      ? crc32(payload, kindSums[code])
      : crc32(bytes.subarray(from + prefixBytes, at));
  bytes.writeUInt32BE(sum, from + 4);
  return at;
}

export type ReadRecord =
  | { readonly state: 'whole'; readonly record: SpoolRecord; readonly next: number }
  /** The bytes end inside it; `needBytes` from its start make it whole, as far as can be told. */
  | { readonly state: 'short'; readonly needBytes: number }
  | { readonly state: 'damaged' };

/** The record that begins at `at`. Payloads are views of `bytes`. */
export function readRecord(bytes: Buffer, at: number): ReadRecord {
  if (bytes.length - at < prefixBytes) return { state: 'short', needBytes: prefixBytes };
  const length = bytes.readUInt32BE(at);
  if (length === 0 || length > maxRecordBytes) return { state: 'damaged' };
  const next = at + prefixBytes + length;
  if (next > bytes.length) return { state: 'short', needBytes: prefixBytes + length };
  const sum = bytes.readUInt32BE(at + 4);
  const code = bytes[at + prefixBytes] ?? 0;
  const kind = kinds[code];
  if (kind === 'change') {
    const payload = bytes.subarray(at + prefixBytes + 1, next);
    return crc32(payload, kindSums[code]) === sum
      ? { state: 'whole', record: { kind, payload }, next }
      : { state: 'damaged' };
  }
  const body = bytes.subarray(at + prefixBytes, next);
  if (crc32(body) !== sum) return { state: 'damaged' };
  const record = decodeBody(body);
  return record === undefined ? { state: 'damaged' } : { state: 'whole', record, next };
}

function decodeBody(body: Buffer): SpoolRecord | undefined {
  const kind = kinds[body.readUInt8(0)];
  switch (kind) {
    case 'header':
      return decodeHeader(body.subarray(1));
    case 'begin':
    case 'change':
      return { kind, payload: body.subarray(1) };
    case 'schema': {
      const split = splitText(body);
      return split && { kind, key: split.text, payload: split.rest };
    }
    case 'commit': {
      const split = splitText(body);
      return split && { kind, end: asPosition(split.text), payload: split.rest };
    }
    case 'mark': {
      const split = splitText(body);
      return split && { kind, end: asPosition(split.text) };
    }
    case undefined:
      return undefined;
    default:
      return kind satisfies never;
  }
}

/** Undefined when the body is too short for what it announces. */
function splitText(body: Buffer): { readonly text: string; readonly rest: Buffer } | undefined {
  const end = body.length < 3 ? Infinity : 3 + body.readUInt16BE(1);
  if (end > body.length) return undefined;
  return { text: body.toString('utf8', 3, end), rest: body.subarray(end) };
}

/** A header that its checksum confirms was written by some Teal: another format than this one is an error, not damage. */
function decodeHeader(json: Buffer): SpoolRecord | undefined {
  const header = parsed(json.toString('utf8'));
  const { format, identity, after } = Object(header) as Partial<Record<keyof SegmentHeader, unknown>>;
  if (typeof format === 'number' && format !== 1) {
    throw new TealError('TEAL-SYNC-003', 'the spool was written by a newer Teal', { format });
  }
  if (format !== 1 || typeof identity !== 'string' || typeof after !== 'string') return undefined;
  return { kind: 'header', header: { format, identity, after: asPosition(after) } };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Its checksum is right and it is no JSON: not written by Teal, which the caller reports as damage.
    return undefined;
  }
}

/** `0000000017.seg`: names order as numbers do. */
export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.seg`;
}

export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{10})\.seg$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
