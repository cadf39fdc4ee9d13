import { TealError } from '../../kernel/errors.ts';
import { PackedValues, notSentMark, nullMark, type Places } from '../../kernel/packed-values.ts';

/**
 * Messages of PostgreSQL's logical replication stream, protocol version 1 (manual: "Logical Replication Message Formats"). Whole transactions in commit
 * order; relations are numbered, and described before their first use on a connection. Pure: what a number means is the caller's to remember.
 *
 * Values are views of the payload, not copies: whoever keeps one keeps the payload.
 */

export interface RelationMessage {
  readonly kind: 'relation';
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  readonly columns: readonly {
    readonly name: string;
    readonly typeOid: number;
    readonly typeModifier: number;
    readonly key: boolean;
  }[];
}

/** Values are text, or all of a row are binary, if the stream was asked for it and their types have such a form; one that is not sent is an unchanged TOASTed value. */
export interface OldTuple {
  readonly kind: 'key' | 'full';
  readonly values: PackedValues;
}

export type PgoutputMessage =
  /** `final` is where the commit record starts: good for nothing but a look (correctness.md §2.1). */
  | { readonly kind: 'begin'; readonly final: bigint; readonly committedAtUs: bigint; readonly xid: number }
  | { readonly kind: 'commit'; readonly end: bigint; readonly committedAtUs: bigint }
  | { readonly kind: 'origin'; readonly name: string }
  | RelationMessage
  | { readonly kind: 'type'; readonly id: number; readonly schema: string; readonly name: string }
  | { readonly kind: 'insert'; readonly relationId: number; readonly row: PackedValues }
  | {
      readonly kind: 'update';
      readonly relationId: number;
      readonly old?: OldTuple;
      readonly row: PackedValues;
    }
  | { readonly kind: 'delete'; readonly relationId: number; readonly old: OldTuple }
  | { readonly kind: 'put'; readonly relationId: number; readonly row: PackedValues }
  | {
      readonly kind: 'truncate';
      readonly relationIds: readonly number[];
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    }
  | {
      readonly kind: 'message';
      readonly transactional: boolean;
      readonly position: bigint;
      readonly prefix: string;
      readonly content: Buffer;
    };

/** Microseconds from 1970 to 2000, where PostgreSQL counts from. */
export const postgresEpochUs = 946_684_800_000_000n;

/** First bytes of messages, and the marks inside of them. */
export const letter = {
  begin: 0x42,
  commit: 0x43,
  origin: 0x4f,
  relation: 0x52,
  type: 0x59,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  message: 0x4d,
  /** None of PostgreSQL's: the whole row is now so. Only sources that do not read the log write it. */
  put: 0x57,
  key: 0x4b,
  old: 0x4f,
  new: 0x4e,
  null: 0x6e,
  unchanged: 0x75,
  text: 0x74,
  binary: 0x62,
} as const;

/** One message from the payload of one XLogData. Throws TEAL-WIRE-001 for anything that version 1 does not allow, trailing bytes included. */
export function decodePgoutput(payload: Buffer): PgoutputMessage {
  const reader = new PayloadReader(0);
  reader.begin(payload, 0, payload.length);
  const message = readMessage(reader);
  reader.expectEnd();
  return message;
}

/** So many places of values in one array: some hundred rows. */
const placesAtOnce = 8_192;

/** The same, of one message after the other: what is kept of their rows shares arrays. */
export class PgoutputReader {
  readonly #reader = new PayloadReader(placesAtOnce);

  /** The message that is all of `bytes` between the two places. */
  read(bytes: Buffer, from: number, to: number): PgoutputMessage {
    this.#reader.begin(bytes, from, to);
    const message = readMessage(this.#reader);
    this.#reader.expectEnd();
    return message;
  }
}

function readMessage(reader: PayloadReader): PgoutputMessage {
  const type = reader.uint8();
  switch (type) {
    case letter.insert: {
      const relationId = reader.uint32();
      reader.expect(letter.new);
      return { kind: 'insert', relationId, row: readTuple(reader) };
    }
    case letter.update:
      return readUpdate(reader);
    case letter.delete: {
      const relationId = reader.uint32();
      return { kind: 'delete', relationId, old: readOld(reader, reader.uint8()) };
    }
    case letter.put: {
      const relationId = reader.uint32();
      reader.expect(letter.new);
      return { kind: 'put', relationId, row: readTuple(reader) };
    }
    case letter.begin:
      return {
        kind: 'begin',
        final: reader.uint64(),
        committedAtUs: reader.int64() + postgresEpochUs,
        xid: reader.uint32(),
      };
    case letter.commit:
      return readCommit(reader);
    case letter.relation:
      return readRelation(reader);
    case letter.origin:
      reader.uint64();
      return { kind: 'origin', name: reader.text() };
    case letter.type:
      return { kind: 'type', id: reader.uint32(), schema: reader.text(), name: reader.text() };
    case letter.truncate:
      return readTruncate(reader);
    case letter.message:
      return readLogicalMessage(reader);
    default:
      throw malformed('a message of an unknown type', { type });
  }
}

function readCommit(reader: PayloadReader): PgoutputMessage {
  const flags = reader.uint8();
  if (flags !== 0) throw malformed('a commit with flags that version 1 does not know', { flags });
  reader.uint64();
  return { kind: 'commit', end: reader.uint64(), committedAtUs: reader.int64() + postgresEpochUs };
}

const identities: Readonly<Record<string, RelationMessage['replicaIdentity']>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

function readRelation(reader: PayloadReader): RelationMessage {
  const id = reader.uint32();
  // pg_catalog is sent as an empty text.
  const schema = reader.text() || 'pg_catalog';
  const name = reader.text();
  const setting = String.fromCharCode(reader.uint8());
  const replicaIdentity = identities[setting];
  if (replicaIdentity === undefined) throw malformed('a relation of an unknown replica identity', { id });
  const columns = Array.from({ length: reader.uint16() }, () => {
    const flags = reader.uint8();
    return {
      key: (flags & 1) === 1,
      name: reader.text(),
      typeOid: reader.uint32(),
      typeModifier: reader.int32(),
    };
  });
  return { kind: 'relation', id, schema, name, replicaIdentity, columns };
}

function readUpdate(reader: PayloadReader): PgoutputMessage {
  const relationId = reader.uint32();
  const marker = reader.uint8();
  if (marker === letter.new) return { kind: 'update', relationId, row: readTuple(reader) };
  const old = readOld(reader, marker);
  reader.expect(letter.new);
  return { kind: 'update', relationId, old, row: readTuple(reader) };
}

function readOld(reader: PayloadReader, marker: number): OldTuple {
  if (marker === letter.key) return { kind: 'key', values: readTuple(reader) };
  if (marker === letter.old) return { kind: 'full', values: readTuple(reader) };
  throw malformed('an old row of an unknown kind', { marker });
}

function readTuple(reader: PayloadReader): PackedValues {
  const count = reader.uint16();
  const start = reader.makePlaces(count);
  const { places } = reader;
  let form = 0;
  for (let index = 0; index < count; index += 1) {
    const kind = readPlace(reader, places, start + 2 * index);
    if (kind === letter.null || kind === letter.unchanged) continue;
    if (form !== 0 && kind !== form) throw malformed('a row of texts and of binary values', { count });
    form = kind;
  }
  return new PackedValues(reader.payload, places, start, count, form === letter.binary);
}

/** Answers its kind. */
function readPlace(reader: PayloadReader, places: Places, at: number): number {
  const kind = reader.uint8();
  switch (kind) {
    case letter.text:
    case letter.binary: {
      const length = reader.int32();
      const from = reader.skip(length);
      places[at] = from;
      places[at + 1] = from + length;
      return kind;
    }
    case letter.null:
      places[at] = places[at + 1] = nullMark;
      return kind;
    case letter.unchanged:
      places[at] = places[at + 1] = notSentMark;
      return kind;
    default:
      throw malformed('a value of an unknown kind', { kind });
  }
}

function readTruncate(reader: PayloadReader): PgoutputMessage {
  const count = reader.uint32();
  const flags = reader.uint8();
  // Looked at before the list is made: a wrong count must not become an allocation.
  if (count * 4 !== reader.remaining) throw malformed('a truncate that announces another number of tables', { count });
  const relationIds = Array.from({ length: count }, () => reader.uint32());
  return { kind: 'truncate', relationIds, cascade: (flags & 1) === 1, restartIdentity: (flags & 2) === 2 };
}

function readLogicalMessage(reader: PayloadReader): PgoutputMessage {
  const flags = reader.uint8();
  const position = reader.uint64();
  const prefix = reader.text();
  return { kind: 'message', transactional: (flags & 1) === 1, position, prefix, content: reader.bytes(reader.int32()) };
}

function malformed(what: string, facts: Readonly<Record<string, number>> = {}): TealError {
  return new TealError('TEAL-WIRE-001', what, facts);
}

const noBytes = Buffer.alloc(0);
const noPlaces = new Int32Array(0);

/** Checked reads: every one that would leave the payload is TEAL-WIRE-001. */
class PayloadReader {
  #bytes: Buffer = noBytes;
  #at = 0;
  #to = 0;
  readonly #placesAtOnce: number;
  #places: Places = noPlaces;
  #placesUsed = 0;

  /** Places of several rows in one array, up to so many; with 0 each row has one of its own. */
  constructor(atOnce: number) {
    this.#placesAtOnce = atOnce;
  }

  begin(bytes: Buffer, from: number, to: number): void {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
  }

  get payload(): Buffer {
    return this.#bytes;
  }

  get places(): Places {
    return this.#places;
  }

  get remaining(): number {
    return this.#to - this.#at;
  }

  /** Room in `places` for so many values; answers where it begins. */
  makePlaces(values: number): number {
    // Each takes a byte at least: a wrong count must not become an allocation.
    if (values > this.remaining) throw malformed('a row that announces more values than it has bytes', { values });
    if (this.#places.length - this.#placesUsed < 2 * values) {
      this.#places = new Int32Array(Math.max(this.#placesAtOnce, 2 * values));
      this.#placesUsed = 0;
    }
    const start = this.#placesUsed;
    this.#placesUsed += 2 * values;
    return start;
  }

  uint8(): number {
    return this.#bytes[this.#step(1)] ?? 0;
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#step(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#step(4));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#step(4));
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#step(8));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#step(8));
  }

  bytes(length: number): Buffer {
    const at = this.skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Where they begin. */
  skip(length: number): number {
    if (length < 0) throw malformed('a value of negative length', { length });
    return this.#step(length);
  }

  /** UTF-8 up to a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1 || end >= this.#to) throw malformed('a text without its end', { at: this.#at });
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  expect(marker: number): void {
    const found = this.uint8();
    if (found !== marker) throw malformed('another part than the one that must follow', { expected: marker, found });
  }

  expectEnd(): void {
    if (this.remaining > 0) throw malformed('bytes after the end of a message', { remaining: this.remaining });
  }

  #step(length: number): number {
    const at = this.#at;
    if (length > this.#to - at) throw malformed('a message that is cut short', { at, wanted: length, end: this.#to });
    this.#at = at + length;
    return at;
  }
}
