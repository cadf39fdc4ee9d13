import { isTealError } from '../../kernel/errors.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import { parseType, type MysqlType } from '../../model/mysql-type.ts';
import type { SchemaForm } from '../../model/schema-form.ts';
import { askRows, placeholders, systemDatabases, tealDatabase, type Querier } from './inspect/querier.ts';

interface Names {
  readonly db: string;
  readonly tab: string;
}

interface ColumnRow extends Names {
  readonly col: string;
  readonly type: string;
}

/** All tables with their columns that are users' own, of one database or of all: by name, columns in their order. */
export async function readForms(querier: Querier, database?: string): Promise<readonly SchemaForm[]> {
  const others = [...systemDatabases, tealDatabase];
  const [where, values] =
    database === undefined
      ? [`table_schema not in (${placeholders(others)})`, others]
      : [`table_schema = ?`, [database]];
  const forms = await readWhere(querier, where, values);
  // A server that compares names case-insensitively has given those of `SHOP` for `shop`, too.
  return database === undefined ? forms : forms.filter(({ schema }) => schema === database);
}

/** Of these tables alone; of those that are not there nothing. */
export async function readFormsOf(querier: Querier, tables: readonly TableName[]): Promise<readonly SchemaForm[]> {
  if (tables.length === 0) return [];
  const wanted = new Set(tables.map(tableKey));
  const places = tables.map(() => '(?, ?)').join(', ');
  const values = tables.flatMap(({ schema, name }) => [schema, name]);
  const forms = await readWhere(querier, `(table_schema, table_name) in (${places})`, values);
  return forms.filter(({ schema, of }) => wanted.has(tableKey({ schema, name: of })));
}

async function readWhere(querier: Querier, where: string, values: readonly string[]): Promise<readonly SchemaForm[]> {
  const tables = await askRows<Names & { readonly [name: string]: string }>(
    querier,
    `select table_schema as db, table_name as tab from information_schema.tables
     where ${where} and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by table_schema, table_name`,
    values,
  );
  const columns = await askRows<ColumnRow & { readonly [name: string]: string }>(
    querier,
    `select table_schema as db, table_name as tab, column_name as col, column_type as type
     from information_schema.columns where ${where} order by ordinal_position`,
    values,
  );
  const byTable = Map.groupBy(columns, nameOf);
  return tables.flatMap((table) => [
    formOf('table', table, nameOf(table), 'table'),
    ...(byTable.get(nameOf(table)) ?? []).map((column) =>
      formOf('column', column, `${nameOf(column)}.${column.col}`, definitionOf(column.type)),
    ),
  ]);
}

function nameOf({ db, tab }: Names): string {
  return tableKey({ schema: db, name: tab });
}

function formOf(kind: 'table' | 'column', { db, tab }: Names, name: string, definition: string): SchemaForm {
  return { kind, schema: db, of: tab, name, definition };
}

const integers: ReadonlySet<string> = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);

/** COLUMN_TYPE as both families and their versions write it: without the width that an integer is shown with, but for `tinyint(1)`, which says something. */
export function definitionOf(columnType: string): string {
  const type = typeIfKnown(columnType);
  if (type === undefined) return columnType;
  if (type.base === 'year') return 'year';
  if (columnType.toLowerCase() === 'geometrycollection') return 'geomcollection';
  if (!integers.has(type.base)) return columnType;
  const width = type.base === 'tinyint' && type.length === 1 ? '(1)' : '';
  return `${type.base}${width}${type.unsigned ? ' unsigned' : ''}`;
}

function typeIfKnown(columnType: string): MysqlType | undefined {
  try {
    return parseType(columnType);
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-304')) return undefined;
    throw error;
  }
}
