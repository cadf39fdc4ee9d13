import { nullMark, type Places } from '../../../kernel/packed-values.ts';
import { fieldType } from '../binary-values.ts';
import { BodyReader, malformed } from '../body.ts';
import { inflateMariadb } from './compression.ts';
import { decimalBytes } from './decimal.ts';
import { eventType } from './event.ts';
import { mariadbCompressed, type BinlogColumn, type TableMap } from './table-map.ts';
import { fractionBytes } from './temporal.ts';

/** One value as it lies in the event, without its length; `null` is NULL, `undefined` a column that the image does not have. Views: who keeps one keeps the event. */
export type RawCell = Buffer | null | undefined;

/** What one row became. Which of the two are there says what was done. */
export interface RowChange {
  readonly before: readonly RawCell[] | undefined;
  readonly after: readonly RawCell[] | undefined;
}

export interface RowsHead {
  readonly operation: 'insert' | 'update' | 'delete';
  readonly tableId: number;
  /** The last rows of a statement: what the numbers of tables mean ends here. */
  readonly endsStatement: boolean;
  /** The session had `foreign_key_checks` off: no foreign key changed or deleted any row by itself. */
  readonly isUnchecked: boolean;
  readonly body: RowsBody;
}

/** What `readRows` goes on from. */
interface RowsBody {
  readonly columns: number;
  readonly before: Buffer | undefined;
  readonly after: Buffer | undefined;
  readonly images: Buffer;
}

interface Kind {
  readonly operation: RowsHead['operation'];
  readonly version: 1 | 2;
  readonly compressed: boolean;
}

const kinds: ReadonlyMap<number, Kind> = new Map([
  [eventType.writeRowsV1, { operation: 'insert', version: 1, compressed: false }],
  [eventType.updateRowsV1, { operation: 'update', version: 1, compressed: false }],
  [eventType.deleteRowsV1, { operation: 'delete', version: 1, compressed: false }],
  [eventType.writeRows, { operation: 'insert', version: 2, compressed: false }],
  [eventType.updateRows, { operation: 'update', version: 2, compressed: false }],
  [eventType.deleteRows, { operation: 'delete', version: 2, compressed: false }],
  [eventType.writeRowsCompressedV1, { operation: 'insert', version: 1, compressed: true }],
  [eventType.updateRowsCompressedV1, { operation: 'update', version: 1, compressed: true }],
  [eventType.deleteRowsCompressedV1, { operation: 'delete', version: 1, compressed: true }],
  [eventType.writeRowsCompressed, { operation: 'insert', version: 2, compressed: true }],
  [eventType.updateRowsCompressed, { operation: 'update', version: 2, compressed: true }],
  [eventType.deleteRowsCompressed, { operation: 'delete', version: 2, compressed: true }],
]);

export function isRows(type: number): boolean {
  return kinds.has(type);
}

const endsStatementFlag = 1;
/** NO_FOREIGN_KEY_CHECKS_F (sql/log_event.h of both families). */
const uncheckedFlag = 2;

/**
 * int<6> table | int<2> flags | in version 2 int<2> length with itself, and as much | columns | which are in the image before | which in that after | images. An
 * insert has the image after alone, a delete that before. What MariaDB has compressed is the images, at most `limitBytes` of them.
 */
export function readRowsHead(type: number, body: Buffer, limitBytes: number): RowsHead {
  const kind = kinds.get(type);
  if (kind === undefined) throw malformed('an event of rows', 'its type');
  const reader = new BodyReader(body, 'an event of rows');
  const tableId = reader.uint48();
  const flags = reader.uint16();
  if (kind.version === 2) reader.skip(reader.uint16() - 2);
  const columns = reader.lengthEncoded();
  const first = reader.bytes((columns + 7) >> 3);
  const second = kind.operation === 'update' ? reader.bytes((columns + 7) >> 3) : first;
  const images = kind.compressed ? inflateMariadb(reader.rest(), limitBytes) : reader.rest();
  return {
    operation: kind.operation,
    tableId,
    endsStatement: (flags & endsStatementFlag) !== 0,
    isUnchecked: (flags & uncheckedFlag) !== 0,
    body: {
      columns,
      before: kind.operation === 'insert' ? undefined : first,
      after: kind.operation === 'delete' ? undefined : second,
      images,
    },
  };
}

/** One row after the other. A table of another number of columns was altered meanwhile, or never described: TEAL-WIRE-001. */
export function* readRows(head: RowsHead, map: TableMap): Generator<RowChange, void, void> {
  const { before, after } = head.body;
  const reader = imagesOf(head, map);
  while (reader.left > 0) {
    const at = reader.at;
    yield {
      before: before === undefined ? undefined : readImage(reader, map.columns, before),
      after: after === undefined ? undefined : readImage(reader, map.columns, after),
    };
    // A table without columns in its images would be read for ever.
    if (reader.at === at) throw malformed('an event of rows', 'a row of nothing');
  }
}

/** Whether each image has every column of its table. */
export function hasWholeImages({ body: { columns, before, after } }: RowsHead): boolean {
  const isWhole = (present: Buffer | undefined): boolean =>
    present === undefined || countIn(present, columns) === columns;
  return isWhole(before) && isWhole(after);
}

/** The bytes of each row, both of its images, where these are whole: what `placeWholeRow` reads. Views. TEAL-WIRE-001 as `readRows`. */
export function* sliceWholeRows(head: RowsHead, map: TableMap): Generator<Buffer, void, void> {
  if (!hasWholeImages(head)) throw malformed('an event of rows', 'its images are not whole');
  const reader = imagesOf(head, map);
  const images = head.operation === 'update' ? 2 : 1;
  while (reader.left > 0) {
    const at = reader.at;
    for (let image = 0; image < images; image += 1) skipWholeImage(reader, map.columns);
    if (reader.at === at) throw malformed('an event of rows', 'a row of nothing');
    yield head.body.images.subarray(at, reader.at);
  }
}

/**
 * One row as `sliceWholeRows` gives it: where its values lie in `bytes`. The places of the image before are filled unless it is an insert, those of the image after unless it is a delete; both have room
 * for all columns. TEAL-WIRE-001 for what is no such row.
 */
export function placeWholeRow(
  operation: RowsHead['operation'],
  columns: readonly BinlogColumn[],
  bytes: Buffer,
  before: Places,
  after: Places,
): void {
  const reader = new BodyReader(bytes, 'a row');
  if (operation !== 'insert') placeWholeImage(reader, columns, before);
  if (operation !== 'delete') placeWholeImage(reader, columns, after);
  reader.end();
}

function imagesOf({ tableId, body }: RowsHead, map: TableMap): BodyReader {
  if (map.tableId !== tableId) throw malformed('an event of rows', 'of another table');
  if (body.columns !== map.columns.length) throw malformed('an event of rows', 'of another number of columns');
  return new BodyReader(body.images, 'a row');
}

function countIn(present: Buffer, columns: number): number {
  let count = 0;
  for (let at = 0; at < columns; at += 1) if (isSet(present, at)) count += 1;
  return count;
}

function isSet(bits: Buffer, at: number): boolean {
  return ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
}

function readImage(reader: BodyReader, columns: readonly BinlogColumn[], present: Buffer): readonly RawCell[] {
  const nulls = reader.bytes((countIn(present, columns.length) + 7) >> 3);
  let place = 0;
  return columns.map((column, at) => {
    if (!isSet(present, at)) return undefined;
    const isNull = isSet(nulls, place);
    place += 1;
    return isNull ? null : reader.bytes(cellLength(reader, column));
  });
}

function placeWholeImage(reader: BodyReader, columns: readonly BinlogColumn[], places: Places): void {
  const nulls = reader.bytes((columns.length + 7) >> 3);
  for (let at = 0; at < columns.length; at += 1) {
    const column = columns[at];
    if (column === undefined || isSet(nulls, at)) {
      places[2 * at] = nullMark;
      places[2 * at + 1] = nullMark;
      continue;
    }
    const length = cellLength(reader, column);
    const from = reader.at;
    reader.skip(length);
    places[2 * at] = from;
    places[2 * at + 1] = from + length;
  }
}

function skipWholeImage(reader: BodyReader, columns: readonly BinlogColumn[]): void {
  const nulls = reader.bytes((columns.length + 7) >> 3);
  for (let at = 0; at < columns.length; at += 1) {
    const column = columns[at];
    if (column !== undefined && !isSet(nulls, at)) reader.skip(cellLength(reader, column));
  }
}

const fixedLengths: Readonly<Record<number, number>> = {
  [fieldType.tiny]: 1,
  [fieldType.year]: 1,
  [fieldType.short]: 2,
  [fieldType.int24]: 3,
  [fieldType.date]: 3,
  [fieldType.newDate]: 3,
  [fieldType.time]: 3,
  [fieldType.long]: 4,
  [fieldType.timestamp]: 4,
  [fieldType.float]: 4,
  [fieldType.double]: 8,
  [fieldType.longlong]: 8,
  [fieldType.datetime]: 8,
};

/** Bytes of the value that begins here; where its length stands before it, that is taken. */
function cellLength(reader: BodyReader, { type, size, scale }: BinlogColumn): number {
  const fixed = fixedLengths[type];
  if (fixed !== undefined) return fixed;
  switch (type) {
    case fieldType.varchar:
    case fieldType.varString:
    case fieldType.string:
    case mariadbCompressed.varchar:
      return size > 255 ? reader.uint16() : reader.uint8();
    case fieldType.blob:
    case fieldType.json:
    case fieldType.geometry:
    case fieldType.vector:
    case mariadbCompressed.blob:
      return readLength(reader, size);
    case fieldType.enum:
    case fieldType.set:
      return size;
    case fieldType.bit:
      return (size + 7) >> 3;
    case fieldType.newDecimal:
      return decimalBytes(size, scale);
    case fieldType.timestamp2:
      return 4 + fractionBytes(size);
    case fieldType.datetime2:
      return 5 + fractionBytes(size);
    case fieldType.time2:
      return 3 + fractionBytes(size);
    default:
      throw malformed('a row', `a column of type ${type}, whose length is unknown`);
  }
}

function readLength(reader: BodyReader, bytes: number): number {
  if (bytes < 1 || bytes > 4) throw malformed('a row', 'the length of a length');
  return reader.bytes(bytes).readUIntLE(0, bytes);
}
