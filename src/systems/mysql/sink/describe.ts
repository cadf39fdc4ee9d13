import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { Relation } from '../../../model/change.ts';
import type { TableFit, TargetTable, UniqueColumns } from '../../../ports/sink.ts';
import { isTealError } from '../../../kernel/errors.ts';
import type { MysqlConnection } from '../connection.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { columnWriter, type ColumnWriter } from '../values/to-sql.ts';
import { isNoRecorder } from '../trigger-source/names.ts';

export interface TargetColumn {
  readonly name: string;
  /** COLUMN_TYPE. */
  readonly type: string;
  readonly notNull: boolean;
  readonly generated: boolean;
  /** AUTO_INCREMENT counts as one. */
  readonly hasDefault: boolean;
  /** ON UPDATE CURRENT_TIMESTAMP. */
  readonly setOnUpdate: boolean;
}

export interface TargetIndex {
  /** Of columns whose whole values are unique; undefined when a prefix or an expression is. */
  readonly columns: readonly string[] | undefined;
}

/** What the server says about a table. */
export interface ServerTable {
  readonly engine: string;
  readonly columns: readonly TargetColumn[];
  /** Unique ones, the primary key first. */
  readonly indexes: readonly TargetIndex[];
  readonly triggers: readonly string[];
}

/** The table of that name as it is now; undefined when there is none, or when it is a view or the like. Keeps an open transaction. */
export async function readServerTable(
  connection: MysqlConnection,
  { schema, name }: TableName,
): Promise<ServerTable | undefined> {
  const where = 'table_schema = ? and table_name = ?';
  const found = await connection.query(
    `select engine as engine from information_schema.tables where ${where} and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')`,
    [schema, name],
  );
  const engine = found.rows[0]?.['engine'];
  if (engine === undefined) return undefined;
  const columns = await connection.query(
    `select column_name as name, column_type as type, is_nullable as nullable, coalesce(generation_expression, '') <> '' as made,
            column_default is not null or extra like '%auto_increment%' as filled, extra like '%on update%' as touched
     from information_schema.columns where ${where} order by ordinal_position`,
    [schema, name],
  );
  const parts = await connection.query(
    `select index_name as name, column_name as part, sub_part as prefix from information_schema.statistics
     where ${where} and non_unique = 0 order by index_name <> 'PRIMARY', index_name, seq_in_index`,
    [schema, name],
  );
  const triggers = await connection.query(
    `select trigger_name as name from information_schema.triggers where event_object_schema = ? and event_object_table = ? and ${isNoRecorder('trigger_name')} order by 1`,
    [schema, name],
  );
  return {
    engine: engine ?? '',
    columns: columns.rows.map((row) => ({
      name: row['name'] ?? '',
      type: row['type'] ?? '',
      notNull: row['nullable'] === 'NO',
      generated: row['made'] === '1',
      hasDefault: row['filled'] === '1',
      setOnUpdate: row['touched'] === '1',
    })),
    indexes: indexesOf(parts.rows),
    triggers: triggers.rows.map((row) => row['name'] ?? ''),
  };
}

function indexesOf(parts: readonly Readonly<Record<string, string | null>>[]): readonly TargetIndex[] {
  const byName = new Map<string, (string | undefined)[]>();
  for (const part of parts) {
    const name = part['name'] ?? '';
    const columns = byName.get(name) ?? [];
    columns.push(part['prefix'] === null ? (part['part'] ?? undefined) : undefined);
    byName.set(name, columns);
  }
  return [...byName.values()].map((columns) => ({
    columns: columns.every((column) => column !== undefined) ? columns : undefined,
  }));
}

export interface FittedColumn extends TargetColumn {
  readonly sqlName: string;
  readonly writer: ColumnWriter;
}

/** A table of the target with what its SQL needs. `columns` are in the relation's order. */
export interface FittedTable {
  readonly table: TargetTable;
  readonly sqlName: string;
  readonly columns: readonly FittedColumn[];
}

export type Fitted = { readonly fits: true; readonly fitted: FittedTable } | Extract<TableFit, { fits: false }>;

/**
 * Whether the target's table can take the relation's rows: each column there by name, of a type that Teal writes, and nothing that the target demands beyond (order does not
 * matter). Whether a value has a form in its column is seen when it is written. Triggers cannot be silenced here: they would act a second time.
 */
export function fit(relation: Relation, found: ServerTable | undefined): Fitted {
  const name = tableKey(relation);
  if (found === undefined) return { fits: false, reason: `the target has no table ${name}` };
  const unfit = unfitTable(name, found) ?? unfilledColumn(name, relation, found);
  if (unfit !== undefined) return { fits: false, reason: unfit };
  const byName = new Map(found.columns.map((column) => [column.name, column]));
  const columns: FittedColumn[] = [];
  for (const wanted of relation.columns) {
    const column = byName.get(wanted.name);
    if (column === undefined)
      return { fits: false, reason: `table ${name} of the target has no column ${wanted.name}` };
    const writer = writerOf(relation, column, wanted.typeOid);
    if (writer === undefined) {
      return {
        fits: false,
        reason: `column ${wanted.name} of ${name} is of a type that Teal does not write (${column.type})`,
      };
    }
    columns.push({ ...column, sqlName: quoteIdent(column.name), writer });
  }
  const fitted = fittedTable(relation, found, columns);
  const { key } = fitted.table;
  if (key !== undefined && !isUnique(key, relation, found)) {
    const names = key.map((place) => relation.columns[place]?.name).join(', ');
    return { fits: false, reason: `table ${name} of the target has no unique index on its key (${names})` };
  }
  return { fits: true, fitted };
}

/** Why nothing may be written to the table, whatever its columns are. */
export function unfitTable(name: string, found: ServerTable): string | undefined {
  if (found.engine.toLowerCase() !== 'innodb') {
    return `table ${name} of the target is of engine ${found.engine}, which takes nothing back`;
  }
  if (found.triggers.length > 0) {
    return `table ${name} of the target has triggers, which would act once more on what has been done (${found.triggers.join(', ')})`;
  }
  return undefined;
}

function unfilledColumn(name: string, relation: Relation, found: ServerTable): string | undefined {
  const sent = new Set(relation.columns.map((column) => column.name));
  const demanded = found.columns.find(
    (column) => !sent.has(column.name) && column.notNull && !column.hasDefault && !column.generated,
  );
  if (demanded === undefined) return undefined;
  return `column ${demanded.name} of ${name} must have a value on the target, and none comes`;
}

function writerOf(relation: Relation, column: TargetColumn, typeOid: number): ColumnWriter | undefined {
  try {
    return columnWriter({
      table: { schema: relation.schema, name: relation.name },
      name: column.name,
      type: column.type,
      sourceTypeOid: typeOid,
    });
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-304')) return undefined;
    throw error;
  }
}

/** Only then does one key mean one row: a batch in which one row is missing and another is there twice would count right. */
function isUnique(key: readonly number[], relation: Relation, found: ServerTable): boolean {
  const names = new Set(key.map((place) => relation.columns[place]?.name));
  return found.indexes.some((index) => index.columns?.every((name) => names.has(name)) === true);
}

function fittedTable(relation: Relation, found: ServerTable, columns: readonly FittedColumn[]): FittedTable {
  const places = relation.columns.map((_, place) => place);
  const written = places.filter((place) => columns[place]?.generated === false);
  const placeOf = new Map(relation.columns.map((column, place) => [column.name, place]));
  const uniques = found.indexes.map((index) => uniqueOf(index, placeOf));
  const key = keyOf(relation, columns, uniques);
  const isKey = (unique: UniqueColumns): boolean =>
    unique !== 'unknown' &&
    key !== undefined &&
    unique.length === key.length &&
    unique.every((each) => key.includes(each));
  return {
    table: { relation, written, settable: written, key, uniques: uniques.filter((unique) => !isKey(unique)) },
    sqlName: quoteTable(relation),
    columns,
  };
}

function uniqueOf(index: TargetIndex, placeOf: ReadonlyMap<string, number>): UniqueColumns {
  const places = index.columns?.map((name) => placeOf.get(name));
  return places !== undefined && places.every((place) => place !== undefined) ? places : 'unknown';
}

/**
 * What finds a row: the key that the stream names, or, where old rows come whole, a unique index of the target on columns that are never null. Where there is none the
 * table has no key.
 */
function keyOf(
  relation: Relation,
  columns: readonly FittedColumn[],
  uniques: readonly UniqueColumns[],
): readonly number[] | undefined {
  if (relation.replicaIdentity !== 'full') {
    const places = relation.columns.flatMap((column, place) => (column.key ? [place] : []));
    return places.length === 0 ? undefined : places;
  }
  const usable = uniques.find(
    (unique) =>
      unique !== 'unknown' && unique.every((place) => columns[place]?.notNull === true && !columns[place].generated),
  );
  return usable === 'unknown' ? undefined : usable;
}
