import type { MysqlConnection } from './connection.ts';
import { askRows, placeholders } from './inspect/querier.ts';
import type { SchemaItem } from './schema-capture.ts';
import { isNoRecorder } from './trigger-source/names.ts';

type Kind = SchemaItem['kind'];

/** What a server has, by kind and name: whether an object is there is always asked of the server itself. */
export interface ObjectsThere {
  has(item: Pick<SchemaItem, 'kind' | 'schema' | 'name'>): boolean;
  /** Of `keys` and `foreign keys`: those that the table has not yet. */
  lacking(item: SchemaItem): SchemaItem['holds'];
}

interface ThereRow extends Readonly<Record<string, string | null>> {
  readonly kind: string;
  readonly db: string;
  readonly name: string;
  readonly part: string | null;
}

export async function readThere(connection: MysqlConnection, databases: readonly string[]): Promise<ObjectsThere> {
  const { rows } = await connection.query('select @@global.lower_case_table_names as lower');
  const lowers = rows[0]?.['lower'] !== '0';
  // Names of tables and databases: those of keys and routines are never told apart by case.
  const named = (db: string, name: string): string => (lowers ? `${db}\0${name}`.toLowerCase() : `${db}\0${name}`);
  const found = new Set<string>();
  if (databases.length > 0) {
    for (const sql of thereSql(databases)) {
      for (const { kind, db, name, part } of await askRows<ThereRow>(connection, sql, databases)) {
        found.add(`${kind}\0${named(db, name)}\0${(part ?? '').toLowerCase()}`);
      }
    }
  }
  const isThere = (kind: string, db: string, name: string, part = ''): boolean =>
    found.has(`${kind}\0${named(db, name)}\0${part.toLowerCase()}`);
  return {
    has: ({ kind, schema, name }) => wordsOf(kind).some((word) => isThere(word, schema, name)),
    lacking: ({ kind, schema, name, holds }) =>
      holds.filter((each) => !isThere(wordsOf(kind)[0] ?? '', schema, name, each.name)),
  };
}

/** A table, a view and a sequence of one name cannot be side by side. */
const relations = ['BASE TABLE', 'SYSTEM VERSIONED', 'VIEW', 'SYSTEM VIEW', 'SEQUENCE'];

function wordsOf(kind: Kind): readonly string[] {
  switch (kind) {
    case 'table':
    case 'view':
    case 'sequence':
      return relations;
    case 'keys':
      return ['KEY'];
    case 'foreign keys':
      return ['FOREIGN KEY'];
    default:
      return [kind.toUpperCase()];
  }
}

function thereSql(databases: readonly string[]): readonly string[] {
  const within = (column: string): string => `${column} in (${placeholders(databases)})`;
  return [
    `select 'DATABASE' as kind, schema_name as db, '' as name, null as part from information_schema.schemata where ${within('schema_name')}`,
    `select table_type as kind, table_schema as db, table_name as name, null as part from information_schema.tables where ${within('table_schema')}`,
    `select distinct 'KEY' as kind, table_schema as db, table_name as name, index_name as part from information_schema.statistics where ${within('table_schema')}`,
    `select distinct 'FOREIGN KEY' as kind, table_schema as db, table_name as name, constraint_name as part
     from information_schema.key_column_usage where ${within('table_schema')} and referenced_table_name is not null`,
    `select routine_type as kind, routine_schema as db, routine_name as name, null as part from information_schema.routines where ${within('routine_schema')}`,
    `select 'TRIGGER' as kind, trigger_schema as db, trigger_name as name, null as part from information_schema.triggers where ${within('trigger_schema')} and ${isNoRecorder('trigger_name')}`,
    `select 'EVENT' as kind, event_schema as db, event_name as name, null as part from information_schema.events where ${within('event_schema')}`,
  ];
}
