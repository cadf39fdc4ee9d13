import { isAtLeast, placeholders, type Querier } from './querier.ts';
import { isNoRecorder } from '../trigger-source/names.ts';

/** One row of each part, as text; see the manuals' chapters on information_schema. */
export interface CatalogRows {
  readonly tables: {
    readonly db: string;
    readonly tab: string;
    /** `BASE TABLE`, `VIEW`; of MariaDB also `SYSTEM VERSIONED`, `SEQUENCE`. */
    readonly kind: string;
    readonly engine: string | null;
    readonly row_format: string | null;
    readonly row_count: string | null;
    readonly data_bytes: string | null;
    readonly index_bytes: string | null;
    readonly next_number: string | null;
    readonly collation: string | null;
    readonly options: string | null;
    readonly comment: string;
  };
  readonly columns: {
    readonly db: string;
    readonly tab: string;
    readonly name: string;
    readonly place: string;
    readonly default_text: string | null;
    readonly nullable: 'YES' | 'NO';
    readonly type: string;
    readonly character_set: string | null;
    readonly collation: string | null;
    readonly extra: string;
    readonly generated_as: string | null;
    readonly comment: string;
  };
  readonly indexParts: {
    readonly db: string;
    readonly tab: string;
    readonly name: string;
    readonly place: string;
    readonly not_unique: '0' | '1';
    readonly column_name: string | null;
    readonly expression: string | null;
    readonly direction: string | null;
    readonly prefix: string | null;
    readonly kind: string;
    readonly unused: 'YES' | 'NO';
    readonly comment: string;
  };
  readonly foreignKeyColumns: {
    readonly db: string;
    readonly tab: string;
    readonly name: string;
    readonly place: string;
    readonly column_name: string;
    readonly other_db: string;
    readonly other_tab: string;
    readonly other_column: string;
  };
  readonly foreignKeyRules: {
    readonly db: string;
    readonly tab: string;
    readonly name: string;
    readonly on_update: string;
    readonly on_delete: string;
  };
  /** MySQL does not say here whose they are: that is in `checkTables`. */
  readonly checks: {
    readonly db: string;
    readonly tab: string | null;
    readonly name: string;
    readonly expression: string;
  };
  readonly checkTables: {
    readonly db: string;
    readonly tab: string;
    readonly name: string;
    readonly enforced: 'YES' | 'NO';
  };
  readonly triggers: { readonly db: string; readonly tab: string; readonly name: string };
  readonly partitions: {
    readonly db: string;
    readonly tab: string;
    readonly name: string;
    readonly method: string;
    readonly expression: string | null;
    readonly description: string | null;
    readonly sub_method: string | null;
    readonly sub_expression: string | null;
    readonly sub_name: string | null;
  };
  readonly routines: { readonly db: string; readonly name: string; readonly kind: 'PROCEDURE' | 'FUNCTION' };
  readonly events: { readonly db: string; readonly name: string };
}

export type AllRows = { readonly [P in keyof CatalogRows]: readonly CatalogRows[P][] };
export type CatalogParts = { readonly [P in keyof CatalogRows]: string };

/** A query for each part, the columns first, with the names of the databases as its only parameters. No joins: names compare case-insensitively in information_schema of MariaDB. */
export function catalogParts({ flavour, version }: Querier, databases: readonly string[]): CatalogParts {
  const isMysql = flavour === 'mysql';
  const ignored = isAtLeast(version, 10, 6) ? 'ignored' : `'NO'`;
  const within = (column: string): string => `${column} in (${placeholders(databases)})`;
  return {
    columns: `
      select table_schema as db, table_name as tab, column_name as name, ordinal_position as place, column_default as default_text,
        is_nullable as nullable, column_type as type, character_set_name as character_set, collation_name as collation,
        extra as extra, generation_expression as generated_as, column_comment as comment
      from information_schema.columns where ${within('table_schema')}`,
    tables: `
      select table_schema as db, table_name as tab, table_type as kind, engine as engine, row_format as row_format,
        table_rows as row_count, data_length as data_bytes, index_length as index_bytes, auto_increment as next_number,
        table_collation as collation, create_options as options, table_comment as comment
      from information_schema.tables where ${within('table_schema')}`,
    indexParts: `
      select table_schema as db, table_name as tab, index_name as name, seq_in_index as place, non_unique as not_unique,
        column_name as column_name, ${isMysql ? 'expression' : 'null'} as expression, collation as direction, sub_part as prefix,
        index_type as kind, ${isMysql ? `if(is_visible = 'YES', 'NO', 'YES')` : ignored} as unused, index_comment as comment
      from information_schema.statistics where ${within('table_schema')}`,
    foreignKeyColumns: `
      select table_schema as db, table_name as tab, constraint_name as name, ordinal_position as place, column_name as column_name,
        referenced_table_schema as other_db, referenced_table_name as other_tab, referenced_column_name as other_column
      from information_schema.key_column_usage where ${within('table_schema')} and referenced_table_name is not null`,
    foreignKeyRules: `
      select constraint_schema as db, table_name as tab, constraint_name as name, update_rule as on_update, delete_rule as on_delete
      from information_schema.referential_constraints where ${within('constraint_schema')}`,
    checks: `
      select constraint_schema as db, ${isMysql ? 'null' : 'table_name'} as tab, constraint_name as name, check_clause as expression
      from information_schema.check_constraints where ${within('constraint_schema')}`,
    checkTables: `
      select table_schema as db, table_name as tab, constraint_name as name, ${isMysql ? 'enforced' : `'YES'`} as enforced
      from information_schema.table_constraints where ${within('table_schema')} and constraint_type = 'CHECK'`,
    triggers: `
      select event_object_schema as db, event_object_table as tab, trigger_name as name
      from information_schema.triggers where ${within('event_object_schema')} and ${isNoRecorder('trigger_name')}`,
    partitions: `
      select table_schema as db, table_name as tab, partition_name as name, partition_method as method,
        partition_expression as expression, partition_description as description, subpartition_method as sub_method,
        subpartition_expression as sub_expression, subpartition_name as sub_name
      from information_schema.partitions where ${within('table_schema')} and partition_name is not null
      order by table_schema, table_name, partition_ordinal_position, subpartition_ordinal_position`,
    routines: `
      select routine_schema as db, routine_name as name, routine_type as kind
      from information_schema.routines where ${within('routine_schema')} and routine_type in ('PROCEDURE', 'FUNCTION')`,
    events: `
      select event_schema as db, event_name as name from information_schema.events where ${within('event_schema')}`,
  };
}
