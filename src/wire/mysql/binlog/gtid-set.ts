import { BodyReader, malformed, uint64 } from '../body.ts';

/** Transactions `first` to `last`, both of them in. */
export interface GtidInterval {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * A set of MySQL's GTIDs: for each source (`uuid`, or `uuid:tag` since 8.3) its intervals, in order, none touching another. Progress is such a set and not a
 * number: gaps are normal. Never to be changed in place.
 */
export type GtidSet = ReadonlyMap<string, readonly GtidInterval[]>;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tagPattern = /^[a-z_][a-z0-9_]{0,31}$/;
const intervalPattern = /^(\d{1,19})(?:-(\d{1,19}))?$/;
const largest = (1n << 63n) - 1n;

export const emptyGtidSet: GtidSet = new Map();

/** As servers print it, `uuid:1-3:5,uuid:tag:7`, in whatever order and overlapping; white space is nothing. Throws TEAL-WIRE-001. */
export function parseGtidSet(text: string): GtidSet {
  const set = new Map<string, GtidInterval[]>();
  for (const part of text.toLowerCase().replaceAll(/\s/g, '').split(',')) {
    if (part === '') continue;
    const [uuid = '', ...rest] = part.split(':');
    if (!uuidPattern.test(uuid) || rest.length === 0) throw malformed('a set of GTIDs', 'a source without its numbers');
    let source = uuid;
    for (const piece of rest) {
      if (tagPattern.test(piece)) {
        source = `${uuid}:${piece}`;
        continue;
      }
      const intervals = set.get(source) ?? [];
      intervals.push(parseInterval(piece));
      set.set(source, intervals);
    }
  }
  return normalised(set);
}

function parseInterval(text: string): GtidInterval {
  const [, from, to] = intervalPattern.exec(text) ?? [];
  const first = BigInt(from ?? 0);
  const last = to === undefined ? first : BigInt(to);
  if (first < 1n || last < first || last > largest) throw malformed('a set of GTIDs', 'an interval that is none');
  return { first, last };
}

/** In the order of sources, as servers print it: equal sets have equal texts. */
export function printGtidSet(set: GtidSet): string {
  const printed = [...set].map(([source, intervals]) => {
    const numbers = intervals.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
    return `${source}:${numbers.join(':')}`;
  });
  return printed.toSorted().join(',');
}

export function unionOfGtidSets(a: GtidSet, b: GtidSet): GtidSet {
  const all = new Map<string, GtidInterval[]>();
  for (const [source, intervals] of [...a, ...b]) all.set(source, [...(all.get(source) ?? []), ...intervals]);
  return normalised(all);
}

/** Whether everything of `part` is in `whole`. */
export function containsGtidSet(whole: GtidSet, part: GtidSet): boolean {
  return [...part].every(([source, intervals]) => {
    const has = whole.get(source) ?? [];
    return intervals.every(({ first, last }) => has.some((one) => one.first <= first && last <= one.last));
  });
}

export function addGtid(set: GtidSet, source: string, number: bigint): GtidSet {
  return unionOfGtidSets(set, new Map([[source, [{ first: number, last: number }]]]));
}

function normalised(set: ReadonlyMap<string, readonly GtidInterval[]>): GtidSet {
  const result = new Map<string, readonly GtidInterval[]>();
  for (const [source, intervals] of set) {
    const joined: GtidInterval[] = [];
    for (const next of intervals.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
      const before = joined.at(-1);
      if (before === undefined || next.first > before.last + 1n) joined.push(next);
      else if (next.last > before.last) joined[joined.length - 1] = { first: before.first, last: next.last };
    }
    if (joined.length > 0) result.set(source, joined);
  }
  return result;
}

/**
 * As COM_BINLOG_DUMP_GTID takes it and PREVIOUS_GTIDS has it: int<8> sources, then for each 16 bytes of its UUID, int<8> intervals, each int<8> first and int<8>
 * after its last. A tag has no place in this form: TEAL-WIRE-001.
 */
export function encodeGtidSet(set: GtidSet): Buffer {
  const parts = [uint64(BigInt(set.size))];
  for (const [source, intervals] of [...set].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (source.includes(':')) throw malformed('an outgoing set of GTIDs', 'a tag');
    parts.push(Buffer.from(source.replaceAll('-', ''), 'hex'), uint64(BigInt(intervals.length)));
    for (const { first, last } of intervals) parts.push(uint64(first), uint64(last + 1n));
  }
  return Buffer.concat(parts);
}

export function decodeGtidSet(bytes: Buffer): GtidSet {
  const reader = new BodyReader(bytes, 'a set of GTIDs');
  const sources = reader.uint64();
  // A count with its highest byte set is the form that has tags.
  if (sources > 0xff_ff_ff_ffn) throw malformed('a set of GTIDs', 'a form with tags, which Teal cannot read');
  const set = new Map<string, GtidInterval[]>();
  for (let source = 0n; source < sources; source += 1n) {
    const uuid = printUuid(reader.bytes(16));
    const intervals: GtidInterval[] = [];
    for (let count = reader.uint64(); count > 0n; count -= 1n) {
      const first = reader.uint64();
      const last = reader.uint64() - 1n;
      if (first < 1n || last < first) throw malformed('a set of GTIDs', 'an interval that is none');
      intervals.push({ first, last });
    }
    set.set(uuid, intervals);
  }
  reader.end();
  return normalised(set);
}

export function printUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
