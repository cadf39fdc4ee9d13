import type { Catalog, Column, ForeignKey, Table, TableName } from './catalog.ts';

/** What a MySQL or MariaDB server says of its tables beside what every system has; databases are schemas here. `type` of a column is COLUMN_TYPE: `int(10) unsigned`. */
export interface MysqlColumn extends Column {
  /** Of texts, ENUM and SET: `utf8mb4`, `latin1`. Absent for what has none (bytes are `binary` to the server). */
  readonly characterSet?: string;
  readonly collation?: string;
  readonly autoIncrement: boolean;
  /** A literal as text without quotes, or an expression as SQL; absent without a default. NULL as a default is absent too. */
  readonly default?: { readonly kind: 'literal' | 'expression'; readonly text: string };
  /** ON UPDATE CURRENT_TIMESTAMP. */
  readonly setOnUpdate: boolean;
  /** The SQL of a generated column. */
  readonly generatedAs?: string;
  readonly invisible: boolean;
  readonly comment: string;
}

export interface MysqlIndexPart {
  /** Undefined for an expression. */
  readonly column?: string;
  readonly expression?: string;
  /** Characters or bytes of a prefix; undefined for the whole value. */
  readonly prefix?: number;
  readonly descending: boolean;
}

export interface MysqlIndex {
  /** `PRIMARY` for the primary key. */
  readonly name: string;
  readonly unique: boolean;
  readonly kind: 'btree' | 'hash' | 'fulltext' | 'spatial';
  readonly parts: readonly MysqlIndexPart[];
  /** The optimiser does not use it. */
  readonly invisible: boolean;
  readonly comment: string;
}

export type ReferentialAction = 'restrict' | 'no action' | 'cascade' | 'set null' | 'set default';

export interface MysqlForeignKey extends ForeignKey {
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
}

export interface MysqlTable extends Table {
  readonly columns: readonly MysqlColumn[];
  readonly foreignKeys: readonly MysqlForeignKey[];
  /** As the server writes it: `InnoDB`, `MyISAM`, `Aria`. */
  readonly engine: string;
  readonly collation: string;
  readonly comment: string;
  readonly indexes: readonly MysqlIndex[];
  readonly checks: readonly { readonly name: string; readonly expression: string; readonly enforced: boolean }[];
  /** The number that the next row without one would get; absent without such a column. */
  readonly nextAutoIncrement?: bigint;
  /** Partitions, system versioning, compression … by the words of CREATE TABLE; empty for a plain table. */
  readonly options: readonly string[];
}

export interface MysqlCatalog extends Catalog {
  readonly tables: readonly MysqlTable[];
  /** Views are in `views`; these are not carried, and named so that a person knows. */
  readonly routines: readonly (TableName & { readonly kind: 'procedure' | 'function' })[];
  readonly events: readonly TableName[];
}
