/** What a data system holds, as plain values. Read by inspection, used by plan, copy, follow and verify. */

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export type SystemKind = 'postgres';
export type Side = 'blue' | 'green';

export function otherSide(side: Side): Side {
  return side === 'blue' ? 'green' : 'blue';
}

export interface Column {
  readonly name: string;
  /** The type's number on this server; equal on two servers only for built-in types. */
  readonly typeOid: number;
  /** As `format_type` writes it, with modifiers: `numeric(10,2)`, `public.mood[]`. */
  readonly type: string;
  /** True when the type and all that it is made of are built in, so that its binary form means the same on every server. */
  readonly builtIn: boolean;
  readonly notNull: boolean;
  readonly generated: 'no' | 'stored' | 'virtual';
  readonly identity: 'no' | 'always' | 'by default';
  readonly hasDefault: boolean;
}

/** What a change of this table says about the old row: PostgreSQL's replica identity, as it works (not as it is configured). */
export type ReplicaIdentity =
  | { readonly kind: 'key'; readonly index: string; readonly columns: readonly string[] }
  | { readonly kind: 'full' }
  | { readonly kind: 'nothing' };

export interface UniqueKey {
  readonly index: string;
  readonly columns: readonly string[];
  /** An index on expressions or with a WHERE: uniqueness that column names alone do not describe. */
  readonly partialOrExpression: boolean;
  readonly deferrable: boolean;
  /** The primary key's own index, which is listed first. */
  readonly primary?: boolean;
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly references: TableName;
  readonly referencedColumns: readonly string[];
}

export interface Table extends TableName {
  readonly oid: number;
  /** `partitioned` holds no rows itself: its leaves do, and they are tables of their own here. */
  readonly kind: 'table' | 'partitioned';
  readonly partitionOf?: TableName;
  readonly inherits: readonly TableName[];
  readonly persistence: 'permanent' | 'unlogged';
  readonly columns: readonly Column[];
  readonly primaryKey?: readonly string[];
  readonly replicaIdentity: ReplicaIdentity;
  /** As configured in the catalog (`relreplident`), for undo. */
  readonly replicaIdentitySetting: 'default' | 'nothing' | 'full' | 'index';
  readonly uniqueKeys: readonly UniqueKey[];
  readonly foreignKeys: readonly ForeignKey[];
  /** Names of EXCLUDE constraints; absent when there are none. */
  readonly exclusionConstraints?: readonly string[];
  readonly rowSecurity: 'off' | 'on' | 'forced';
  readonly hasRules: boolean;
  /** User triggers, by name; `always` fires even while Teal applies changes. */
  readonly triggers: readonly { readonly name: string; readonly fires: 'origin' | 'replica' | 'always' | 'disabled' }[];
  readonly estimatedRows: number;
  /** Main fork only, in pages of the server's block size: what a scan by ctid reads. */
  readonly pages: number;
  /** Heap, TOAST and indexes. */
  readonly totalBytes: bigint;
  readonly heapBytes: bigint;
}

export interface Sequence extends TableName {
  readonly ownedBy?: { readonly table: TableName; readonly column: string };
  readonly type: string;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cache: bigint;
  readonly cycle: boolean;
}

export interface Catalog {
  readonly tables: readonly Table[];
  readonly sequences: readonly Sequence[];
  /** In an order in which they can be refreshed: each after those that it reads, also through views. */
  readonly materializedViews: readonly (TableName & { readonly populated: boolean })[];
  readonly views: readonly TableName[];
  readonly extensions: readonly { readonly name: string; readonly version: string; readonly schema: string }[];
}

export function tableKey(name: TableName): string {
  return `${name.schema}.${name.name}`;
}

/** The table in the facts of an error. */
export function tableFacts(table: TableName): { readonly schema: string; readonly table: string } {
  return { schema: table.schema, table: table.name };
}

/** Columns whose values travel: everything that the database does not compute itself. */
export function carriedColumns(table: Pick<Table, 'columns'>): readonly Column[] {
  return table.columns.filter((column) => column.generated === 'no');
}

/** Tables that hold rows themselves. */
export function storedTables(catalog: Pick<Catalog, 'tables'>): readonly Table[] {
  return catalog.tables.filter((table) => table.kind === 'table');
}
