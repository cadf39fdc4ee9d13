import { createHash } from 'node:crypto';
import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type {
  MysqlCatalog,
  MysqlColumn,
  MysqlForeignKey,
  MysqlTable,
  ReferentialAction,
} from '../../model/mysql-catalog.ts';
import { schemaParts, type SchemaPart } from '../../ports/schema-driver.ts';
import type { MysqlConnection, MysqlRow } from './connection.ts';
import { splitTable, type KnownOfTable } from './create-table.ts';
import { serverNumberOf } from './errors.ts';
import { readDatabases } from './inspect/catalog.ts';
import { isBytes } from './inspect/default-value.ts';
import { askRows, placeholders } from './inspect/querier.ts';
import { isAsciiText, quoteIdent, quoteLiteral, quoteTable } from './quote.ts';

/** Of a table's statement that adds what it does not have yet, by name. */
const partOfTable = z.strictObject({ name: z.string(), sql: z.string() });

/** An object of a schema as the source spells it out. */
export const schemaItem = z.strictObject({
  kind: z.enum([
    'database',
    'sequence',
    'table',
    'keys',
    'foreign keys',
    'function',
    'procedure',
    'view',
    'trigger',
    'event',
    'package',
  ]),
  schema: z.string(),
  /** Empty for a database. Of `keys` and `foreign keys` that of their table. */
  name: z.string(),
  part: z.enum([...schemaParts]),
  /** Empty for `keys` and `foreign keys`, which are what they hold. */
  sql: z.string(),
  holds: z.array(partOfTable).readonly(),
  /** What the session that makes it must have set, because the server keeps it with the object. */
  settings: z.record(z.string(), z.string()),
  /** `'app'@'%'` as SQL, of what runs with the rights of an account. */
  definer: z.string().optional(),
  /** The source itself cannot use it: what it leans on is gone. */
  broken: z.boolean().optional(),
});
export type SchemaItem = Readonly<z.infer<typeof schemaItem>>;

/** The same for the same object in another capture: names what was made on a target. */
export function keyOf(item: SchemaItem): string {
  const { kind, schema, name, sql, holds, settings } = item;
  return createHash('sha256')
    .update(JSON.stringify([kind, schema, name, sql, holds, settings]))
    .digest('hex');
}

/** `table shop.orders`. */
export function inWords({ kind, schema, name }: Pick<SchemaItem, 'kind' | 'schema' | 'name'>): string {
  return name === '' ? `${kind} ${schema}` : `${kind} ${schema}.${name}`;
}

export interface CaptureOptions {
  /** Absent: all that are neither the system's nor Teal's. */
  readonly database?: string | undefined;
  readonly excludeTables: readonly TableName[];
}

/**
 * Reads what a server says of its own schema, object by object, in an order in which they can be made: databases, sequences, tables, their keys, their foreign keys, functions and
 * procedures, views, triggers, events. A database all of whose tables are left out stays behind with all that is in it.
 */
export async function captureItems(
  connection: MysqlConnection,
  catalog: MysqlCatalog,
  options: CaptureOptions,
): Promise<readonly SchemaItem[]> {
  const { databases, tables } = await wantedOf(connection, catalog, options);
  if (databases.length === 0) return [];
  const ours = ({ schema }: TableName): boolean => databases.includes(schema);
  const triggers = tables.flatMap((table) => table.triggers.map(({ name }) => ({ schema: table.schema, name })));
  return [
    ...(await captureTables(connection, catalog, options)),
    ...(await each(catalog.routines.filter(ours), async (one) => programItem(connection, one.kind, one))),
    ...(await each(catalog.views.filter(ours), async (name) => viewItem(connection, name))),
    ...(await each(triggers, async (name) => programItem(connection, 'trigger', name))),
    ...(await each(catalog.events.filter(ours), async (name) => programItem(connection, 'event', name))),
    ...(await packageItems(connection, databases)),
  ];
}

/** The same without programs and views. */
export async function captureTables(
  connection: MysqlConnection,
  catalog: MysqlCatalog,
  options: CaptureOptions,
): Promise<readonly SchemaItem[]> {
  const { databases, tables } = await wantedOf(connection, catalog, options);
  if (databases.length === 0) return [];
  const sequences = catalog.sequences.filter(({ schema }) => databases.includes(schema));
  const ofTables = await each(tables, async (table) => itemsOfTable(connection, table));
  const inPart = (part: SchemaPart): readonly SchemaItem[] => ofTables.flat().filter((item) => item.part === part);
  return [
    ...(await databaseItems(connection, databases)),
    ...(await each(sequences, async (name) => sequenceItem(connection, name))),
    ...inPart('tables'),
    ...inPart('keys'),
    ...inPart('foreignKeys'),
  ];
}

interface Wanted {
  readonly databases: readonly string[];
  readonly tables: readonly MysqlTable[];
}

async function wantedOf(
  connection: MysqlConnection,
  catalog: MysqlCatalog,
  { database, excludeTables }: CaptureOptions,
): Promise<Wanted> {
  const left = new Set(excludeTables.map(tableKey));
  const all = database === undefined ? await readDatabases(connection) : [database];
  const isWanted = (schema: string): boolean => {
    const own = catalog.tables.filter((table) => table.schema === schema);
    return own.length === 0 || own.some((table) => !left.has(tableKey(table)));
  };
  return { databases: all.filter(isWanted), tables: catalog.tables.filter((table) => !left.has(tableKey(table))) };
}

async function each<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<readonly R[]> {
  const found: R[] = [];
  for (const one of all) found.push(await work(one));
  return found;
}

const plain = { holds: [], settings: {} };

async function databaseItems(connection: MysqlConnection, names: readonly string[]): Promise<readonly SchemaItem[]> {
  const rows = await askRows<{ db: string; charset: string; collation: string }>(
    connection,
    `select schema_name as db, default_character_set_name as charset, default_collation_name as collation
     from information_schema.schemata where schema_name in (${placeholders(names)}) order by schema_name`,
    names,
  );
  return rows.map(({ db, charset, collation }) => ({
    ...plain,
    kind: 'database',
    schema: db,
    name: '',
    part: 'tables',
    sql: `CREATE DATABASE ${quoteIdent(db)} CHARACTER SET ${charset} COLLATE ${collation}`,
  }));
}

async function itemsOfTable(connection: MysqlConnection, table: MysqlTable): Promise<readonly SchemaItem[]> {
  const text = await show(connection, `show create table ${quoteTable(table)}`, 'Create Table', table);
  const { create, keys } = splitTable(text, {
    collation: table.collation,
    ofColumn: (name) => knownOf(table.columns.find((column) => column.name === name)),
  });
  const own = { schema: table.schema, name: table.name, settings: {} };
  const holding = (holds: readonly { name: string; sql: string }[]): SchemaItem['holds'] =>
    holds.map(({ name, sql }) => ({ name, sql }));
  return [
    { ...own, kind: 'table', part: 'tables', sql: create, holds: [] },
    ...(keys.length === 0
      ? []
      : [{ ...own, kind: 'keys' as const, part: 'keys' as const, sql: '', holds: holding(keys) }]),
    ...(table.foreignKeys.length === 0
      ? []
      : [
          {
            ...own,
            kind: 'foreign keys' as const,
            part: 'foreignKeys' as const,
            sql: '',
            holds: table.foreignKeys.map((key) => ({ name: key.name, sql: foreignKeySql(key) })),
          },
        ]),
  ];
}

function knownOf(column: MysqlColumn | undefined): ReturnType<KnownOfTable['ofColumn']> {
  if (column === undefined) return {};
  const { collation, default: value, type } = column;
  return { collation, bytes: value?.kind === 'literal' && isBytes(type) ? value.text.replace('\\x', '') : undefined };
}

function foreignKeySql(key: MysqlForeignKey): string {
  const list = (names: readonly string[]): string => names.map(quoteIdent).join(', ');
  const refers = `REFERENCES ${quoteTable(key.references)} (${list(key.referencedColumns)})`;
  return `CONSTRAINT ${quoteIdent(key.name)} FOREIGN KEY (${list(key.columns)}) ${refers}${acts('DELETE', key.onDelete)}${acts('UPDATE', key.onUpdate)}`;
}

/** RESTRICT and NO ACTION do the same here, and each is what one of the families does without a word. */
function acts(when: 'DELETE' | 'UPDATE', action: ReferentialAction): string {
  return action === 'restrict' || action === 'no action' ? '' : ` ON ${when} ${action.toUpperCase()}`;
}

async function sequenceItem(connection: MysqlConnection, name: TableName): Promise<SchemaItem> {
  const sql = await show(connection, `show create sequence ${quoteTable(name)}`, 'Create Table', name);
  return { ...plain, kind: 'sequence', schema: name.schema, name: name.name, part: 'tables', sql };
}

async function viewItem(connection: MysqlConnection, name: TableName): Promise<SchemaItem> {
  const row = await showRow(connection, `show create view ${quoteTable(name)}`, name);
  const sql = textOf(row, 'Create View', name);
  return {
    kind: 'view',
    schema: name.schema,
    name: name.name,
    part: 'rest',
    sql,
    holds: [],
    settings: settingsOf(row, sql),
    ...definerOf(sql),
    ...((await isBroken(connection, name)) ? { broken: true } : {}),
  };
}

/** ER_VIEW_INVALID, and what a view of a lost function says. */
const broken = new Set([1356, 1146, 1305, 1054, 1449]);

async function isBroken(connection: MysqlConnection, view: TableName): Promise<boolean> {
  try {
    await connection.query(`show columns from ${quoteTable(view)}`);
    return false;
  } catch (error) {
    if (broken.has(serverNumberOf(error) ?? 0)) return true;
    throw error;
  }
}

const textColumns = {
  function: 'Create Function',
  procedure: 'Create Procedure',
  trigger: 'SQL Original Statement',
  event: 'Create Event',
} as const;

async function programItem(
  connection: MysqlConnection,
  kind: keyof typeof textColumns,
  name: TableName,
): Promise<SchemaItem> {
  const row = await showRow(connection, `show create ${kind} ${quoteTable(name)}`, name);
  const sql = textOf(row, textColumns[kind], name);
  const { schema } = name;
  const settings = settingsOf(row, sql);
  return { kind, schema, name: name.name, part: 'rest', sql, holds: [], settings, ...definerOf(sql) };
}

/** MariaDB's packages, of its mode ORACLE: they are told, and not made. */
async function packageItems(connection: MysqlConnection, databases: readonly string[]): Promise<readonly SchemaItem[]> {
  const rows = await askRows<{ db: string; name: string }>(
    connection,
    `select routine_schema as db, routine_name as name from information_schema.routines
     where routine_type = 'PACKAGE' and routine_schema in (${placeholders(databases)}) order by 1, 2`,
    databases,
  );
  return rows.map(({ db, name }) => ({ ...plain, kind: 'package', schema: db, name, part: 'rest', sql: '' }));
}

async function show(connection: MysqlConnection, sql: string, column: string, name: TableName): Promise<string> {
  return textOf(await showRow(connection, sql, name), column, name);
}

async function showRow(connection: MysqlConnection, sql: string, name: TableName): Promise<MysqlRow> {
  const { rows } = await connection.query(sql);
  const [row] = rows;
  if (row !== undefined) return row;
  throw new TealError('TEAL-SYSTEMS-305', `${tableKey(name)} was dropped while the schema was read`);
}

/** NULL where the account may not see it. */
function textOf(row: MysqlRow, column: string, name: TableName): string {
  const text = row[column];
  if (text !== null && text !== undefined && text !== '') return text;
  throw new TealError('TEAL-SYSTEMS-010', `the account may not see how ${tableKey(name)} is defined`, {
    schema: name.schema,
    object: name.name,
  });
}

function settingsOf(row: MysqlRow, sql: string): SchemaItem['settings'] {
  const told = {
    sql_mode: row['sql_mode'],
    // Only where every character of ours is one of the client's character set too may it be said to be in that.
    character_set_client: isAsciiText(sql) ? row['character_set_client'] : undefined,
    collation_connection: row['collation_connection'],
    time_zone: row['time_zone'],
  };
  return Object.fromEntries(
    Object.entries(told).flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name, quoteLiteral(value)]],
    ),
  );
}

function definerOf(sql: string): { readonly definer?: string } {
  const found = /^CREATE (?:OR REPLACE )?(?:ALGORITHM=\w+ )?DEFINER=(`(?:[^`]|``)*`@`(?:[^`]|``)*`)/.exec(sql)?.[1];
  return found === undefined ? {} : { definer: found };
}
