import { TealError } from '../kernel/errors.ts';
import { referencedColumns, type ActingKey } from '../model/acting-keys.ts';
import { tableKey } from '../model/catalog.ts';
import type { Relation, RowChange, RowValues } from '../model/change.ts';
import { effectsOf, type Cascade, type KeyValues } from '../ports/cascade.ts';

/** What a change of the stream has done to other rows that the stream does not tell; undefined for most. */
export type CascadeOf = (change: RowChange) => Cascade | undefined;

/** Columns of a relation that keys refer to, with their places; of a relation that no key refers to none. */
interface Referred {
  readonly columns: readonly string[];
  readonly places: readonly number[];
  readonly keys: readonly ActingKey[];
}

/** By the foreign keys of the source that act. Errors: TEAL-SYNC-117 a column that a key refers to is not in the stream, or its old value is not. */
export function cascadesBy(keys: readonly ActingKey[]): CascadeOf {
  if (keys.length === 0) return () => undefined;
  const known = new WeakMap<Relation, Referred>();
  const referredIn = (relation: Relation): Referred => {
    const found = known.get(relation) ?? referred(keys, relation);
    known.set(relation, found);
    return found;
  };
  return (change) => {
    if (change.kind === 'insert' || change.kind === 'put' || change.isUnchecked === true) return undefined;
    const to = referredIn(change.relation);
    if (to.keys.length === 0 || change.old === undefined) return undefined;
    const old = valuesOf(change.relation, to, change.old.values);
    const row = change.kind === 'update' ? { row: valuesOf(change.relation, to, change.row) } : {};
    const { schema, name } = change.relation;
    const rows = { table: { schema, name }, columns: to.columns, changes: [{ old, ...row }] };
    return to.keys.some((key) => effectsOf(key, rows).length > 0) ? { keys, rows } : undefined;
  };
}

function referred(keys: readonly ActingKey[], relation: Relation): Referred {
  const name = tableKey(relation);
  const columns = referencedColumns(keys, relation);
  const places = columns.map((column) => {
    const place = relation.columns.findIndex((each) => each.name === column);
    if (place !== -1) return place;
    throw new TealError('TEAL-SYNC-117', 'a foreign key refers to a column that the stream does not have', {
      table: name,
      column,
    });
  });
  return { columns, places, keys: keys.filter(({ parent }) => tableKey(parent) === name) };
}

function valuesOf(relation: Relation, { columns, places }: Referred, values: RowValues): KeyValues {
  return places.map((place, at) => {
    const value = values.at(place);
    if (value !== undefined) return value;
    throw new TealError('TEAL-SYNC-117', 'a value that a foreign key refers to was not sent', {
      table: tableKey(relation),
      column: columns[at],
    });
  });
}
