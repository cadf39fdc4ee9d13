import type { Relation } from '../../../model/change.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { TableFit, TargetTable, UniqueColumns } from '../../../ports/sink.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import type { TargetSession } from './target-session.ts';

/** Type numbers below are the same on every server (source: access/transam.h, FirstNormalObjectId). */
const firstUserOid = 16_384;
/** What a source of another system says of each of its columns: values are texts that its adapter has made canonical. */
const unknownType = 0;

export interface TargetColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** As SQL, without modifiers: a cast to it neither cuts nor rounds. */
  readonly type: string;
  readonly notNull: boolean;
  readonly generated: boolean;
  readonly identityAlways: boolean;
  readonly hasDefault: boolean;
  /** Equality of the type's default order, qualified: `search_path` holds pg_catalog alone, and that of citext is elsewhere. */
  readonly equals: string;
  readonly deterministic: boolean;
}

export interface TargetIndex {
  /** Names of columns; undefined when an expression, a WHERE or an exclusion decides. */
  readonly columns: readonly string[] | undefined;
  /** Columns whose values at most one row has; of WITHOUT OVERLAPS (18) too, whose ranges conflict with others than equal ones. */
  readonly identifies: readonly string[] | undefined;
  /** False while it is being built, and after that failed: it may miss rows. */
  readonly valid: boolean;
  /** False where it is deferrable: within a transaction two rows may have what it identifies one by. */
  readonly immediate: boolean;
}

/** What the catalog of the target says about a table. */
export interface CatalogTable {
  readonly kind: 'table' | 'partitioned';
  readonly columns: readonly TargetColumn[];
  readonly indexes: readonly TargetIndex[];
}

const columnsSql = `
select a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, -1), a.attnotnull, a.attgenerated <> '',
       a.attidentity = 'a', a.atthasdef or a.attidentity <> '',
       coalesce((select pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
                 from pg_catalog.pg_opclass c
                 join pg_catalog.pg_amop m on m.amopfamily = c.opcfamily and m.amopstrategy = 3
                      and m.amoplefttype = c.opcintype and m.amoprighttype = c.opcintype
                 join pg_catalog.pg_operator o on o.oid = m.amopopr
                 join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
                 where c.opcmethod = 403 and c.opcdefault and c.opcintype = coalesce(nullif(t.typbasetype, 0), t.oid)),
                'OPERATOR(pg_catalog.=)'),
       coalesce((select l.collisdeterministic from pg_catalog.pg_collation l where l.oid = a.attcollation), true)
from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped order by a.attnum`;

const indexesSql = `
select i.indisvalid, i.indexprs is not null or i.indpred is not null or i.indisexclusion,
       (select pg_catalog.json_agg(a.attname order by k.place)::text
        from pg_catalog.unnest(i.indkey) with ordinality k (attnum, place)
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where k.place <= i.indnkeyatts),
       i.indisunique and i.indexprs is null and i.indpred is null, i.indimmediate
from pg_catalog.pg_index i where i.indrelid = $1::oid and (i.indisunique or i.indisexclusion) and i.indislive
order by not i.indisprimary, i.indexrelid`;

/** The table of that name as it is now; undefined when there is none, or when it is a view or the like. */
export async function readCatalogTable(session: TargetSession, name: string): Promise<CatalogTable | undefined> {
  const found = await session.query(
    `select c.oid::text, c.relkind from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1::text) and c.relkind in ('r', 'p')`,
    [Buffer.from(name)],
  );
  const [oid, kind] = found.rows[0] ?? [];
  if (oid === undefined || oid === null) return undefined;
  const cell = Buffer.from(oid);
  const columns = await session.query(columnsSql, [cell]);
  const indexes = await session.query(indexesSql, [cell]);
  return {
    kind: kind === 'p' ? 'partitioned' : 'table',
    columns: columns.rows.map((row) => ({
      name: row[0] ?? '',
      typeOid: Number(row[1]),
      typeModifier: Number(row[2]),
      type: row[3] ?? '',
      notNull: row[4] === 't',
      generated: row[5] === 't',
      identityAlways: row[6] === 't',
      hasDefault: row[7] === 't',
      equals: row[8] ?? '',
      deterministic: row[9] === 't',
    })),
    indexes: indexes.rows.map((row) => {
      const names = JSON.parse(row[2] ?? '[]') as string[];
      return {
        valid: row[0] === 't',
        columns: row[1] === 't' ? undefined : names,
        identifies: row[3] === 't' ? names : undefined,
        immediate: row[4] === 't',
      };
    }),
  };
}

/** A table of the target with what its SQL needs. `columns` are in the relation's order. */
export interface FittedTable {
  readonly table: TargetTable;
  readonly sqlName: string;
  readonly kind: CatalogTable['kind'];
  readonly columns: readonly (TargetColumn & { readonly sqlName: string })[];
}

export type Fitted = { readonly fits: true; readonly fitted: FittedTable } | Extract<TableFit, { fits: false }>;

/**
 * Whether the target's table can take the relation's rows: each column there by name, of the same type, and nothing that the target demands beyond
 * (order does not matter). Types made by users have different numbers on each server: of those it is only known that they must be such on both. Of a source
 * of another system nothing is known of types but what the column takes: the target refuses a text that is no value of its type.
 */
export function fit(relation: Relation, found: CatalogTable | undefined): Fitted {
  const name = tableKey(relation);
  if (found === undefined) return { fits: false, reason: `the target has no table ${name}` };
  const byName = new Map(found.columns.map((column) => [column.name, column]));
  const columns: (TargetColumn & { sqlName: string })[] = [];
  for (const wanted of relation.columns) {
    const column = byName.get(wanted.name);
    if (column === undefined)
      return { fits: false, reason: `table ${name} of the target has no column ${wanted.name}` };
    if (!sameType(wanted, column)) {
      return {
        fits: false,
        reason: `column ${wanted.name} of ${name} is of another type on the target (${column.type})`,
      };
    }
    columns.push({ ...column, sqlName: quoteIdent(column.name) });
  }
  const sent = new Set(relation.columns.map((column) => column.name));
  const demanded = found.columns.find(
    (column) => !sent.has(column.name) && column.notNull && !column.hasDefault && !column.generated,
  );
  if (demanded !== undefined) {
    return {
      fits: false,
      reason: `column ${demanded.name} of ${name} must have a value on the target, and none comes`,
    };
  }
  const fitted = fittedTable(relation, found, columns);
  const { key } = fitted.table;
  if (key !== undefined && !isUnique(key, relation, found)) {
    const names = key.map((place) => relation.columns[place]?.name).join(', ');
    return { fits: false, reason: `table ${name} of the target has no valid unique index on its key (${names})` };
  }
  return { fits: true, fitted };
}

/** Only then does one key mean one row: a batch in which one row is missing and another is there twice would count right. */
function isUnique(key: readonly number[], relation: Relation, found: CatalogTable): boolean {
  const names = new Set(key.map((place) => relation.columns[place]?.name));
  return found.indexes.some((index) => index.valid && index.identifies?.every((name) => names.has(name)) === true);
}

function sameType(wanted: { typeOid: number; typeModifier: number }, column: TargetColumn): boolean {
  if (wanted.typeOid === unknownType) return true;
  if (wanted.typeOid >= firstUserOid) return column.typeOid >= firstUserOid;
  return wanted.typeOid === column.typeOid && wanted.typeModifier === column.typeModifier;
}

function fittedTable(
  relation: Relation,
  found: CatalogTable,
  columns: readonly (TargetColumn & { sqlName: string })[],
): FittedTable {
  const places = relation.columns.map((_, place) => place);
  const written = places.filter((place) => columns[place]?.generated === false);
  const settable = written.filter((place) => columns[place]?.identityAlways === false);
  const placeOf = new Map(relation.columns.map((column, place) => [column.name, place]));
  const uniques = found.indexes.map((index) => uniqueOf(index, placeOf));
  const key = keyOf(relation, columns, found, uniques);
  const isKey = (unique: UniqueColumns): boolean =>
    unique !== 'unknown' &&
    key !== undefined &&
    unique.length === key.length &&
    unique.every((each) => key.includes(each));
  return {
    table: { relation, written, settable, key, uniques: uniques.filter((unique) => !isKey(unique)) },
    sqlName: quoteTable(relation),
    kind: found.kind,
    columns,
  };
}

function uniqueOf(index: TargetIndex, placeOf: ReadonlyMap<string, number>): UniqueColumns {
  const places = index.columns?.map((name) => placeOf.get(name));
  return places !== undefined && places.every((place) => place !== undefined) ? places : 'unknown';
}

/**
 * What finds a row: the replica identity, or, where old rows come whole, a unique index of the target on columns that are never null, and not deferrable. The latter is as exact
 * and spares a search over all columns; where there is none the table has no key.
 */
function keyOf(
  relation: Relation,
  columns: readonly TargetColumn[],
  found: CatalogTable,
  uniques: readonly UniqueColumns[],
): readonly number[] | undefined {
  if (relation.replicaIdentity !== 'full') {
    const places = relation.columns.flatMap((column, place) => (column.key ? [place] : []));
    return places.length === 0 ? undefined : places;
  }
  const usable = uniques.find(
    (unique, at) =>
      unique !== 'unknown' &&
      found.indexes[at]?.valid === true &&
      found.indexes[at].immediate &&
      unique.every((place) => columns[place]?.notNull === true && !columns[place].generated),
  );
  return usable === 'unknown' ? undefined : usable;
}
