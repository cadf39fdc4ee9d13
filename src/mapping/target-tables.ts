import type { Column, ReplicaIdentity, Table } from '../model/catalog.ts';
import type { SchemaForm } from '../model/schema-form.ts';
import type { MappedColumn, MappedTable, Mapping } from './mapping.ts';
import { readTarget } from './target-type.ts';

/** The tables of the target as its catalog will say them, as far as steps ask: names, columns, and by what a change names its row. Numbers and sizes are the source's. Pure. */
export function targetTables({ tables }: Mapping): readonly Table[] {
  return tables.map(targetTable);
}

function targetTable({ source, target, columns, keys }: MappedTable): Table {
  const primary = keys.find(({ kind }) => kind === 'primary');
  const key = primary?.parts.map((part) => nameOf(columns, part.column)) ?? [];
  // Without a primary key PostgreSQL says nothing of an old row, unless it is told to say all.
  const identity: ReplicaIdentity =
    primary === undefined ? { kind: 'nothing' } : { kind: 'key', index: primary.name, columns: key };
  return {
    ...target,
    oid: source.oid,
    kind: 'table',
    inherits: [],
    persistence: 'permanent',
    columns: columns.map(targetColumn),
    ...(primary === undefined ? {} : { primaryKey: key }),
    replicaIdentity: identity,
    replicaIdentitySetting: 'default',
    uniqueKeys: [],
    foreignKeys: [],
    rowSecurity: 'off',
    hasRules: false,
    triggers: [],
    estimatedRows: source.estimatedRows,
    pages: source.pages,
    totalBytes: source.totalBytes,
    heapBytes: source.heapBytes,
  };
}

function nameOf(columns: readonly MappedColumn[], source: string | undefined): string {
  return columns.find((column) => column.source.name === source)?.name ?? source ?? '';
}

function targetColumn(column: MappedColumn): Column {
  return {
    name: column.name,
    typeOid: 0,
    type: column.type,
    builtIn: false,
    notNull: !column.nullable,
    generated: column.generatedAs === undefined ? 'no' : 'stored',
    identity: column.counter?.kind === 'identity' ? 'by default' : 'no',
    hasDefault: column.default !== undefined || column.counter !== undefined,
  };
}

/** What the target must have so that rows of the source have their place: tables and columns by their plain names, types as the mapping says them. Pure. */
export function targetForms({ tables }: Mapping): readonly SchemaForm[] {
  return tables.flatMap(({ target: { schema, name }, columns }): readonly SchemaForm[] => [
    { kind: 'table', schema, of: name, name: `${schema}.${name}`, definition: 'table' },
    ...columns.map((column) => ({
      kind: 'column' as const,
      schema,
      of: name,
      name: `${schema}.${name}.${column.name}`,
      definition: column.type,
    })),
  ]);
}

/** Whether two types of PostgreSQL are one, however each is written: `int4` and `integer`, `timestamptz(3)` and `timestamp(3) with time zone`. */
export function isSameTarget(one: string, other: string): boolean {
  const [a, b] = [readTarget(one), readTarget(other)];
  return a.name === b.name && a.first === b.first && a.second === b.second;
}
