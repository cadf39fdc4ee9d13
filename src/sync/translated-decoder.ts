import { PackedValues } from '../kernel/packed-values.ts';
import type { OldRow, Relation, RowValues, StreamEvent } from '../model/change.ts';
import type { Names } from '../model/name-map.ts';
import type { ChangeDecoder } from '../ports/change-source.ts';
import { controlSchema } from './control.ts';
import { ddlPrefix, noteInNames } from './ddl.ts';

/** A relation as the target calls it, and how its rows become the target's. */
interface Translation {
  readonly relation: Relation;
  /** Places of the columns that travel; undefined where all do. */
  readonly places: readonly number[] | undefined;
  /** Of the columns that travel: what stands for NULL. Undefined where NULL is NULL everywhere. */
  readonly nulls: readonly (Buffer | undefined)[] | undefined;
}

/**
 * Events of a source in the names of the target: behind it nobody knows that tables or columns are called otherwise. Tables without a place there are not told at all, nor are columns whose
 * values do not travel. A relation keeps its number, and is the same object for as long as the decoder's own is. Teal's tables keep their names.
 */
export function translatedDecoder(decoder: ChangeDecoder, names: Names): ChangeDecoder {
  const known = new WeakMap<Relation, { readonly to: Translation | undefined }>();
  const translationOf = (relation: Relation): Translation | undefined => {
    const found = known.get(relation);
    if (found !== undefined) return found.to;
    const to = translation(relation, names);
    known.set(relation, { to });
    return to;
  };
  return {
    decode(payload) {
      const event = decoder.decode(payload);
      return event === undefined ? undefined : translated(event, translationOf, names);
    },
  };
}

function translated(
  event: StreamEvent,
  of: (relation: Relation) => Translation | undefined,
  names: Names,
): StreamEvent | undefined {
  switch (event.kind) {
    case 'relation':
    case 'insert':
    case 'update':
    case 'delete':
    case 'put': {
      const to = of(event.relation);
      if (to === undefined) return undefined;
      return to.relation === event.relation ? event : withRows(event, to);
    }
    case 'truncate': {
      const relations = event.relations.flatMap((relation) => of(relation)?.relation ?? []);
      return relations.length === 0 ? undefined : { ...event, relations };
    }
    case 'message':
      return event.prefix === ddlPrefix ? { ...event, content: noteInNames(event.content, names) } : event;
    case 'begin':
    case 'origin':
    case 'commit':
      return event;
    default:
      return event satisfies never;
  }
}

type OfOneTable = Extract<StreamEvent, { readonly relation: Relation }>;

function withRows(event: OfOneTable, to: Translation): OfOneTable {
  const { relation } = to;
  switch (event.kind) {
    case 'relation':
      return { kind: 'relation', relation };
    case 'insert':
    case 'put':
      return { ...event, relation, row: rowOf(to, event.row) };
    case 'update': {
      const old = event.old === undefined ? {} : { old: oldOf(to, event.old) };
      return { ...event, relation, ...old, row: rowOf(to, event.row) };
    }
    case 'delete':
      return { ...event, relation, old: oldOf(to, event.old) };
    default:
      return event satisfies never;
  }
}

function translation(relation: Relation, names: Names): Translation | undefined {
  if (relation.schema === controlSchema) return asIs(relation);
  const table = names.table(relation);
  if (table === undefined) return undefined;
  const kept = relation.columns.flatMap((column, place) => {
    const name = names.travels(relation, column.name) ? names.column(relation, column.name) : undefined;
    const none = names.nullOf(relation, column.name);
    return name === undefined ? [] : [{ place, column: { ...column, name }, none }];
  });
  const isSame =
    table.schema === relation.schema &&
    table.name === relation.name &&
    kept.length === relation.columns.length &&
    kept.every(({ column, none }, place) => column.name === relation.columns[place]?.name && none === undefined);
  if (isSame) return asIs(relation);
  const nulls = kept.map(({ none }) => (none === undefined ? undefined : Buffer.from(none)));
  return {
    relation: Object.freeze({ ...relation, ...table, columns: kept.map(({ column }) => column) }),
    places: kept.length === relation.columns.length ? undefined : kept.map(({ place }) => place),
    nulls: nulls.some((each) => each !== undefined) ? nulls : undefined,
  };
}

function asIs(relation: Relation): Translation {
  return { relation, places: undefined, nulls: undefined };
}

function rowOf({ places, nulls }: Translation, row: RowValues): RowValues {
  const kept = places === undefined ? row : row.only(places);
  if (nulls?.some((none, index) => none !== undefined && kept.isNull(index)) !== true) return kept;
  return PackedValues.of(kept.toArray().map((value, index) => (value === null ? (nulls[index] ?? null) : value)));
}

/** Of a key the other columns are null because they were not sent. */
function oldOf(to: Translation, { kind, values }: OldRow): OldRow {
  return { kind, values: rowOf(kind === 'key' ? { ...to, nulls: undefined } : to, values) };
}
