import { TealError } from '../kernel/errors.ts';
import type { ActingKey } from '../model/acting-keys.ts';
import { tableKey, type TableName } from '../model/catalog.ts';

/** Values as texts of the stream, one a column. */
export type KeyValues = readonly (Buffer | null)[];

/** Rows of one table that went or changed, by the columns that keys refer to. */
export interface ReferencedRows {
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Without `row` it was deleted. */
  readonly changes: readonly { readonly old: KeyValues; readonly row?: KeyValues }[];
}

/** What changes of rows mean to those that refer to them. */
export interface Cascade {
  /** All that act on the source, of whichever table. */
  readonly keys: readonly ActingKey[];
  readonly rows: ReferencedRows;
}

/** What one key does to the rows of its child that refer to any of `references`: all of them alike. */
export interface KeyEffect {
  readonly key: ActingKey;
  /** Values of the key's columns, in their order; none of them NULL. */
  readonly references: readonly KeyValues[];
  /** What the key's columns become; absent: the rows are deleted. */
  readonly becomes?: KeyValues;
}

/** A target's part in it. Both do nothing where the target has no such table: then nothing of it moves. */
export interface CascadeHands {
  /** Of the rows of the key's child that refer to any of these: the values of `columns`. One that comes twice is found twice. */
  find(effect: Pick<KeyEffect, 'key' | 'references'>, columns: readonly string[]): Promise<readonly KeyValues[]>;
  act(effect: KeyEffect): Promise<void>;
}

/** No copy of InnoDB's own bound, which is 15 levels (manual, "FOREIGN KEY Constraints"): far beyond it the rows are not those of the source. */
const deepest = 255;

/**
 * Does on a target, whose own keys do not act, what the source's have done: children after their parent, each key with all below it before the next (row_ins_foreign_check_on_constraint of
 * InnoDB). It ends because a row that was deleted or changed refers to nothing of what it referred to before. The rows that it finds are held in memory by what refers to them.
 * Errors: TEAL-SYNC-110 deeper than a source goes; those of the hands.
 */
export async function cascade({ keys, rows }: Cascade, hands: CascadeHands, depth = 1): Promise<void> {
  const table = tableKey(rows.table);
  if (depth > deepest) {
    throw new TealError('TEAL-SYNC-110', 'rows refer to each other deeper than foreign keys of the source go', {
      table,
    });
  }
  for (const key of keys.filter(({ parent }) => tableKey(parent) === table)) {
    for (const effect of effectsOf(key, rows)) {
      const columns = referredBelow(keys, effect);
      const found = columns.length === 0 ? [] : await hands.find(effect, columns);
      await hands.act(effect);
      if (found.length > 0) await cascade({ keys, rows: below(effect, columns, found) }, hands, depth + 1);
    }
  }
}

/** Pure: what the key does for these changes. Deletions together, changes each by itself: children that take new values take those of their own parent. */
export function effectsOf(key: ActingKey, { columns, changes }: ReferencedRows): readonly KeyEffect[] {
  const places = key.referencedColumns.map((name) => columns.indexOf(name));
  if (places.includes(-1)) return [];
  const valuesOf = (values: KeyValues): KeyValues => places.map((place) => values[place] ?? null);
  const gone: KeyValues[] = [];
  const effects: KeyEffect[] = [];
  const nothing: KeyValues = places.map(() => null);
  for (const { old, row } of changes) {
    const reference = valuesOf(old);
    // Whatever has a NULL in it refers to nothing (MATCH SIMPLE), and nothing to it.
    if (reference.includes(null)) continue;
    if (row === undefined) {
      gone.push(reference);
      continue;
    }
    const now = valuesOf(row);
    if (key.onUpdate === 'none' || isSame(reference, now)) continue;
    effects.push({ key, references: [reference], becomes: key.onUpdate === 'cascade' ? now : nothing });
  }
  if (gone.length === 0 || key.onDelete === 'none') return effects;
  const references = distinct(gone);
  return [{ key, references, ...(key.onDelete === 'cascade' ? {} : { becomes: nothing }) }, ...effects];
}

/** Columns of the child that keys refer to which act on what the effect does to it. */
function referredBelow(keys: readonly ActingKey[], { key, becomes }: KeyEffect): readonly string[] {
  const child = tableKey(key.child);
  const acting = keys
    .filter(({ parent }) => tableKey(parent) === child)
    .filter(({ onDelete, onUpdate, referencedColumns }) =>
      becomes === undefined
        ? onDelete !== 'none'
        : onUpdate !== 'none' && referencedColumns.some((name) => key.columns.includes(name)),
    );
  return [...new Set(acting.flatMap(({ referencedColumns }) => referencedColumns))];
}

/** The children's rows as parents. */
function below({ key, becomes }: KeyEffect, columns: readonly string[], found: readonly KeyValues[]): ReferencedRows {
  const changes = distinct(found).map((old) => {
    if (becomes === undefined) return { old };
    const row = columns.map((name, at) => {
      const place = key.columns.indexOf(name);
      return place === -1 ? (old[at] ?? null) : (becomes[place] ?? null);
    });
    return { old, row };
  });
  return { table: key.child, columns, changes };
}

/** By their bytes, as the stream tells whether a value has changed. */
function isSame(a: KeyValues, b: KeyValues): boolean {
  return textOf(a) === textOf(b);
}

function distinct(values: readonly KeyValues[]): readonly KeyValues[] {
  return [...new Map(values.map((each) => [textOf(each), each])).values()];
}

function textOf(values: KeyValues): string {
  return JSON.stringify(values.map((value) => value?.toString('latin1') ?? null));
}
