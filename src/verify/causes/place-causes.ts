import type { DifferenceCause } from '../../model/difference-causes.ts';
import type { DigestTable, RowCondition, TextValues } from '../../ports/digester.ts';
import type { Cause, DifferenceKind } from './cause.ts';
import { chanceOfSharing, chanceOfStretch } from './chance.ts';
import { lookedAt, type RowEvidence } from './evidence.ts';
import { readInstant } from './instant.ts';

type Seen = RowEvidence['seen'];

export interface PlacedRows {
  readonly table: DigestTable;
  readonly kind: DifferenceKind;
  /** Rows of the kind. */
  readonly rows: readonly { readonly key: TextValues; readonly seen: Seen }[];
  /** Of rows that are the same on both sides, drawn at random. */
  readonly equal: readonly Seen[];
  /** Columns that differ in rows of the kind: what they hold is what is to be explained. */
  readonly differing: ReadonlySet<string>;
}

/** Fewer rows stand together by chance too easily, whatever a test says of them. */
const leastRows = 4;
/** Of a thousand tables whose rows differ anywhere, one is explained by where they stand all the same. */
const leastConfidence = 0.999;
const sharedAtMost = 2;

/** Columns by whose order rows come to be. By the declared type: the order of texts is a collation's. */
const numbers = /^(?:(?:big|small|medium|tiny)?int|integer|(?:big|small)?serial|numeric|decimal|real|double|float)/i;
const times = /^(?:date|timestamp)/i;

/** Where the rows stand that differ: since when, in which stretch, with which value in common. Without equal rows to set beside them nothing can be said. */
export function placeCauses(placed: PlacedRows): readonly Cause[] {
  const { table, rows, equal, differing } = placed;
  if (rows.length < leastRows || equal.length === 0) return [];
  const columns = lookedAt(table).flatMap((place, index) => {
    const column = table.columns[place];
    return column === undefined || differing.has(column.name) ? [] : [{ ...column, index }];
  });
  // Of two that are as sure, a time tells people more.
  const byTime = columns.toSorted((a, b) => Number(times.test(b.type)) - Number(times.test(a.type)));
  const ordered = byTime.flatMap((column) => stretchOf(placed, column, columns.length));
  const shared = columns.flatMap((column) => sharedBy(placed, column, columns.length));
  const surest = (found: readonly Cause[]): readonly Cause[] =>
    found.filter(({ confidence }) => confidence >= leastConfidence).sort((a, b) => b.confidence - a.confidence);
  // What grows together with a time says the same again.
  return [...surest(ordered).slice(0, 1), ...surest(shared).slice(0, sharedAtMost)];
}

interface LookedAt {
  readonly name: string;
  readonly type: string;
  readonly index: number;
}

function sharedBy(placed: PlacedRows, { name, index }: LookedAt, tried: number): readonly Cause[] {
  const { rows, equal } = placed;
  const value = rows[0]?.seen[index];
  if (value === undefined || rows.some(({ seen }) => seen[index] !== value)) return [];
  const among = equal.filter((seen) => seen[index] === value).length;
  const confidence = 1 - Math.min(1, tried * chanceOfSharing(rows.length, equal.length, among));
  const says = `all have one value in it, as ${among} of ${equal.length} equal rows have`;
  return [causeOf(placed, 'one value', says, confidence, { column: name, is: value })];
}

function stretchOf(placed: PlacedRows, { name, type, index }: LookedAt, tried: number): readonly Cause[] {
  const rankOf = times.test(type) ? instantOf : numbers.test(type) ? numberOf : undefined;
  if (rankOf === undefined) return [];
  const ranked = (values: readonly Seen[]): readonly Ranked[] | undefined => {
    const all = values.map((seen) => ({ text: seen[index], rank: rankOf(seen[index]) }));
    return all.every((one): one is Ranked => one.rank !== undefined) ? all : undefined;
  };
  const found = ranked(placed.rows.map(({ seen }) => seen));
  if (found === undefined) return [];
  // Equal rows that have no place in this order are outside of every stretch.
  const ranks = placed.equal.map((seen) => rankOf(seen[index]) ?? Number.NaN);
  const [first, last] = [lowest(found), highest(found)];
  const after = ranks.filter((rank) => rank >= first.rank).length;
  const within = ranks.filter((rank) => rank >= first.rank && rank <= last.rank).length;
  const [n, m] = [placed.rows.length, ranks.length];
  if (after === within) {
    const confidence = 1 - Math.min(1, tried * chanceOfSharing(n, m, after));
    const says = `all are from one point of it on, as ${after} of ${m} equal rows are`;
    return [causeOf(placed, 'since', says, confidence, { column: name, from: first.text })];
  }
  const confidence = 1 - Math.min(1, tried * chanceOfStretch(n, m, within));
  const says = `all lie in one stretch of it, as ${within} of ${m} equal rows do`;
  return [causeOf(placed, 'range', says, confidence, { column: name, from: first.text, to: last.text })];
}

interface Ranked {
  readonly text: string;
  readonly rank: number;
}

const lowest = (all: readonly Ranked[]): Ranked => all.reduce((a, b) => (b.rank < a.rank ? b : a));
const highest = (all: readonly Ranked[]): Ranked => all.reduce((a, b) => (b.rank > a.rank ? b : a));

function instantOf(text: string | null | undefined): number | undefined {
  return typeof text === 'string' ? readInstant(text)?.microseconds : undefined;
}

function numberOf(text: string | null | undefined): number | undefined {
  const value = typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

function causeOf(
  { kind, rows }: PlacedRows,
  cause: DifferenceCause,
  says: string,
  confidence: number,
  where: RowCondition,
): Cause {
  const columns = [where.column];
  return { cause, kind, says, confidence, count: rows.length, of: rows.length, columns, look: { columns, where } };
}
