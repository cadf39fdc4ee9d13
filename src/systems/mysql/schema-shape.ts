import { createHash } from 'node:crypto';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { MysqlCatalog, MysqlColumn, MysqlForeignKey, MysqlIndex, MysqlTable } from '../../model/mysql-catalog.ts';
import type { SchemaForm } from '../../model/schema-form.ts';
import type { SchemaObject } from '../../ports/digester.ts';
import type { MysqlConnection, MysqlFlavour } from './connection.ts';
import { readCatalog, readDatabases } from './inspect/catalog.ts';
import { askRows, placeholders, type Querier } from './inspect/querier.ts';
import { quoteIdent } from './quote.ts';
import { columnDefinition } from './column-forms.ts';
import { definitionOf } from './schema-forms.ts';
import { isNoRecorder } from './trigger-source/names.ts';

/** All of a schema that has to be the same on both sides, without its words: to be compared, kept and told. */
export interface SchemaShape {
  readonly flavour: MysqlFlavour;
  /** Of one number: servers that print definitions alike. */
  readonly series: number;
  readonly forms: readonly SchemaForm[];
  readonly rules: readonly ColumnRule[];
  readonly objects: readonly SchemaObject[];
}

/** What a column demands or gives by itself, beside its type. `definition` holds a digest of a default's value, never itself. */
export interface ColumnRule {
  readonly schema: string;
  readonly of: string;
  readonly name: string;
  readonly definition: string;
  /** Digest of a default's or generated column's expression, which two versions may print differently. */
  readonly expression: string;
}

/** Of one database, or of all that are neither the system's nor Teal's. */
export async function readShape(connection: MysqlConnection, database?: string): Promise<SchemaShape> {
  const catalog = await readCatalog(connection, database);
  const databases = database === undefined ? await readDatabases(connection) : [database];
  return shapeOf(connection, catalog, await readPrograms(connection, databases));
}

/** Pure. */
export function shapeOf(
  server: Pick<Querier, 'flavour' | 'version'>,
  catalog: MysqlCatalog,
  programs: readonly SchemaObject[],
): SchemaShape {
  return {
    flavour: server.flavour,
    series: seriesOf(server),
    forms: [
      ...catalog.tables.map(tableForm),
      ...catalog.tables.flatMap((table) => table.columns.map((column) => columnForm(table, column))),
    ],
    rules: catalog.tables.flatMap((table) => table.columns.map((column) => ruleOf(table, column))),
    objects: [
      ...catalog.tables.flatMap(objectsOfTable),
      ...catalog.sequences.map((sequence): SchemaObject => ({
        kind: 'sequence',
        name: tableKey(sequence),
        // How far it has come is no matter of the schema.
        definition: `${sequence.increment} 0`,
        definitionVaries: false,
      })),
      ...programs,
    ],
  };
}

export function seriesOf({ flavour, version: [major, minor] }: Pick<Querier, 'flavour' | 'version'>): number {
  return (flavour === 'mariadb' ? 100_000 : 0) + major * 1_000 + minor;
}

function tableForm(table: MysqlTable): SchemaForm {
  return { kind: 'table', schema: table.schema, of: table.name, name: tableKey(table), definition: 'table' };
}

function columnForm(table: MysqlTable, { name, type, collation }: MysqlColumn): SchemaForm {
  const definition = columnDefinition(type, collation);
  return { kind: 'column', schema: table.schema, of: table.name, name: `${tableKey(table)}.${name}`, definition };
}

function ruleOf(table: MysqlTable, column: MysqlColumn): ColumnRule {
  const { default: value, generated, setOnUpdate, autoIncrement, invisible, notNull } = column;
  const words = [
    ...(notNull ? ['not null'] : []),
    ...(generated === 'no' ? [] : [`${generated} generated`]),
    ...(autoIncrement ? ['auto_increment'] : []),
    ...(setOnUpdate ? ['set on update'] : []),
    ...(invisible ? ['invisible'] : []),
    ...(value === undefined
      ? []
      : [value.kind === 'literal' ? `default #${digest(value.text, 8)}` : 'default by expression']),
  ];
  const expression = column.generatedAs ?? (value?.kind === 'expression' ? value.text : '');
  return {
    schema: table.schema,
    of: table.name,
    name: `${tableKey(table)}.${column.name}`,
    definition: words.join(', '),
    expression: expression === '' ? '' : digest(expression),
  };
}

function objectsOfTable(table: MysqlTable): readonly SchemaObject[] {
  const own = { schema: table.schema, name: table.name };
  const on = (name: string): string => `${quoteIdent(name)} on ${tableKey(table)}`;
  return [
    ...table.indexes.map((index): SchemaObject => ({
      kind: 'index',
      name: on(index.name),
      definition: indexWords(index),
      definitionVaries: index.parts.some(({ expression }) => expression !== undefined),
      table: own,
    })),
    ...table.foreignKeys.map((key): SchemaObject => ({
      kind: 'constraint',
      name: on(key.name),
      definition: foreignKeyWords(key),
      definitionVaries: false,
      table: own,
    })),
    ...table.checks.map(({ name, expression, enforced }): SchemaObject => ({
      kind: 'constraint',
      name: on(name),
      definition: `check #${digest(expression)}${enforced ? '' : ' not enforced'}`,
      definitionVaries: true,
      table: own,
    })),
  ];
}

/** Begins with `UNIQUE` for what refuses rows. */
function indexWords({ unique, kind, parts, invisible }: MysqlIndex): string {
  const list = parts.map(({ column, expression, prefix, descending }) => {
    const what = column === undefined ? `expression #${digest(expression ?? '')}` : quoteIdent(column);
    return `${what}${prefix === undefined ? '' : `(${prefix})`}${descending ? ' desc' : ''}`;
  });
  return `${unique ? 'UNIQUE ' : ''}${kind === 'hash' ? 'btree' : kind} (${list.join(', ')})${invisible ? ' unused' : ''}`;
}

function foreignKeyWords({ columns, references, referencedColumns, onDelete, onUpdate }: MysqlForeignKey): string {
  const list = (names: readonly string[]): string => names.map(quoteIdent).join(', ');
  // Both do the same here, and without a word the families say one each.
  const action = (word: string): string => (word === 'no action' ? 'restrict' : word);
  return `foreign key (${list(columns)}) references ${tableKey(references)} (${list(referencedColumns)}) on delete ${action(onDelete)} on update ${action(onUpdate)}`;
}

interface ProgramRow extends Readonly<Record<string, string | null>> {
  readonly kind: string;
  readonly db: string;
  readonly name: string;
  readonly tab: string | null;
  readonly says: string;
}

/** Views, routines, triggers and events, by what information_schema says of them. Whether an event is enabled is no matter of the schema: that goes with the side that is live. */
export async function readPrograms(querier: Querier, databases: readonly string[]): Promise<readonly SchemaObject[]> {
  if (databases.length === 0) return [];
  const within = (column: string): string => `${column} in (${placeholders(databases)})`;
  const parameters = await askRows<{
    db: string;
    name: string;
    kind: string;
    place: string;
    says: string;
    type: string;
  }>(
    querier,
    `select specific_schema as db, specific_name as name, routine_type as kind, ordinal_position as place,
       concat_ws(' ', parameter_mode, parameter_name) as says, dtd_identifier as type
     from information_schema.parameters where ${within('specific_schema')} order by ordinal_position`,
    databases,
  );
  const signatures = Map.groupBy(parameters, ({ db, name, kind }) => JSON.stringify([db, name, kind]));
  const found: SchemaObject[] = [];
  for (const sql of programSql(within)) {
    for (const { kind, db, name, tab, says } of await askRows<ProgramRow>(querier, sql, databases)) {
      const signature =
        signatures
          .get(JSON.stringify([db, name, kind]))
          ?.map(({ says: named, type }) => `${named} ${definitionOf(type)}`) ?? [];
      const own = tab === null ? undefined : { schema: db, name: tab };
      found.push({
        kind: kindOf(kind),
        name: own === undefined ? `${db}.${name}` : `${quoteIdent(name)} on ${tableKey(own)}`,
        definition: digest([...signature, says].join('\n')),
        // The server writes views in its own words.
        definitionVaries: kind === 'VIEW',
        ...(own === undefined ? {} : { table: own }),
      });
    }
  }
  return found;
}

function programSql(within: (column: string) => string): readonly string[] {
  return [
    `select 'VIEW' as kind, table_schema as db, table_name as name, null as tab,
       concat_ws('\\n', view_definition, check_option, definer, security_type) as says
     from information_schema.views where ${within('table_schema')}`,
    `select routine_type as kind, routine_schema as db, routine_name as name, null as tab,
       concat_ws('\\n', routine_definition, is_deterministic, sql_data_access, security_type, definer) as says
     from information_schema.routines where ${within('routine_schema')}`,
    `select 'TRIGGER' as kind, trigger_schema as db, trigger_name as name, event_object_table as tab,
       concat_ws('\\n', action_timing, event_manipulation, action_statement, definer) as says
     from information_schema.triggers where ${within('trigger_schema')} and ${isNoRecorder('trigger_name')}`,
    `select 'EVENT' as kind, event_schema as db, event_name as name, null as tab,
       concat_ws('\\n', event_definition, event_type, execute_at, interval_value, interval_field, ends, on_completion, definer) as says
     from information_schema.events where ${within('event_schema')}`,
  ];
}

function kindOf(kind: string): SchemaObject['kind'] {
  switch (kind) {
    case 'VIEW':
      return 'view';
    case 'TRIGGER':
      return 'trigger';
    case 'EVENT':
      return 'event';
    case 'PROCEDURE':
      return 'procedure';
    default:
      return 'function';
  }
}

function digest(text: string, digits = 32): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, digits);
}

/** The part of a shape that is about these tables, and about what stands by itself in their databases. */
export function narrowed(shape: SchemaShape, selected: (table: TableName) => boolean): SchemaShape {
  const forms = shape.forms.filter(({ schema, of }) => selected({ schema, name: of }));
  const databases = [...new Set(forms.map(({ schema }) => schema))];
  const isTheirs = ({ name }: SchemaObject): boolean => databases.some((database) => name.startsWith(`${database}.`));
  return {
    ...shape,
    forms,
    rules: shape.rules.filter(({ schema, of }) => selected({ schema, name: of })),
    objects: shape.objects.filter((object) => (object.table === undefined ? isTheirs(object) : selected(object.table))),
  };
}

/** By `schema.table`. */
export function among(tables: readonly TableName[]): (table: TableName) => boolean {
  const keys = new Set(tables.map(tableKey));
  return (table) => keys.has(tableKey(table));
}
