import { must } from '../../../kernel/assert.ts';
import type { CellValue, RowValues } from '../../../model/change.ts';
import type { FittedTable } from './describe.ts';

/** A statement and the values of its parameters, for one row. */
export interface RowStatement {
  readonly sql: string;
  readonly cells: readonly CellValue[];
}

/**
 * Built-in types of which two values are equal exactly when they are written the same: bool, bytea, "char", name, int8, int2, int4, text, oid, uuid, varchar,
 * date, time, timestamp, timestamptz, macaddr, macaddr8, bit, varbit. Not among them: numeric (1.0 = 1.00), float (0 = -0), interval (1 mon = 30 days),
 * bpchar without a length, and all that is made of such. Of types without `=` (json, xml, point) there is only the text anyway.
 */
const exactTypes = new Set([
  16, 17, 18, 19, 20, 21, 23, 25, 26, 2950, 1043, 1082, 1083, 1114, 1184, 829, 774, 1560, 1562,
]);

type SqlColumn = FittedTable['columns'][number];

function columnOf(fitted: FittedTable, place: number): SqlColumn {
  return must(fitted.columns[place], 'a column of a fitted table');
}

function namesOf(fitted: FittedTable, places: readonly number[]): string {
  return places.map((place) => columnOf(fitted, place).sqlName).join(', ');
}

/** A plain table's own rows; of a partitioned one those of its leaves, as it has none. */
function target(fitted: FittedTable): string {
  return fitted.kind === 'table' ? `ONLY ${fitted.sqlName}` : fitted.sqlName;
}

export function copySql(fitted: FittedTable, isBinary: boolean): string {
  const { written } = fitted.table;
  return `COPY ${fitted.sqlName} (${namesOf(fitted, written)}) FROM STDIN${formOf(isBinary)}`;
}

function formOf(isBinary: boolean): string {
  return isBinary ? ' (FORMAT binary)' : '';
}

export function insertSql(fitted: FittedTable): string {
  const { written } = fitted.table;
  if (written.length === 0) return `INSERT INTO ${fitted.sqlName} DEFAULT VALUES`;
  const values = written.map((_, index) => `$${index + 1}`).join(', ');
  return `INSERT INTO ${fitted.sqlName} (${namesOf(fitted, written)}) OVERRIDING SYSTEM VALUE VALUES (${values})`;
}

export function cellsOf(row: RowValues, places: readonly number[]): readonly CellValue[] {
  return places.map((place) => row.at(place));
}

export function updateRow(fitted: FittedTable, set: readonly number[], old: RowValues, row: RowValues): RowStatement {
  const assignments = set.map((place, index) => `${columnOf(fitted, place).sqlName} = $${index + 1}`).join(', ');
  const { condition, cells } = oldRow(fitted, old, set.length);
  return {
    sql: `UPDATE ${target(fitted)} AS t SET ${assignments} WHERE ${condition}`,
    cells: [...cellsOf(row, set), ...cells],
  };
}

export function deleteRow(fitted: FittedTable, old: RowValues): RowStatement {
  const { condition, cells } = oldRow(fitted, old, 0);
  return { sql: `DELETE FROM ${target(fitted)} AS t WHERE ${condition}`, cells };
}

interface Condition {
  readonly condition: string;
  readonly cells: readonly CellValue[];
}

function oldRow(fitted: FittedTable, old: RowValues, before: number): Condition {
  const { key } = fitted.table;
  if (key === undefined) return wholeRow(fitted, old, before);
  const terms = key.map((place, index) => {
    const column = columnOf(fitted, place);
    return `t.${column.sqlName} ${column.equals} $${before + index + 1}::${column.type}`;
  });
  return { condition: terms.join(' AND '), cells: cellsOf(old, key) };
}

/**
 * One row that is written as the old row was, of those that are there: without a key they are the same row for everybody. By ctid, as a condition on the values
 * would take all of them (Ghostferry #457). One text for each pattern of NULLs: `IS NOT DISTINCT FROM` uses no index.
 */
function wholeRow(fitted: FittedTable, old: RowValues, before: number): Condition {
  const cells: CellValue[] = [];
  const terms = fitted.table.written.map((place) => {
    const column = columnOf(fitted, place);
    // Not IS NULL: that also takes a composite value whose fields are all NULL.
    if (old.isNull(place)) return `o.${column.sqlName} IS NOT DISTINCT FROM NULL`;
    cells.push(old.at(place));
    const parameter = `$${before + cells.length}`;
    if (exactTypes.has(column.typeOid) && column.deterministic) {
      return `o.${column.sqlName} ${column.equals} ${parameter}::${column.type}`;
    }
    // concat() writes a value with its type's output function, as the stream does; a cast to text may write it otherwise (inet, bpchar). It writes NULL
    // like an empty text.
    const text = `pg_catalog.concat(o.${column.sqlName}) COLLATE "C"`;
    const value = old.isBinary ? `pg_catalog.concat(${parameter}::${column.type})` : `${parameter}::text`;
    return `o.${column.sqlName} IS DISTINCT FROM NULL AND ${text} = ${value}`;
  });
  const found = (what: string): string =>
    `SELECT ${what} FROM ${target(fitted)} AS o WHERE ${terms.length === 0 ? 'true' : terms.join(' AND ')} LIMIT 1`;
  // A ctid is unique within one heap only.
  if (fitted.kind === 'table') return { condition: `t.ctid = (${found('o.ctid')})`, cells };
  return { condition: `(t.tableoid, t.ctid) = (${found('o.tableoid, o.ctid')})`, cells };
}

/** A table of the session's own that holds a batch: old keys as k0, k1 …, new values as c<place>. Its types are those of the target's columns. */
export function createStageSql(stage: string, fitted: FittedTable): string {
  const { key = [], settable } = fitted.table;
  const columns = [
    ...key.map((place, index) => `t.${columnOf(fitted, place).sqlName} AS k${index}`),
    ...settable.map((place) => `t.${columnOf(fitted, place).sqlName} AS c${place}`),
  ];
  return `CREATE TEMPORARY TABLE ${stage} AS SELECT ${columns.join(', ')} FROM ${target(fitted)} AS t WITH NO DATA`;
}

export function copyToStageSql(stage: string, fitted: FittedTable, set: readonly number[], isBinary: boolean): string {
  const { key = [] } = fitted.table;
  const names = [...key.map((_, index) => `k${index}`), ...set.map((place) => `c${place}`)];
  return `COPY ${stage} (${names.join(', ')}) FROM STDIN${formOf(isBinary)}`;
}

export function updateFromStageSql(stage: string, fitted: FittedTable, set: readonly number[]): string {
  const assignments = set.map((place) => `${columnOf(fitted, place).sqlName} = s.c${place}`).join(', ');
  return `UPDATE ${target(fitted)} AS t SET ${assignments} FROM ${stage} AS s WHERE ${stageJoin(fitted)}`;
}

export function deleteFromStageSql(stage: string, fitted: FittedTable): string {
  return `DELETE FROM ${target(fitted)} AS t USING ${stage} AS s WHERE ${stageJoin(fitted)}`;
}

function stageJoin(fitted: FittedTable): string {
  return (fitted.table.key ?? [])
    .map((place, index) => {
      const column = columnOf(fitted, place);
      return `t.${column.sqlName} ${column.equals} s.k${index}`;
    })
    .join(' AND ');
}

/** ONLY: the log lists every table that was emptied, children and cascades included. One statement, as foreign keys may link them. */
export function truncateSql(tables: readonly FittedTable[], restartIdentity: boolean): string {
  return `TRUNCATE ${tables.map(target).join(', ')}${restartIdentity ? ' RESTART IDENTITY' : ''}`;
}
