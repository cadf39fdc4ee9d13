import {
  tableKey,
  type Catalog,
  type Column,
  type ForeignKey,
  type ReplicaIdentity,
  type Sequence,
  type Table,
  type TableName,
  type UniqueKey,
} from '../../../model/catalog.ts';
import { TealError } from '../../../kernel/errors.ts';
import { catalogParts, userRelations, type CatalogRows } from './catalog-sql.ts';
import { dependencyOrder } from './dependency-order.ts';
import { askParts, type PartRows, type Querier } from './querier.ts';

/** Reads the whole catalog in one statement, however many tables there are. TEAL-SYSTEMS-301 on a connection that would write type names short. */
export async function readCatalog(querier: Querier): Promise<Catalog> {
  return catalogOf(await askParts<CatalogRows>(querier, catalogParts, userRelations));
}

/** Pure: the catalog that these rows say. */
export function catalogOf(rows: PartRows<CatalogRows>): Catalog {
  checkSearchPath(rows.searchPath[0]?.schemas ?? []);
  const materialized = rows.views.filter((view) => view.materialized);
  return Object.freeze({
    tables: sorted(tablesOf(rows)),
    sequences: sorted(rows.sequences.map(sequenceOf)),
    materializedViews: dependencyOrder(rows.views, materialized).map(({ schema, name, populated }) => ({
      schema,
      name,
      populated,
    })),
    views: sorted(rows.views.filter((view) => !view.materialized).map(({ schema, name }) => ({ schema, name }))),
    extensions: [...rows.extensions].sort((a, b) => compare(a.name, b.name)),
  });
}

/** With another schema on the path, `format_type` leaves its name out, and the same column would read differently on two sides. */
function checkSearchPath(schemas: readonly string[]): void {
  const others = schemas.filter((schema) => schema !== 'pg_catalog' && !schema.startsWith('pg_temp'));
  if (others.length > 0) {
    throw new TealError('TEAL-SYSTEMS-301', 'the search_path holds other schemas than pg_catalog', { others });
  }
}

function tablesOf(rows: PartRows<CatalogRows>): readonly Table[] {
  const columns = new Map(rows.columns.map((row) => [row.relation, row.items.map(columnOf)]));
  const parents = new Map(rows.parents.map((row) => [row.relation, row.items]));
  const indexes = byRelation(rows.indexes);
  const foreignKeys = byRelation(rows.foreignKeys);
  const exclusions = byRelation(rows.exclusions);
  const triggers = byRelation(rows.triggers);
  return rows.tables.map((row): Table => {
    const own = indexes.get(row.oid) ?? [];
    const [parent] = parents.get(row.oid) ?? [];
    const primary = own.find((index) => index.primary);
    const excluding = exclusions.get(row.oid) ?? [];
    return {
      schema: row.schema,
      name: row.name,
      oid: row.oid,
      kind: row.partitioned ? 'partitioned' : 'table',
      ...(row.is_partition && parent !== undefined ? { partitionOf: parent } : {}),
      inherits: row.is_partition ? [] : (parents.get(row.oid) ?? []),
      persistence: row.unlogged ? 'unlogged' : 'permanent',
      columns: columns.get(row.oid) ?? [],
      ...(primary === undefined ? {} : { primaryKey: primary.columns }),
      replicaIdentity: replicaIdentityOf(row.replica_identity, own),
      replicaIdentitySetting: identitySettings[row.replica_identity],
      uniqueKeys: own.map(uniqueKeyOf).sort(primaryFirst),
      foreignKeys: (foreignKeys.get(row.oid) ?? []).map(foreignKeyOf).sort((a, b) => compare(a.name, b.name)),
      ...(excluding.length === 0 ? {} : { exclusionConstraints: excluding.map(({ name }) => name).sort() }),
      rowSecurity: rowSecurityOf(row),
      hasRules: row.has_rules,
      triggers: (triggers.get(row.oid) ?? [])
        .map(({ name, enabled }) => ({ name, fires: triggerModes[enabled] }))
        .sort((a, b) => compare(a.name, b.name)),
      estimatedRows: row.estimated_rows,
      pages: row.pages,
      totalBytes: BigInt(row.total_bytes),
      heapBytes: BigInt(row.heap_bytes),
    };
  });
}

const identitySettings = { d: 'default', n: 'nothing', f: 'full', i: 'index' } as const;
const triggerModes = { O: 'origin', R: 'replica', A: 'always', D: 'disabled' } as const;
const generations = { '': 'no', s: 'stored', v: 'virtual' } as const;
const identities = { '': 'no', a: 'always', d: 'by default' } as const;

/** As RelationGetIndexList decides it: the default is the primary key only while that is valid and not deferrable; a chosen index may have been dropped. */
function replicaIdentityOf(
  setting: 'd' | 'n' | 'f' | 'i',
  indexes: readonly CatalogRows['indexes'][],
): ReplicaIdentity {
  if (setting === 'f') return { kind: 'full' };
  const index =
    setting === 'n' ? undefined : indexes.find((one) => (setting === 'd' ? one.primary : one.chosen_identity));
  if (index === undefined || !index.valid || !index.immediate) return { kind: 'nothing' };
  return { kind: 'key', index: index.name, columns: index.columns };
}

function columnOf(item: CatalogRows['columns']['items'][number]): Column {
  return {
    name: item.name,
    typeOid: item.type_oid,
    type: item.type,
    builtIn: item.built_in,
    notNull: item.not_null,
    generated: generations[item.generated],
    identity: identities[item.identity],
    hasDefault: item.has_default,
  };
}

function uniqueKeyOf(row: CatalogRows['indexes']): UniqueKey {
  return {
    index: row.name,
    columns: row.columns,
    partialOrExpression: row.partial_or_expression,
    deferrable: !row.immediate,
    ...(row.primary ? { primary: true } : {}),
  };
}

function primaryFirst(a: UniqueKey, b: UniqueKey): number {
  return Number(b.primary ?? false) - Number(a.primary ?? false) || compare(a.index, b.index);
}

function foreignKeyOf(row: CatalogRows['foreignKeys']): ForeignKey {
  return {
    name: row.name,
    columns: row.columns,
    references: { schema: row.references_schema, name: row.references_name },
    referencedColumns: row.referenced_columns,
  };
}

function rowSecurityOf(row: CatalogRows['tables']): Table['rowSecurity'] {
  if (!row.row_security) return 'off';
  return row.force_row_security ? 'forced' : 'on';
}

function sequenceOf(row: CatalogRows['sequences']): Sequence {
  const { owner_schema: schema, owner_table: name, owner_column: column } = row;
  return {
    schema: row.schema,
    name: row.name,
    ...(schema === null || name === null || column === null ? {} : { ownedBy: { table: { schema, name }, column } }),
    type: row.type,
    increment: BigInt(row.increment),
    min: BigInt(row.min),
    max: BigInt(row.max),
    cache: BigInt(row.cache),
    cycle: row.cycle,
  };
}

function byRelation<T extends { readonly relation: number }>(rows: readonly T[]): ReadonlyMap<number, readonly T[]> {
  return Map.groupBy(rows, (row) => row.relation);
}

function sorted<T extends TableName>(items: readonly T[]): readonly T[] {
  return [...items].sort((a, b) => compare(tableKey(a), tableKey(b)));
}

/** By code units, so that both sides list alike whatever their collation. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
