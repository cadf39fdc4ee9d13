import type { Catalog, Table, TableName } from '../../src/model/catalog.ts';
import type { MysqlCatalog, MysqlTable } from '../../src/model/mysql-catalog.ts';

/** A table of which nothing is said but its name, and what a test is about. */
export function plainTable({ schema, name }: TableName, more: Partial<Table> = {}): Table {
  return {
    schema,
    name,
    oid: 1,
    kind: 'table',
    inherits: [],
    persistence: 'permanent',
    columns: [],
    replicaIdentity: { kind: 'nothing' },
    replicaIdentitySetting: 'default',
    uniqueKeys: [],
    foreignKeys: [],
    rowSecurity: 'off',
    hasRules: false,
    triggers: [],
    estimatedRows: 0,
    pages: 0,
    totalBytes: 0n,
    heapBytes: 0n,
    ...more,
  };
}

export function plainMysqlTable(table: TableName, more: Partial<MysqlTable> = {}): MysqlTable {
  return {
    ...plainTable(table),
    columns: [],
    foreignKeys: [],
    engine: 'InnoDB',
    collation: 'utf8mb4_bin',
    comment: '',
    indexes: [],
    checks: [],
    options: [],
    ...more,
  };
}

export const emptyCatalog: Catalog = Object.freeze({
  tables: [],
  sequences: [],
  materializedViews: [],
  views: [],
  extensions: [],
});

export const emptyMysqlCatalog: MysqlCatalog = Object.freeze({
  ...emptyCatalog,
  tables: [],
  sequences: [],
  routines: [],
  events: [],
});
