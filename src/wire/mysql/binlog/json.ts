import { fieldType } from '../binary-values.ts';
import { malformed } from '../body.ts';
import { readDecimal } from './decimal.ts';
import { readPackedDate, readPackedDatetime, readPackedTime } from './temporal.ts';

/**
 * MySQL's binary JSON as text (MySQL, `json_binary.h`): a type byte, then objects and arrays as int count, int bytes, entries of keys and values, what they point
 * to; each int of 2 bytes in a small one and 4 in a large one. Integers and decimals keep all their digits, so the text is made here and not by `JSON.stringify`.
 * Spaces as the server prints them. TEAL-WIRE-001 for what is malformed or nested deeper than the server allows.
 */
export function readJson(bytes: Buffer): string {
  // A NULL that an old server wrote as nothing.
  if (bytes.length === 0) return 'null';
  return readValue(bytes.readUInt8(0), bytes.subarray(1), { depth: 0, budget: { left: bytes.length } });
}

/** What a forged one must not exceed: parts may point to the same place, and a few bytes would be an endless text. No part of a real one is told twice. */
interface Bounds {
  readonly depth: number;
  readonly budget: { left: number };
}

function spend({ budget }: Bounds, count: number): void {
  budget.left -= count;
  if (budget.left < 0) throw malformed('a JSON', 'its parts overlap');
}

const jsonType = Object.freeze({
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
});

const deepest = 100;
const literals = Object.freeze(['null', 'true', 'false']);

function readValue(type: number, bytes: Buffer, bounds: Bounds): string {
  spend(bounds, 1);
  try {
    return readChecked(type, bytes, bounds);
  } catch (error) {
    if (error instanceof RangeError) throw malformed('a JSON', 'it ends too early');
    throw error;
  }
}

function readChecked(type: number, bytes: Buffer, bounds: Bounds): string {
  switch (type) {
    case jsonType.smallObject:
    case jsonType.largeObject:
      return readCollection(bytes, true, type === jsonType.largeObject, bounds);
    case jsonType.smallArray:
    case jsonType.largeArray:
      return readCollection(bytes, false, type === jsonType.largeArray, bounds);
    case jsonType.literal:
      return literalOf(bytes.readUInt8(0));
    case jsonType.int16:
      return String(bytes.readInt16LE(0));
    case jsonType.uint16:
      return String(bytes.readUInt16LE(0));
    case jsonType.int32:
      return String(bytes.readInt32LE(0));
    case jsonType.uint32:
      return String(bytes.readUInt32LE(0));
    case jsonType.int64:
      return String(bytes.readBigInt64LE(0));
    case jsonType.uint64:
      return String(bytes.readBigUInt64LE(0));
    case jsonType.double:
      return double(bytes.readDoubleLE(0));
    case jsonType.string:
      return JSON.stringify(sized(bytes, bounds).toString('utf8'));
    case jsonType.opaque:
      return opaque(bytes.readUInt8(0), sized(bytes.subarray(1), bounds));
    default:
      throw malformed('a JSON', 'a value of an unknown type');
  }
}

function literalOf(code: number): string {
  const literal = literals[code];
  if (literal === undefined) throw malformed('a JSON', 'an unknown literal');
  return literal;
}

/** With a point, so that it stays a double: 1.0 and 1 are two values. */
function double(value: number): string {
  const text = String(value).replace('e+', 'e');
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function readCollection(bytes: Buffer, isObject: boolean, isLarge: boolean, outer: Bounds): string {
  const bounds = { depth: outer.depth + 1, budget: outer.budget };
  if (bounds.depth > deepest) throw malformed('a JSON', 'it is nested too deeply');
  const word = isLarge ? 4 : 2;
  const wordAt = (at: number): number => bytes.readUIntLE(at, word);
  const count = wordAt(0);
  const keyEntry = isObject ? word + 2 : 0;
  const valuesAt = 2 * word + count * keyEntry;
  if (valuesAt + count * (1 + word) > bytes.length) throw malformed('a JSON', 'it ends too early');
  const items: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = valuesAt + index * (1 + word);
    const type = bytes.readUInt8(at);
    const value = isInlined(type, isLarge) ? bytes.subarray(at + 1) : bytes.subarray(wordAt(at + 1));
    const text = readValue(type, value, bounds);
    items.push(isObject ? `${keyAt(bytes, 2 * word + index * keyEntry, word, bounds)}: ${text}` : text);
  }
  return isObject ? `{${items.join(', ')}}` : `[${items.join(', ')}]`;
}

function isInlined(type: number, isLarge: boolean): boolean {
  if (type === jsonType.literal || type === jsonType.int16 || type === jsonType.uint16) return true;
  return isLarge && (type === jsonType.int32 || type === jsonType.uint32);
}

function keyAt(bytes: Buffer, entry: number, word: number, bounds: Bounds): string {
  const at = bytes.readUIntLE(entry, word);
  const length = bytes.readUInt16LE(entry + word);
  if (at + length > bytes.length) throw malformed('a JSON', 'it ends too early');
  spend(bounds, length);
  return JSON.stringify(bytes.toString('utf8', at, at + length));
}

/** A length in up to five bytes of seven bits, the lowest first, and as many bytes. */
function sized(bytes: Buffer, bounds: Bounds): Buffer {
  let length = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = bytes.readUInt8(at);
    length += (byte & 0x7f) * 2 ** (7 * at);
    if ((byte & 0x80) !== 0) continue;
    if (at + 1 + length > bytes.length) break;
    spend(bounds, length);
    return bytes.subarray(at + 1, at + 1 + length);
  }
  throw malformed('a JSON', 'the length of a text');
}

/** Values of SQL that JSON has no type for. */
function opaque(type: number, bytes: Buffer): string {
  switch (type) {
    case fieldType.newDecimal:
      return readDecimal(bytes.subarray(2), bytes.readUInt8(0), bytes.readUInt8(1));
    case fieldType.date:
      return JSON.stringify(readPackedDate(bytes.readBigInt64LE(0)));
    case fieldType.datetime:
    case fieldType.timestamp:
      return JSON.stringify(readPackedDatetime(bytes.readBigInt64LE(0)));
    case fieldType.time:
      return JSON.stringify(readPackedTime(bytes.readBigInt64LE(0)));
    default:
      return JSON.stringify(`base64:type${type}:${bytes.toString('base64')}`);
  }
}
