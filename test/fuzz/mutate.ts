/** One change of an input. The numbers are taken modulo whatever they choose among, so that any numbers make a valid change. */
export interface Mutation {
  readonly what: number;
  readonly at: number;
  readonly value: number;
}

/** Lengths and counts at which decoders go wrong. */
const numbers = [
  0,
  1,
  3,
  4,
  5,
  8,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0xffff,
  1 << 20,
  1 << 24,
  1 << 30,
  0x3fff_ffff,
  0x7fff_ffff,
  -1,
  -4,
];
const inputLimitBytes = 64 << 10;

type Change = (bytes: Buffer, at: number, value: number, other: Buffer) => Buffer;

const changes: readonly Change[] = [
  (bytes, at, value) => replaced(bytes, at, Buffer.from([(bytes[at] ?? 0) ^ (1 << (value & 7))])),
  (bytes, at, value) => replaced(bytes, at, Buffer.from([value & 0xff])),
  (bytes, at, value) => replaced(bytes, at, number32(value)),
  (bytes, at, value) => replaced(bytes, at, number32(value).subarray(2)),
  (bytes, at, value) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + (value & 15))]),
  (bytes, at, value) => Buffer.concat([bytes.subarray(0, at), number32(value), bytes.subarray(at)]),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, value) => Buffer.concat([bytes, bytes.subarray(at, at + 1 + (value & 255))]),
  (bytes, at, value, other) => Buffer.concat([bytes.subarray(0, at), other.subarray(value % (other.length + 1))]),
  (bytes, at, value, other) =>
    Buffer.concat([bytes.subarray(0, at), other.subarray(0, value & 255), bytes.subarray(at)]),
];

/** A copy of `bytes`, changed. `other` is what pieces are taken from. */
export function mutated(bytes: Buffer, mutations: readonly Mutation[], other: Buffer): Buffer {
  let now = Buffer.from(bytes);
  for (const { what, at, value } of mutations) {
    const change = changes[what % changes.length];
    if (change !== undefined) now = Buffer.from(change(now, at % (now.length + 1), value, other));
  }
  return now.subarray(0, inputLimitBytes);
}

/** `bytes` cut into pieces at these places. */
export function pieces(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const ends = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function replaced(bytes: Buffer, at: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by.subarray(0, bytes.length - at), bytes.subarray(at + by.length)]);
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(numbers[value % numbers.length] ?? 0);
  return bytes;
}
