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
  const { columns, before, after, images } = head.body;
  if (map.tableId !== head.tableId) throw malformed('an event of rows', 'of another table');
  if (columns !== map.columns.length) throw malformed('an event of rows', 'of another number of columns');
  const reader = new BodyReader(images, 'a row');
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

function readImage(reader: BodyReader, columns: readonly BinlogColumn[], present: Buffer): readonly RawCell[] {
  const isIn = (at: number): boolean => ((present[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  let count = 0;
  for (let at = 0; at < columns.length; at += 1) if (isIn(at)) count += 1;
  const nulls = reader.bytes((count + 7) >> 3);
  let place = 0;
  return columns.map((column, at) => {
    if (!isIn(at)) return undefined;
    const isNull = ((nulls[place >> 3] ?? 0) & (1 << (place & 7))) !== 0;
    place += 1;
    return isNull ? null : readCell(reader, column);
  });
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

function readCell(reader: BodyReader, { type, size, scale }: BinlogColumn): Buffer {
  const fixed = fixedLengths[type];
  if (fixed !== undefined) return reader.bytes(fixed);
  switch (type) {
    case fieldType.varchar:
    case fieldType.varString:
    case fieldType.string:
    case mariadbCompressed.varchar:
      return reader.bytes(size > 255 ? reader.uint16() : reader.uint8());
    case fieldType.blob:
    case fieldType.json:
    case fieldType.geometry:
    case fieldType.vector:
    case mariadbCompressed.blob:
      return reader.bytes(readLength(reader, size));
    case fieldType.enum:
    case fieldType.set:
      return reader.bytes(size);
    case fieldType.bit:
      return reader.bytes((size + 7) >> 3);
    case fieldType.newDecimal:
      return reader.bytes(decimalBytes(size, scale));
    case fieldType.timestamp2:
      return reader.bytes(4 + fractionBytes(size));
    case fieldType.datetime2:
      return reader.bytes(5 + fractionBytes(size));
    case fieldType.time2:
      return reader.bytes(3 + fractionBytes(size));
    default:
      throw malformed('a row', `a column of type ${type}, whose length is unknown`);
  }
}

function readLength(reader: BodyReader, bytes: number): number {
  if (bytes < 1 || bytes > 4) throw malformed('a row', 'the length of a length');
  return reader.bytes(bytes).readUIntLE(0, bytes);
}
