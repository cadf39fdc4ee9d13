import type { TableName } from '../model/catalog.ts';
import type { DataCheck } from './data-checks.ts';

/** What a user may say of one column. `rename` and `drop` are about its place, the rest about what stands there. */
export interface ColumnOverride {
  readonly rename?: string;
  /** The column is not made and its values are not carried. */
  readonly drop?: true;
  /** A type of PostgreSQL, as in CREATE TABLE. */
  readonly type?: string;
  /** SQL of PostgreSQL over other columns of the table: the column is computed there (GENERATED … STORED), its values are not carried. */
  readonly expression?: string;
  /** SQL of PostgreSQL; null for no default. */
  readonly default?: string | null;
}

export interface TableOverride {
  readonly rename?: string;
  /** The table is not made and its rows are not carried. */
  readonly drop?: true;
  /** By the column's name on the source. */
  readonly columns?: Readonly<Record<string, ColumnOverride>>;
}

/** What is done with a value that has no form in PostgreSQL. */
export interface MappingPolicy {
  readonly zeroDate: 'stop' | 'null';
  readonly invalidEnum: 'stop' | 'null';
  readonly nulByte: 'stop' | 'remove';
  readonly invalidText: 'stop';
}

export const strictMappingPolicy: MappingPolicy = Object.freeze({
  zeroDate: 'stop',
  invalidEnum: 'stop',
  nulByte: 'stop',
  invalidText: 'stop',
});

/** What was seen in the data: rows of this column do not pass this check. */
export interface Offence {
  readonly table: TableName;
  readonly column: string;
  readonly check: DataCheck;
}

export interface MappingOptions {
  /** Of the target: 14 or later. */
  readonly postgresMajor: number;
  /** Database → schema; a database that is not named keeps its name. */
  readonly schemas?: Readonly<Record<string, string>>;
  /** By `database.table`. */
  readonly tables?: Readonly<Record<string, TableOverride>>;
  readonly policy?: MappingPolicy;
  /**
   * Where texts that MySQL compares without case or accents get a collation that does so too. `keys` (default): in unique keys, and in what foreign keys join to
   * them. `all`: everywhere, at the price of LIKE before PostgreSQL 18. `none`: nowhere; keys then hold fewer texts to be equal than they did.
   */
  readonly collations?: 'keys' | 'all' | 'none';
  /**
   * CHECK constraints that keep PostgreSQL to what the source's type holds, so that what is written after a cut can be carried back. Default true. The labels of
   * ENUM are checked in any case.
   */
  readonly guards?: boolean;
  /** From a scan of the data: tinyint(1) with other values than 0 and 1 is then no boolean. */
  readonly offences?: readonly Offence[];
}
