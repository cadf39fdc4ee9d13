import { crc32 } from 'node:zlib';
import { TealError } from '../kernel/errors.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { ChangeRecord } from '../ports/change-source.ts';

/**
 * A spool is a folder of segments. A segment is a header, the tables that are known at its start, and then whole transactions and marks, so that it can
 * be read without the ones before. It is written in frames: u32 length and u32 CRC-32 of what follows, which is a byte for the kind of a record and the record,
 * or, as most are short and there are hundreds of thousands a second, `many` and records, each with a u32 length before its kind. A record: where its kind has one, a position or a
 * key (u16 length, text); the source's payload. No frame goes on after the last transaction that was whole when it was written. All numbers big-endian.
 *
 * Format 1 has no `many`; it is read as well.
 */
export type SpoolRecord = { readonly kind: 'header'; readonly header: SegmentHeader } | ChangeRecord;
export type SpoolKind = SpoolRecord['kind'];

export interface SegmentHeader {
  readonly format: 1 | 2;
  /** `ChangeStream.identity` of the source. */
  readonly identity: string;
  /** The last boundary before this segment. */
  readonly after: Position;
}

export const spoolFormat = 2;
const kinds = ['header', 'begin', 'schema', 'change', 'commit', 'mark'] as const;
const codeOf = { header: 0, begin: 1, schema: 2, change: 3, commit: 4, mark: 5 } as const satisfies Record<
  SpoolKind,
  number
>;
const many = 6;
const hasText = [false, false, true, false, true, true] as const;
const prefixBytes = 8;
const lengthBytes = 4;
/** PostgreSQL's own limit of a message, and some for this format: what is longer is damage. */
const maxFrameBytes = (1 << 30) + (1 << 16);
/** A frame that is longer gets no further record. */
const fullFrameBytes = 1 << 17;

function textOf(record: SpoolRecord): string {
  if (record.kind === 'schema') return record.key;
  return record.kind === 'commit' || record.kind === 'mark' ? record.end : '';
}

const noPayload = Buffer.alloc(0);

function payloadOf(record: SpoolRecord): Buffer {
  if (record.kind === 'header') return Buffer.from(JSON.stringify(record.header));
  return record.kind === 'mark' ? noPayload : record.payload;
}

/** Writes records, one after the other, as frames into one buffer, which it uses again. */
export class SpoolEncoder {
  #bytes = Buffer.allocUnsafe(1 << 18);
  #at = 0;
  /** Where the open frame begins; -1 without one. */
  #open = -1;

  /** Forgets what was written: its bytes must have been used. */
  reset(): void {
    this.#at = 0;
    this.#open = -1;
  }

  /** With `end` as the last call before it. Good until `reset`. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Where the next record begins. */
  get at(): number {
    return this.#at;
  }

  add(record: SpoolRecord): void {
    const code = codeOf[record.kind];
    const text = textOf(record);
    const payload = payloadOf(record);
    this.#room(prefixBytes + 1 + lengthBytes + 3 + 3 * text.length + payload.length);
    if (this.#open < 0) this.#begin();
    const from = this.#at;
    let at = from + lengthBytes;
    this.#bytes[at++] = code;
    if (hasText[code]) {
      const written = this.#bytes.write(text, at + 2);
      at = this.#bytes.writeUInt16BE(written, at) + written;
    }
    at += payload.copy(this.#bytes, at);
    this.#bytes.writeUInt32BE(at - from - lengthBytes, from);
    this.#at = at;
  }

  get isFull(): boolean {
    return this.#open >= 0 && this.#at - this.#open >= fullFrameBytes;
  }

  /** Ends the open frame: at `place`, if that lies inside of it, and what is behind it becomes a frame of its own. */
  end(place = this.#at): void {
    if (this.#open < 0) return;
    const tail = this.#at - place;
    if (place <= this.#open || tail <= 0) {
      this.#close(this.#at);
      return;
    }
    this.#room(prefixBytes + 1);
    this.#bytes.copyWithin(place + prefixBytes + 1, place, this.#at);
    this.#close(place);
    this.#at = place;
    this.#begin();
    this.#at += tail;
    this.#close(this.#at);
  }

  #begin(): void {
    this.#open = this.#at;
    this.#bytes[this.#at + prefixBytes] = many;
    this.#at += prefixBytes + 1;
  }

  #close(end: number): void {
    const body = this.#open + prefixBytes;
    this.#bytes.writeUInt32BE(end - body, this.#open);
    this.#bytes.writeUInt32BE(crc32(this.#bytes.subarray(body, end)), this.#open + 4);
    this.#open = -1;
  }

  #room(bytes: number): void {
    if (this.#bytes.length - this.#at >= bytes) return;
    const roomy = Buffer.allocUnsafe(Math.max(this.#at + bytes, 2 * this.#bytes.length));
    this.#bytes.copy(roomy, 0, 0, this.#at);
    this.#bytes = roomy;
  }
}

/** Records as frames of their own, for those that are not many. */
export function encodeRecords(records: readonly SpoolRecord[]): Buffer {
  const encoder = new SpoolEncoder();
  for (const record of records) {
    encoder.add(record);
    encoder.end();
  }
  return encoder.bytes;
}

export type ReadFrame =
  /** What it holds lies between `from` and `next`. */
  | { readonly state: 'whole'; readonly from: number; readonly next: number }
  /** The bytes end inside it; `needBytes` from its start make it whole, as far as can be told. */
  | { readonly state: 'short'; readonly needBytes: number }
  | { readonly state: 'damaged' };

/** The frame that begins at `at`. */
export function readFrame(bytes: Buffer, at: number): ReadFrame {
  if (bytes.length - at < prefixBytes) return { state: 'short', needBytes: prefixBytes };
  const length = bytes.readUInt32BE(at);
  if (length === 0 || length > maxFrameBytes) return { state: 'damaged' };
  const from = at + prefixBytes;
  const next = from + length;
  if (next > bytes.length) return { state: 'short', needBytes: prefixBytes + length };
  return crc32(bytes.subarray(from, next)) === bytes.readUInt32BE(at + 4)
    ? { state: 'whole', from, next }
    : { state: 'damaged' };
}

/** `text`: the key or the position, empty for kinds without. The payload lies between `from` and `to`. */
export type RecordVisitor = (kind: SpoolKind, text: string, from: number, to: number) => void;

/** Every record of a frame, in order; false at the first that is none. */
export function visitRecords(
  bytes: Buffer,
  { from, next }: { from: number; next: number },
  visit: RecordVisitor,
): boolean {
  if (bytes[from] !== many) return visitRecord(bytes, from, next, visit);
  for (let at = from + 1; at < next;) {
    if (next - at <= lengthBytes) return false;
    const body = at + lengthBytes;
    at = body + bytes.readUInt32BE(at);
    if (at > next || at === body || !visitRecord(bytes, body, at, visit)) return false;
  }
  return true;
}

function visitRecord(bytes: Buffer, from: number, to: number, visit: RecordVisitor): boolean {
  const code = bytes[from] ?? many;
  const kind = kinds[code];
  if (kind === undefined) return false;
  if (!hasText[code]) {
    visit(kind, '', from + 1, to);
    return true;
  }
  const end = to - from < 3 ? Infinity : from + 3 + bytes.readUInt16BE(from + 1);
  if (end > to) return false;
  visit(kind, bytes.toString('utf8', from + 3, end), end, to);
  return true;
}

/** Undefined for what is no header. One that its checksum confirms was written by some Teal: a format that is not known is an error, not damage. */
export function readHeader(json: Buffer): SegmentHeader | undefined {
  const header = parsed(json.toString('utf8'));
  const { format, identity, after } = Object(header) as Partial<Record<keyof SegmentHeader, unknown>>;
  if (typeof format === 'number' && format !== 1 && format !== spoolFormat) {
    throw new TealError('TEAL-SYNC-003', 'the spool was written by a newer Teal', { format });
  }
  if ((format !== 1 && format !== spoolFormat) || typeof identity !== 'string' || typeof after !== 'string')
    return undefined;
  return { format, identity, after: asPosition(after) };
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
