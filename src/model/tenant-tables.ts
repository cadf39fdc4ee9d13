import { tableKey, type Catalog, type ForeignKey, type Table, type TableName, type UniqueKey } from './catalog.ts';

/** How the tables of a migration stand to the tenants whose rows are in them. */
export interface TenantTables {
  /** With the tenant's column, partitioned ones and their partitions too. */
  readonly rows: readonly Table[];
  /** Without it: those to whose rows rows of tenants lead, with the columns that are led to. */
  readonly guarded: readonly { readonly table: TableName; readonly columns: readonly string[] }[];
  /** Foreign keys between rows of tenants that do not say that both are of one: only the rows tell. */
  readonly crossing: readonly { readonly table: TableName; readonly key: ForeignKey }[];
  /** Why two sides cannot each take rows of their own tenants, sentences. */
  readonly obstacles: readonly { readonly table: TableName; readonly what: string }[];
}

/** `shared`: names of tables, `schema.name`, that rows of all tenants use and that have no such column. Pure. */
export function tenantTables(catalog: Catalog, by: string, shared: readonly string[]): TenantTables {
  const hasColumn = (table: Table): boolean => table.columns.some(({ name }) => name === by);
  const byKey = new Map(catalog.tables.map((table) => [tableKey(table), table]));
  const isTenants = (name: TableName): boolean => {
    const table = byKey.get(tableKey(name));
    return table !== undefined && hasColumn(table);
  };
  const rows = catalog.tables.filter(hasColumn);
  const others = catalog.tables.filter((table) => !hasColumn(table));
  const obstacle = (table: TableName, what: string): { table: TableName; what: string } => ({
    table: { schema: table.schema, name: table.name },
    what: `${tableKey(table)} ${what}`,
  });
  return {
    rows,
    guarded: guardedBy(rows.filter(isWhole), (name) => !isTenants(name)),
    crossing: rows
      .filter(isWhole)
      .flatMap((table) =>
        table.foreignKeys
          .filter((key) => isTenants(key.references) && !saysTenant(key, by))
          .map((key) => ({ table: { schema: table.schema, name: table.name }, key })),
      ),
    obstacles: [
      ...others
        .filter((table) => !shared.includes(tableKey(table)))
        .map((table) => obstacle(table, `has no column ${by}, and is not among \`shared\``)),
      ...shared
        .filter((name) => byKey.get(name) === undefined)
        .map((name) => ({ table: { schema: '', name }, what: `${name}, one of \`shared\`, is no table of it` })),
      ...rows
        .filter((table) => shared.includes(tableKey(table)))
        .map((table) => obstacle(table, `is among \`shared\`, and has a column ${by}`)),
      ...others.flatMap((table) =>
        table.foreignKeys
          .filter(({ references }) => isTenants(references))
          .map(({ name, references }) =>
            obstacle(table, `leads to rows of tenants in ${tableKey(references)} (${name}), and is of all of them`),
          ),
      ),
      ...rows
        .filter(({ persistence }) => persistence === 'unlogged')
        .map((table) => obstacle(table, 'is unlogged: what tenants write in it on green would not come back')),
      ...rows
        .filter(({ columns }) => columns.some(({ name, generated }) => name === by && generated === 'virtual'))
        .map((table) => obstacle(table, `computes ${by} when it is read: a trigger does not see it`)),
      ...rows
        .filter(isWhole)
        .flatMap((table) =>
          table.uniqueKeys
            .filter((key) => !key.columns.includes(by) && !isGenerated(key, table, catalog))
            .map(({ index }) =>
              obstacle(table, `has a unique key without ${by} (${index}): both sides could take the same values`),
            ),
        ),
      ...rows.flatMap((table) =>
        (table.exclusionConstraints ?? []).map((name) =>
          obstacle(table, `has an exclusion constraint (${name}): rows of tenants on both sides could break it`),
        ),
      ),
      ...catalog.sequences
        .filter(({ cycle }) => cycle)
        .map((sequence) => obstacle(sequence, 'is a sequence that goes round: both sides would give the same numbers')),
    ],
  };
}

/** Partitions have the keys of what they are of. */
function isWhole(table: Table): boolean {
  return table.partitionOf === undefined;
}

function saysTenant({ columns, referencedColumns }: ForeignKey, by: string): boolean {
  return columns.some((column, at) => column === by && referencedColumns[at] === by);
}

/** One of its values comes from a sequence, which both sides are given apart, or is a UUID. */
function isGenerated(key: UniqueKey, table: Table, { sequences }: Catalog): boolean {
  return key.columns.some((name) => {
    const column = table.columns.find((each) => each.name === name);
    const isOwned = sequences.some(
      ({ ownedBy }) => ownedBy?.column === name && tableKey(ownedBy.table) === tableKey(table),
    );
    return column?.type === 'uuid' || (column !== undefined && column.identity !== 'no') || isOwned;
  });
}

function guardedBy(tables: readonly Table[], isOfAll: (name: TableName) => boolean): TenantTables['guarded'] {
  const found = new Map<string, { table: TableName; columns: Set<string> }>();
  for (const { references, referencedColumns } of tables.flatMap(({ foreignKeys }) => foreignKeys)) {
    if (!isOfAll(references)) continue;
    const entry = found.get(tableKey(references)) ?? { table: references, columns: new Set<string>() };
    for (const column of referencedColumns) entry.columns.add(column);
    found.set(tableKey(references), entry);
  }
  return [...found.values()].map(({ table, columns }) => ({ table, columns: [...columns] }));
}
