import { tableKey, type Column, type ReplicaIdentity, type TableName, type UniqueKey } from '../../../model/catalog.ts';
import type {
  MysqlCatalog,
  MysqlColumn,
  MysqlForeignKey,
  MysqlIndex,
  MysqlIndexPart,
  MysqlTable,
  ReferentialAction,
} from '../../../model/mysql-catalog.ts';
import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { MysqlFlavour } from '../connection.ts';
import { serverNumberOf } from '../errors.ts';
import { tableNumber } from '../table-number.ts';
import { catalogParts, type AllRows, type CatalogRows } from './catalog-sql.ts';
import { readExactBytes, withExactBytes } from './bytes-defaults.ts';
import { defaultOf, expressionText } from './default-value.ts';
import { readHiddenRules, withoutRule } from './foreign-key-rules.ts';
import { askRows, placeholders, systemDatabases, tealDatabase, type Querier } from './querier.ts';
import { readSequences } from './sequences.ts';
import { tableOptions } from './table-options.ts';

const attempts = 3;

/**
 * Reads the catalog of one database, or of all that are neither the system's nor Teal's, by some fifteen queries, however many tables there are. This family has no snapshot of its
 * catalog: the columns are read first and once more at the end, and a look between which they changed, or during which a foreign key was dropped, is taken anew. The account sees what it has a privilege for; triggers and events
 * need one of their own (see the rights among the facts). Leaves `information_schema_stats_expiry` of the session at 0. Errors: TEAL-SYSTEMS-305 the schema changed all the time.
 */
export async function readCatalog(querier: Querier, database?: string): Promise<MysqlCatalog> {
  // MySQL keeps sizes, counts and the next AUTO_INCREMENT of a day ago.
  if (querier.flavour === 'mysql') await querier.query('set @@session.information_schema_stats_expiry = 0');
  const databases = database === undefined ? await readDatabases(querier) : [database];
  if (databases.length === 0) return catalogOf(querier.flavour, databases, noRows());
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const catalog = await unlessGone(async () => readOnce(querier, databases));
    if (catalog !== undefined) return catalog;
  }
  throw new TealError('TEAL-SYSTEMS-305', `tables were changed during each of ${attempts} looks at the schema`);
}

const noSuchTable = 1146;

/** Undefined when a table went away between two questions about it. */
async function unlessGone<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (serverNumberOf(error) === noSuchTable) return undefined;
    throw error;
  }
}

/** Undefined when the columns were others at the end than at the beginning, or a foreign key went away between two questions about it. */
async function readOnce(querier: Querier, databases: readonly string[]): Promise<MysqlCatalog | undefined> {
  const parts = catalogParts(querier, databases);
  const rows: Partial<Record<keyof CatalogRows, unknown>> = {};
  for (const name of Object.keys(parts) as (keyof CatalogRows)[]) {
    rows[name] = await askRows(querier, parts[name], databases);
  }
  const told = rows as AllRows;
  const hidden = await readHiddenRules(querier, told);
  const all: AllRows = { ...told, foreignKeyRules: [...told.foreignKeyRules, ...hidden] };
  if (withoutRule(all).length > 0) return undefined;
  const catalog = catalogOf(querier.flavour, databases, all);
  const sequences = await readSequences(querier, sequenceNames(databases, all));
  const bytes = await readExactBytes(querier, catalog.tables);
  const after = await askRows<CatalogRows['columns']>(querier, parts.columns, databases);
  if (signOf(after) !== signOf(told.columns)) return undefined;
  return Object.freeze({ ...catalog, sequences, tables: withExactBytes(catalog.tables, bytes) });
}

function signOf(columns: readonly CatalogRows['columns'][]): string {
  return columns
    .map((row) => JSON.stringify(row))
    .sort()
    .join('\n');
}

/** Databases that belong to users, in the server's order. */
export async function readDatabases(querier: Querier): Promise<readonly string[]> {
  const others = [...systemDatabases, tealDatabase];
  const rows = await askRows<{ readonly db: string }>(
    querier,
    `select schema_name as db from information_schema.schemata where schema_name not in (${placeholders(others)}) order by schema_name`,
    others,
  );
  return rows.map(({ db }) => db);
}

export function noRows(): AllRows {
  const nothing = { tables: [], columns: [], indexParts: [], foreignKeyColumns: [], foreignKeyRules: [], checks: [] };
  return { ...nothing, checkTables: [], triggers: [], partitions: [], routines: [], events: [] };
}

/** Pure: the catalog that these rows say, without sequences. */
export function catalogOf(flavour: MysqlFlavour, databases: readonly string[], all: AllRows): MysqlCatalog {
  const own = new Set(databases);
  const isOwn = ({ db }: { readonly db: string }): boolean => own.has(db);
  // A server that compares names case-insensitively has given those of `SHOP` for `shop`, too.
  const relations = all.tables.filter(isOwn);
  return Object.freeze({
    tables: tablesOf(flavour, all, relations.filter(isTable)),
    sequences: [],
    materializedViews: [],
    views: sorted(relations.filter(({ kind }) => kind === 'VIEW').map(({ db, tab }) => ({ schema: db, name: tab }))),
    extensions: [],
    routines: sorted(all.routines.filter(isOwn).map(routineOf)),
    events: sorted(all.events.filter(isOwn).map(({ db, name }) => ({ schema: db, name }))),
  });
}

function routineOf({ db, name, kind }: CatalogRows['routines']): MysqlCatalog['routines'][number] {
  return { schema: db, name, kind: kind === 'FUNCTION' ? 'function' : 'procedure' };
}

function isTable({ kind }: CatalogRows['tables']): boolean {
  return kind === 'BASE TABLE' || kind === 'SYSTEM VERSIONED';
}

function sequenceNames(databases: readonly string[], { tables }: AllRows): readonly TableName[] {
  return sorted(
    tables
      .filter(({ kind, db }) => kind === 'SEQUENCE' && databases.includes(db))
      .map(({ db, tab }) => ({ schema: db, name: tab })),
  );
}

interface OfTable {
  readonly db: string;
  readonly tab: string;
}

function keyOf({ db, tab }: OfTable): string {
  return JSON.stringify([db, tab]);
}

function tablesOf(
  flavour: MysqlFlavour,
  all: AllRows,
  relations: readonly CatalogRows['tables'][],
): readonly MysqlTable[] {
  const rowsOf = byTable(flavour, all);
  const inOrder = [...relations].sort((a, b) => compare(a.db, b.db) || compare(a.tab, b.tab));
  return inOrder.map((row) => tableOf(flavour, row, rowsOf));
}

type RowsOfTable = ReturnType<typeof byTable>;

function byTable(flavour: MysqlFlavour, all: AllRows) {
  return {
    columns: groupedByTable(all.columns),
    indexParts: groupedByTable(all.indexParts),
    foreignKeys: groupedByTable(all.foreignKeyColumns),
    rules: groupedByTable(all.foreignKeyRules),
    checks: groupedByTable(checksOf(flavour, all)),
    triggers: groupedByTable(all.triggers),
    partitions: groupedByTable(all.partitions),
  };
}

function groupedByTable<Row extends OfTable>(rows: readonly Row[]): (table: OfTable) => readonly Row[] {
  const groups = Map.groupBy(rows, keyOf);
  return (table) => groups.get(keyOf(table)) ?? [];
}

function tableOf(
  flavour: MysqlFlavour,
  row: CatalogRows['tables'],
  { columns, indexParts, foreignKeys, rules, checks, triggers, partitions }: RowsOfTable,
): MysqlTable {
  const ownColumns = columns(row)
    .toSorted(byPlace)
    .map((column) => columnOf(flavour, column));
  const indexes = indexesOf(flavour, indexParts(row));
  const primary = indexes.find(({ name }) => name === 'PRIMARY');
  const numbered = ownColumns.some(({ autoIncrement }) => autoIncrement);
  const dataBytes = BigInt(row.data_bytes ?? 0);
  return {
    schema: row.db,
    name: row.tab,
    oid: tableNumber({ schema: row.db, name: row.tab }),
    kind: 'table',
    inherits: [],
    persistence: 'permanent',
    columns: ownColumns,
    ...(primary === undefined ? {} : { primaryKey: columnsOf(primary) }),
    replicaIdentity: replicaIdentityOf(ownColumns, indexes),
    replicaIdentitySetting: 'default',
    uniqueKeys: indexes.filter(({ unique }) => unique).map(uniqueKeyOf),
    foreignKeys: foreignKeysOf(foreignKeys(row), rules(row)),
    rowSecurity: 'off',
    hasRules: false,
    // They fire for every session: nothing silences them.
    triggers: triggers(row)
      .map(({ name }) => ({ name, fires: 'always' as const }))
      .sort((a, b) => compare(a.name, b.name)),
    estimatedRows: Number(row.row_count ?? 0),
    pages: Math.ceil(Number(dataBytes) / pageBytes),
    totalBytes: dataBytes + BigInt(row.index_bytes ?? 0),
    heapBytes: dataBytes,
    engine: row.engine ?? 'unknown',
    collation: row.collation ?? '',
    comment: row.comment,
    indexes,
    checks: checks(row)
      .map(({ name, expression, enforced }) => ({ name, expression, enforced }))
      .sort((a, b) => compare(a.name, b.name)),
    // MySQL says nothing of a table that has never had a row.
    ...(numbered ? { nextAutoIncrement: BigInt(row.next_number ?? 1) } : {}),
    options: tableOptions(row, partitions(row)),
  };
}

/** InnoDB's default; only for how long a scan takes. */
const pageBytes = 16_384;

function columnOf(flavour: MysqlFlavour, row: CatalogRows['columns']): MysqlColumn {
  const generated = generationOf(row.extra);
  const autoIncrement = /\bauto_increment\b/i.test(row.extra);
  const value = generated === 'no' ? defaultOf(flavour, row) : undefined;
  return {
    name: row.name,
    typeOid: 0,
    type: row.type,
    builtIn: false,
    notNull: row.nullable === 'NO',
    generated,
    identity: autoIncrement ? 'by default' : 'no',
    hasDefault: value !== undefined,
    ...(row.character_set === null ? {} : { characterSet: row.character_set }),
    ...(row.collation === null ? {} : { collation: row.collation }),
    autoIncrement,
    ...(value === undefined ? {} : { default: value }),
    setOnUpdate: /\bon update\b/i.test(row.extra),
    ...(generated === 'no' ? {} : { generatedAs: expressionText(flavour, row.generated_as ?? '') }),
    invisible: /\bINVISIBLE\b/i.test(row.extra),
    comment: row.comment,
  };
}

function generationOf(extra: string): Column['generated'] {
  if (/\bVIRTUAL GENERATED\b/i.test(extra)) return 'virtual';
  return /\b(?:STORED|PERSISTENT) GENERATED\b/i.test(extra) ? 'stored' : 'no';
}

const indexKinds: Readonly<Record<string, MysqlIndex['kind']>> = {
  HASH: 'hash',
  FULLTEXT: 'fulltext',
  SPATIAL: 'spatial',
  RTREE: 'spatial',
};

/** The primary key first, then by name. */
function indexesOf(flavour: MysqlFlavour, rows: readonly CatalogRows['indexParts'][]): readonly MysqlIndex[] {
  const byName = [...Map.groupBy(rows, ({ name }) => name)];
  return byName
    .map(([name, parts]): MysqlIndex => {
      const [first] = parts;
      const { not_unique: notUnique, kind, unused, comment } = must(first, 'the first part of an index');
      return {
        name,
        unique: notUnique === '0',
        kind: indexKinds[kind] ?? 'btree',
        parts: parts.toSorted(byPlace).map((part) => indexPartOf(flavour, part)),
        invisible: unused === 'YES',
        comment,
      };
    })
    .sort((a, b) => Number(b.name === 'PRIMARY') - Number(a.name === 'PRIMARY') || compare(a.name, b.name));
}

function indexPartOf(flavour: MysqlFlavour, row: CatalogRows['indexParts']): MysqlIndexPart {
  // Of a spatial index it is the size of a bounding box.
  const hasPrefix = row.prefix !== null && indexKinds[row.kind] !== 'spatial';
  return {
    ...(row.column_name === null ? {} : { column: row.column_name }),
    ...(row.expression === null ? {} : { expression: expressionText(flavour, row.expression) }),
    ...(hasPrefix ? { prefix: Number(row.prefix) } : {}),
    descending: row.direction === 'D',
  };
}

function columnsOf({ parts }: MysqlIndex): readonly string[] {
  return parts.flatMap(({ column }) => (column === undefined ? [] : [column]));
}

function isWhole({ parts }: MysqlIndex): boolean {
  return parts.every(({ column, prefix }) => column !== undefined && prefix === undefined);
}

function uniqueKeyOf(index: MysqlIndex): UniqueKey {
  return {
    index: index.name,
    columns: columnsOf(index),
    partialOrExpression: !isWhole(index),
    deferrable: false,
    ...(index.name === 'PRIMARY' ? { primary: true } : {}),
  };
}

/**
 * By which values a change is found again: those of the primary key, or of the first unique key that never holds NULL. A key on a part of a value or on a generated column does not
 * travel as it is. Without any the whole row is in the log all the same (binlog_row_image=FULL).
 */
function replicaIdentityOf(columns: readonly MysqlColumn[], indexes: readonly MysqlIndex[]): ReplicaIdentity {
  const certain = new Set(columns.filter((one) => one.notNull && one.generated === 'no').map(({ name }) => name));
  const key = indexes.find(
    (index) =>
      index.unique &&
      (index.name === 'PRIMARY' || isWhole(index)) &&
      index.parts.every(({ column }) => column !== undefined && certain.has(column)),
  );
  return key === undefined ? { kind: 'full' } : { kind: 'key', index: key.name, columns: columnsOf(key) };
}

function foreignKeysOf(
  columns: readonly CatalogRows['foreignKeyColumns'][],
  rules: readonly CatalogRows['foreignKeyRules'][],
): readonly MysqlForeignKey[] {
  return [...Map.groupBy(columns, ({ name }) => name)]
    .map(([name, unordered]): MysqlForeignKey => {
      const rows = unordered.toSorted(byPlace);
      const { other_db: schema, other_tab: other } = must(rows[0], 'the first column of a foreign key');
      const rule = must(
        rules.find((one) => one.name === name),
        `the actions of foreign key ${name}`,
      );
      return {
        name,
        columns: rows.map((row) => row.column_name),
        references: { schema, name: other },
        referencedColumns: rows.map((row) => row.other_column),
        onDelete: actionOf(rule.on_delete),
        onUpdate: actionOf(rule.on_update),
      };
    })
    .sort((a, b) => compare(a.name, b.name));
}

/** RESTRICT and NO ACTION do the same here; without a word MariaDB says the first and MySQL the second. */
function actionOf(rule: string): ReferentialAction {
  return rule.toLowerCase() as ReferentialAction;
}

function checksOf(
  flavour: MysqlFlavour,
  { checks, checkTables }: AllRows,
): readonly (OfTable & { readonly name: string; readonly expression: string; readonly enforced: boolean })[] {
  const nameOf = (row: { readonly db: string; readonly name: string }): string => JSON.stringify([row.db, row.name]);
  // On MySQL the name of a check is its own in its database.
  const tables = new Map(checkTables.map((row) => [nameOf(row), row]));
  return checks.flatMap((row) => {
    const expression = expressionText(flavour, row.expression);
    if (row.tab !== null) return [{ db: row.db, tab: row.tab, name: row.name, expression, enforced: true }];
    const found = tables.get(nameOf(row));
    if (found === undefined) return [];
    return [{ db: found.db, tab: found.tab, name: row.name, expression, enforced: found.enforced === 'YES' }];
  });
}

function byPlace(a: { readonly place: string }, b: { readonly place: string }): number {
  return Number(a.place) - Number(b.place);
}

function sorted<T extends TableName>(items: readonly T[]): readonly T[] {
  return [...items].sort((a, b) => compare(tableKey(a), tableKey(b)));
}

/** By code units, so that both sides list alike whatever their collation. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
