import type { DigestTable, TextValues } from '../../ports/digester.ts';
import { traitOf, type ValueTrait } from './value-trait.ts';

/** What of one row tells why it differs, small enough to be kept of every row that is described. It holds values: in memory alone. */
export interface RowEvidence {
  /** Of the live side where it has the row: the columns of `lookedAt`, as far as they are short. */
  readonly seen: readonly (string | null | undefined)[];
  /** Of columns that differ and can be explained, in the order of the columns. */
  readonly traits: readonly ColumnTrait[];
}

export interface ColumnTrait extends ValueTrait {
  readonly column: string;
}

/** A table may have 1 600 columns; what rows have in common is looked for in some. */
const columnsLookedAt = 32;
/** Longer values are texts that people write: rows have none in common, and memory is for more rows. */
const longestSeen = 64;

/** Places of the columns in which rows may have something in common: those of the key first. */
export function lookedAt(table: DigestTable): readonly number[] {
  const isKey = new Set(table.key);
  const places = table.columns.map((_, place) => place);
  const ofKey = places.filter((place) => isKey.has(table.columns[place]?.name ?? ''));
  return [...ofKey, ...places.filter((place) => !ofKey.includes(place))].slice(0, columnsLookedAt);
}

/** The looked-at values of a row. */
export function seenOf(table: DigestTable, row: TextValues): RowEvidence['seen'] {
  return lookedAt(table).map((place) => {
    const value = row[place];
    return typeof value === 'string' && value.length > longestSeen ? undefined : value;
  });
}

/** `live` and `other` are one row on both sides, or one of them is not there. */
export function evidenceOf(
  table: DigestTable,
  live: TextValues | undefined,
  other: TextValues | undefined,
): RowEvidence {
  const seen = seenOf(table, live ?? other ?? []);
  if (live === undefined || other === undefined) return { seen, traits: [] };
  const traits = table.columns.flatMap(({ name }, place): readonly ColumnTrait[] => {
    const [a = null, b = null] = [live[place], other[place]];
    const trait = a === b ? undefined : traitOf(a, b);
    return trait === undefined ? [] : [{ column: name, ...trait }];
  });
  return { seen, traits };
}
