import { fieldType } from '../binary-values.ts';
import { BodyReader, malformed } from '../body.ts';

/** One column as it was when the rows were written. What the server did not log is undefined (`binlog_row_metadata` is not FULL). */
export interface BinlogColumn {
  /** See `fieldType`; of what the event calls STRING the real one: STRING, ENUM or SET. */
  readonly type: number;
  /** VARCHAR, STRING: bytes at most. BLOB, JSON, GEOMETRY: bytes of the length. ENUM, SET: bytes of a value. BIT: bits. Temporal: digits of the fraction. */
  readonly size: number;
  /** DECIMAL; `size` is its precision. */
  readonly scale: number;
  readonly nullable: boolean;
  readonly name: string | undefined;
  readonly unsigned: boolean | undefined;
  /** 63 is binary. */
  readonly collation: number | undefined;
  /** Of an ENUM or a SET, in the column's own character set. */
  readonly labels: readonly Buffer[] | undefined;
  readonly geometryType: number | undefined;
  readonly visible: boolean;
}

/** TABLE_MAP: what the numbers in the rows that follow mean (MySQL, `Table_map_event`). */
export interface TableMap {
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly BinlogColumn[];
  /** Places of the columns of the primary key, in its order; undefined where there is none, or it was not logged. */
  readonly primaryKey: readonly number[] | undefined;
}

type Draft = { -readonly [Name in keyof BinlogColumn]: BinlogColumn[Name] };

/** The two families number columns differently in one place, so whose it is must be known. */
export function readTableMap(body: Buffer, flavour: 'mariadb' | 'mysql'): TableMap {
  const reader = new BodyReader(body, 'TABLE_MAP');
  const tableId = reader.uint48();
  reader.skip(2);
  const schema = readName(reader);
  const table = readName(reader);
  const types = reader.lengthEncodedBytes();
  const details = new BodyReader(reader.lengthEncodedBytes(), 'TABLE_MAP');
  const nulls = reader.bytes((types.length + 7) >> 3);
  const columns = [...types].map((type, at): Draft => {
    const nullable = ((nulls[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
    const unknown = { name: undefined, unsigned: undefined, collation: undefined, labels: undefined };
    return Object.assign(readDetails(type, details), { ...unknown, nullable, geometryType: undefined, visible: true });
  });
  details.end();
  const textTypes = flavour === 'mariadb' ? mariadbTexts : texts;
  const textColumns = columns.filter(({ type }) => textTypes.has(type));
  let primaryKey: readonly number[] | undefined;
  while (reader.left > 0) {
    const kind = reader.uint8();
    const key = readOptional(kind, new BodyReader(reader.lengthEncodedBytes(), 'TABLE_MAP'), columns, textColumns);
    primaryKey ??= key;
  }
  if (primaryKey?.some((at) => at >= columns.length) === true)
    throw malformed('TABLE_MAP', 'a key of columns it has not');
  return { tableId, schema, table, columns, primaryKey };
}

function readName(reader: BodyReader): string {
  const name = reader.bytes(reader.uint8()).toString('utf8');
  reader.skip(1);
  return name;
}

type Details = Pick<BinlogColumn, 'type' | 'size' | 'scale'>;

function readDetails(type: number, details: BodyReader): Details {
  switch (type) {
    case fieldType.float:
    case fieldType.double:
      return { type, size: details.uint8(), scale: 0 };
    case fieldType.blob:
    case fieldType.geometry:
    case fieldType.json:
    case fieldType.vector:
    case mariadbCompressed.blob:
      return { type, size: within(details.uint8(), 1, 4), scale: 0 };
    case fieldType.timestamp2:
    case fieldType.datetime2:
    case fieldType.time2:
      return { type, size: within(details.uint8(), 0, 6), scale: 0 };
    case fieldType.varchar:
    case fieldType.varString:
    case mariadbCompressed.varchar:
      return { type, size: details.uint16(), scale: 0 };
    case fieldType.newDecimal: {
      const size = within(details.uint8(), 1, 65);
      return { type, size, scale: within(details.uint8(), 0, size) };
    }
    case fieldType.bit: {
      const odd = details.uint8();
      return { type, size: within(odd + 8 * details.uint8(), 1, 64), scale: 0 };
    }
    case fieldType.string:
    case fieldType.enum:
    case fieldType.set:
      return readStringDetails(details.uint8(), details.uint8());
    default:
      return { type, size: 0, scale: 0 };
  }
}

/** No server makes a column of another size. */
function within(size: number, least: number, most: number): number {
  if (size < least || size > most) throw malformed('TABLE_MAP', 'the size of a column');
  return size;
}

/** Columns whose values MariaDB has compressed; what is in them cannot be told from outside. */
export const mariadbCompressed = Object.freeze({ blob: 140, varchar: 141 });

/** Two bits of a length above 255 hide, inverted, in the type (MySQL bug 37426). */
function readStringDetails(real: number, length: number): Details {
  if (real === fieldType.enum) return { type: real, size: within(length, 1, 2), scale: 0 };
  if (real === fieldType.set) return { type: real, size: within(length, 1, 8), scale: 0 };
  if ((real & 0x30) === 0x30) return { type: real, size: length, scale: 0 };
  return { type: real | 0x30, size: length | (((real & 0x30) ^ 0x30) << 4), scale: 0 };
}

const optional = Object.freeze({
  signedness: 1,
  defaultCollation: 2,
  collations: 3,
  names: 4,
  setLabels: 5,
  enumLabels: 6,
  geometryTypes: 7,
  primaryKey: 8,
  primaryKeyWithPrefix: 9,
  labelsDefaultCollation: 10,
  labelsCollations: 11,
  visibility: 12,
});

/** Fills in what it tells; answers the key where it is told. A kind of a later server is passed over: it adds and does not change. */
function readOptional(
  kind: number,
  body: BodyReader,
  columns: readonly Draft[],
  textColumns: readonly Draft[],
): readonly number[] | undefined {
  const ofType = (...types: readonly number[]): readonly Draft[] => columns.filter(({ type }) => types.includes(type));
  switch (kind) {
    case optional.signedness:
      readBits(body, columns.filter(isNumber), (column, bit) => (column.unsigned = bit));
      return undefined;
    case optional.defaultCollation:
      readDefaultCollation(body, textColumns);
      return undefined;
    case optional.collations:
      for (const column of textColumns) column.collation = body.lengthEncoded();
      return undefined;
    case optional.names:
      for (const column of columns) column.name = body.lengthEncodedText();
      return undefined;
    case optional.setLabels:
      for (const column of ofType(fieldType.set)) column.labels = readLabels(body);
      return undefined;
    case optional.enumLabels:
      for (const column of ofType(fieldType.enum)) column.labels = readLabels(body);
      return undefined;
    case optional.geometryTypes:
      for (const column of ofType(fieldType.geometry)) column.geometryType = body.lengthEncoded();
      return undefined;
    case optional.primaryKey:
      return readKey(body, false);
    case optional.primaryKeyWithPrefix:
      return readKey(body, true);
    case optional.labelsDefaultCollation:
      readDefaultCollation(body, ofType(fieldType.enum, fieldType.set));
      return undefined;
    case optional.labelsCollations:
      for (const column of ofType(fieldType.enum, fieldType.set)) column.collation = body.lengthEncoded();
      return undefined;
    case optional.visibility:
      readBits(body, columns, (column, bit) => (column.visible = bit));
      return undefined;
    default:
      return undefined;
  }
}

/** YEAR too, which the manual's list leaves out: without it the signs of all columns after it would be those of their neighbours. */
const numbers: ReadonlySet<number> = new Set([
  fieldType.year,
  fieldType.tiny,
  fieldType.short,
  fieldType.int24,
  fieldType.long,
  fieldType.longlong,
  fieldType.newDecimal,
  fieldType.float,
  fieldType.double,
]);

const texts: ReadonlySet<number> = new Set([
  fieldType.string,
  fieldType.varString,
  fieldType.varchar,
  fieldType.blob,
  mariadbCompressed.blob,
  mariadbCompressed.varchar,
]);

/** To MariaDB a geometry is one more text, whose collation is binary; to MySQL it is none. */
const mariadbTexts: ReadonlySet<number> = new Set([...texts, fieldType.geometry]);

function isNumber({ type }: Draft): boolean {
  return numbers.has(type);
}

/** The first column is the highest bit. */
function readBits(body: BodyReader, columns: readonly Draft[], tell: (column: Draft, bit: boolean) => void): void {
  const bits = body.rest();
  columns.forEach((column, at) => tell(column, ((bits[at >> 3] ?? 0) & (0x80 >> (at & 7))) !== 0));
}

function readDefaultCollation(body: BodyReader, columns: readonly Draft[]): void {
  const common = body.lengthEncoded();
  for (const column of columns) column.collation = common;
  while (body.left > 0) {
    const column = columns[body.lengthEncoded()];
    const collation = body.lengthEncoded();
    if (column === undefined) throw malformed('TABLE_MAP', 'a collation of a column it has not');
    column.collation = collation;
  }
}

function readLabels(body: BodyReader): readonly Buffer[] {
  const labels: Buffer[] = [];
  for (let left = body.lengthEncoded(); left > 0; left -= 1) labels.push(Buffer.from(body.lengthEncodedBytes()));
  return labels;
}

function readKey(body: BodyReader, withPrefixes: boolean): readonly number[] {
  const key: number[] = [];
  while (body.left > 0) {
    key.push(body.lengthEncoded());
    if (withPrefixes) body.lengthEncoded();
  }
  return key;
}
