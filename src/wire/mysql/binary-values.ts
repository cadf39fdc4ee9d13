import { lengthEncodedBytes, malformed, uint8, type BodyReader } from './body.ts';

/** Types of columns and parameters (MySQL, `enum_field_types`), in result sets, prepared statements and the binlog alike. */
export const fieldType = Object.freeze({
  decimal: 0,
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newDate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  typedArray: 20,
  vector: 242,
  json: 245,
  newDecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
});

const fixedLengths: Readonly<Record<number, number>> = {
  [fieldType.tiny]: 1,
  [fieldType.short]: 2,
  [fieldType.year]: 2,
  [fieldType.long]: 4,
  [fieldType.int24]: 4,
  [fieldType.float]: 4,
  [fieldType.double]: 8,
  [fieldType.longlong]: 8,
  [fieldType.null]: 0,
};

const lengthEncodedTypes: ReadonlySet<number> = new Set([
  fieldType.decimal,
  fieldType.varchar,
  fieldType.bit,
  fieldType.vector,
  fieldType.json,
  fieldType.newDecimal,
  fieldType.enum,
  fieldType.set,
  fieldType.tinyBlob,
  fieldType.mediumBlob,
  fieldType.longBlob,
  fieldType.blob,
  fieldType.varString,
  fieldType.string,
  fieldType.geometry,
]);

const temporalTypes: ReadonlySet<number> = new Set([
  fieldType.date,
  fieldType.time,
  fieldType.datetime,
  fieldType.timestamp,
]);

/** Passes over one value of the binary protocol (MySQL manual, "Binary Protocol Value"). TEAL-WIRE-001 for a type whose length nobody could know. */
export function skipBinaryValue(body: BodyReader, type: number): void {
  body.skip(lengthAhead(body, type));
}

/** The value without its length; a view. Errors as above. */
export function readBinaryValue(body: BodyReader, type: number): Buffer {
  return body.bytes(lengthAhead(body, type));
}

/** The same value as it is sent. Errors as above. */
export function encodeBinaryValue(bytes: Buffer, type: number): Buffer {
  if (fixedLengths[type] === bytes.length) return bytes;
  if (temporalTypes.has(type) && bytes.length < 0xfb) return Buffer.concat([uint8(bytes.length), bytes]);
  if (lengthEncodedTypes.has(type)) return lengthEncodedBytes(bytes);
  throw malformed('a value', `of type ${type}`);
}

function lengthAhead(body: BodyReader, type: number): number {
  const fixed = fixedLengths[type];
  if (fixed !== undefined) return fixed;
  if (temporalTypes.has(type)) return body.uint8();
  if (lengthEncodedTypes.has(type)) return body.lengthEncoded();
  throw malformed('a value', `of type ${type}`);
}
