import type { TableName } from '../model/catalog.ts';
import type { MysqlColumn, MysqlTable, ReferentialAction } from '../model/mysql-catalog.ts';
import type { MysqlType } from '../model/mysql-type.ts';
import type { DataCheck } from './data-checks.ts';
import type { MappingPolicy } from './options.ts';

/** A column with its place on the target. */
export interface MappedColumn {
  readonly source: MysqlColumn;
  readonly sourceType: MysqlType;
  /** On the target. */
  readonly name: string;
  /** Of PostgreSQL, as in CREATE TABLE. */
  readonly type: string;
  /** The name of the rule that chose the type; `override` for the user's own choice. */
  readonly rule: string;
  readonly nullable: boolean;
  /** SQL. */
  readonly default?: string;
  /** It counts by itself: as an identity column, or by a sequence where the type cannot be one. `start` is the next number. */
  readonly counter?: { readonly kind: 'identity' | 'sequence'; readonly start: bigint; readonly sequence?: string };
  /** SQL of a column that is computed on the target. */
  readonly generatedAs?: string;
  /** With its schema, when it is not the database's own. */
  readonly collation?: TableName;
  /** A condition, for a CHECK of this name. */
  readonly guard?: { readonly name: string; readonly sql: string };
  /** False for what the target computes: no value travels. */
  readonly carried: boolean;
  /** Set to the present by every update that changes the row. */
  readonly touched: boolean;
  readonly checks: readonly DataCheck[];
  /** Sentences. */
  readonly loss: readonly string[];
  readonly notes: readonly string[];
}

export interface MappedKeyPart {
  /** A quoted name, or an expression in parentheses. */
  readonly sql: string;
  /** On the source; absent for an expression of the source's. */
  readonly column?: string;
  readonly descending: boolean;
}

export interface MappedKey {
  /** On the target: unique in its schema. */
  readonly name: string;
  /** On the source. */
  readonly source: string;
  readonly kind: 'primary' | 'unique' | 'index';
  readonly parts: readonly MappedKeyPart[];
  /** Made of whole columns in ascending order: what a constraint can be. */
  readonly plain: boolean;
  readonly comment: string;
  readonly notes: readonly string[];
}

export interface MappedForeignKey {
  readonly name: string;
  readonly source: string;
  /** On the target, as are `references` and `referencedColumns`. */
  readonly columns: readonly string[];
  readonly references: TableName;
  readonly referencedColumns: readonly string[];
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
  /** On the source, for the search of orphans. */
  readonly sourceColumns: readonly string[];
  readonly sourceReferences: TableName;
  readonly sourceReferencedColumns: readonly string[];
}

export interface MappedCheck {
  readonly name: string;
  readonly sql: string;
}

export interface MappedTable {
  readonly source: MysqlTable;
  readonly target: TableName;
  readonly columns: readonly MappedColumn[];
  readonly keys: readonly MappedKey[];
  readonly foreignKeys: readonly MappedForeignKey[];
  readonly checks: readonly MappedCheck[];
  /** Of the function and the trigger that set columns to the present; absent where no column is `touched`. */
  readonly touch?: { readonly function: string; readonly trigger: string };
  readonly notes: readonly string[];
}

/** Something of the source that is not on the target, and why. */
export interface NotCarried {
  readonly kind:
    | 'table'
    | 'column'
    | 'index'
    | 'key'
    | 'foreign key'
    | 'check'
    | 'view'
    | 'procedure'
    | 'function'
    | 'event'
    | 'trigger'
    | 'sequence'
    | 'option';
  /** `database.table.column`, for people. */
  readonly name: string;
  readonly why: string;
}

export interface MappedCollation extends TableName {
  readonly locale: string;
}

/** A schema of MySQL as one of PostgreSQL: what DDL, documents and the scan of the data are made from. */
export interface Mapping {
  readonly postgresMajor: number;
  readonly policy: MappingPolicy;
  /** Every database that has a table here. */
  readonly schemas: readonly { readonly source: string; readonly target: string }[];
  readonly collations: readonly MappedCollation[];
  readonly tables: readonly MappedTable[];
  readonly notCarried: readonly NotCarried[];
  /** What a user must mend in the migration file: a table that is not there, two tables with one name, a column of an unknown type. Nothing may be made while there is one. */
  readonly mistakes: readonly string[];
}
