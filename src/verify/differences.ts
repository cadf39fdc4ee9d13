import { must } from '../kernel/assert.ts';
import type { DigestReader, DigestTable, EntryFilter, TextValues } from '../ports/digester.ts';
import { evidenceOf, seenOf, type RowEvidence } from './causes/evidence.ts';
import { mergeEntries, type KeyDifference } from './merge.ts';
import type { TablePair } from './pair-tables.ts';

/** One row that is not the same on both sides. `key` holds values: it is shown to who asks for it, and never logged or journalled. */
export type RowDifference =
  | {
      readonly kind: 'missing';
      readonly on: 'live' | 'other';
      readonly key: TextValues;
      readonly values?: TextValues;
      readonly evidence: RowEvidence;
    }
  | {
      readonly kind: 'different';
      readonly key: TextValues;
      readonly columns: readonly string[];
      readonly live?: TextValues;
      readonly other?: TextValues;
      readonly evidence: RowEvidence;
    };

export interface TableDifferences {
  readonly missingOnLive: number;
  readonly missingOnOther: number;
  readonly different: number;
  /** How often each column differs, among the kept ones. */
  readonly columns: Readonly<Record<string, number>>;
  readonly kept: readonly RowDifference[];
  /** Some rows of the table that are the same on both sides, as `seenOf`: what rows that differ have in common says little unless these have it not. */
  readonly equal: readonly RowEvidence['seen'][];
  /** There are more than were kept. The counts are of all. */
  readonly truncated: boolean;
}

export interface FindOptions {
  readonly filter: EntryFilter;
  /** Differences to describe row by row; the rest is only counted. */
  readonly keep: number;
  /** Keep the values of whole rows: of all that are described, for a repair; `shown`: of those that `shownLimits` have room for. */
  readonly values: boolean | 'shown';
}

/** A row that differs, by where to find it on each side. */
interface Found {
  readonly live?: string;
  readonly other?: string;
}

/** Values of the first rows are kept for people to look at, as characters of both sides together: a row that is longer is shown to nobody, and the memory of many tables is bounded. */
const shownLimits = Object.freeze({ row: 8 << 10, table: 128 << 10 });

const rowsAtOnce = 100;
/** Hashes have no order of their own: the first of a bucket are drawn at random. */
const equalLookedAt = 200;

/** Reads the rows in question on both sides and says which of them differ, and how. Memory is bounded by `keep`. */
export async function findDifferences(
  pair: TablePair,
  live: DigestReader,
  other: DigestReader,
  options: FindOptions,
): Promise<TableDifferences> {
  const counts = { missingOnLive: 0, missingOnOther: 0, different: 0 };
  const found: Found[] = [];
  const equal: string[] = [];
  let all = 0;
  const entries = mergeEntries(
    live.entries(pair.live, options.filter),
    other.entries(pair.other, options.filter),
    options.keep,
    ({ locator }) => {
      if (equal.length < equalLookedAt) equal.push(locator);
    },
  );
  for await (const difference of entries) {
    const both = Math.min(difference.live.count, difference.other.count);
    counts.different += both;
    counts.missingOnOther += difference.live.count - both;
    counts.missingOnLive += difference.other.count - both;
    all += Math.max(difference.live.count, difference.other.count);
    const room = options.keep - found.length;
    if (room > 0) found.push(...pairUp(difference).slice(0, room));
  }
  const kept: RowDifference[] = [];
  const keepValues = options.values === 'shown' ? shownOnly() : () => options.values === true;
  for (let start = 0; start < found.length; start += rowsAtOnce) {
    kept.push(...(await describe(pair, live, other, found.slice(start, start + rowsAtOnce), keepValues)));
  }
  const beside = kept.length === 0 || equal.length === 0 ? [] : await live.rows(pair.live, equal);
  return {
    ...counts,
    columns: countColumns(kept),
    kept,
    equal: beside.map((row) => seenOf(pair.live, row)),
    truncated: all > kept.length,
  };
}

/** Rows of one key, side by side as far as both have one. */
function pairUp(difference: KeyDifference): readonly Found[] {
  const [live, other] = [difference.live.locators, difference.other.locators];
  return Array.from({ length: Math.max(live.length, other.length) }, (_, index) => {
    const [a, b] = [live[index], other[index]];
    return { ...(a === undefined ? {} : { live: a }), ...(b === undefined ? {} : { other: b }) };
  });
}

async function describe(
  pair: TablePair,
  live: DigestReader,
  other: DigestReader,
  found: readonly Found[],
  keepValues: KeepValues,
): Promise<readonly RowDifference[]> {
  const [liveRows, otherRows] = await Promise.all([
    rowsAt(live, pair.live, found, 'live'),
    rowsAt(other, pair.other, found, 'other'),
  ]);
  return found.map((one) => {
    const a = one.live === undefined ? undefined : must(liveRows.get(one.live), 'a row of the snapshot');
    const b = one.other === undefined ? undefined : must(otherRows.get(one.other), 'a row of the snapshot');
    return describeRow(pair, a, b, keepValues(a, b));
  });
}

type KeepValues = (live: TextValues | undefined, other: TextValues | undefined) => boolean;

function lengthOf(row: TextValues = []): number {
  return row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
}

/** Whether its values were kept, and are short enough for people to look at. */
export function isShown(row: RowDifference): boolean {
  const [live, other] = row.kind === 'different' ? [row.live, row.other] : [row.values, []];
  return live !== undefined && other !== undefined && lengthOf(live) + lengthOf(other) <= shownLimits.row;
}

function shownOnly(): KeepValues {
  let room = shownLimits.table;
  return (live, other) => {
    const length = lengthOf(live) + lengthOf(other);
    if (length > Math.min(shownLimits.row, room)) return false;
    room -= length;
    return true;
  };
}

async function rowsAt(
  reader: DigestReader,
  table: DigestTable,
  found: readonly Found[],
  side: 'live' | 'other',
): Promise<ReadonlyMap<string, TextValues>> {
  const locators = found.flatMap((one) => one[side] ?? []);
  if (locators.length === 0) return new Map();
  const rows = await reader.rows(table, locators);
  return new Map(locators.map((locator, index) => [locator, must(rows[index], 'a row of the snapshot')]));
}

function describeRow(
  pair: TablePair,
  live: TextValues | undefined,
  other: TextValues | undefined,
  withValues: boolean,
): RowDifference {
  const key = keyValues(pair.live, must(live ?? other, 'a row that differs'));
  const evidence = evidenceOf(pair.live, live, other);
  if (live === undefined || other === undefined) {
    const values = withValues ? { values: must(live ?? other, 'a row that differs') } : {};
    return { kind: 'missing', on: live === undefined ? 'live' : 'other', key, ...values, evidence };
  }
  const columns = pair.live.columns.flatMap(({ name }, index) => (live[index] === other[index] ? [] : [name]));
  return { kind: 'different', key, columns, ...(withValues ? { live, other } : {}), evidence };
}

/** The values of the key's columns; of all columns where there is no key. */
export function keyValues(table: DigestTable, row: TextValues): TextValues {
  if (table.key.length === 0) return row;
  return table.key.map((name) => row[table.columns.findIndex((column) => column.name === name)] ?? null);
}

export function countColumns(kept: readonly RowDifference[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const difference of kept) {
    if (difference.kind !== 'different') continue;
    for (const column of difference.columns) counts.set(column, (counts.get(column) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
