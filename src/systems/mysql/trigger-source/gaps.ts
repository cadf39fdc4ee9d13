import { createHash } from 'node:crypto';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { MysqlConnection, MysqlRow } from '../connection.ts';
import { readForeignKeys } from '../inspect/foreign-keys.ts';
import { askRows, placeholders } from '../inspect/querier.ts';
import { isTealTableThere } from '../teal-schema.ts';
import { readAppliers } from '../write-bypasses.ts';
import { fileNameOf } from './file-name.ts';

/**
 * What a recorded table is, as far as a record of its rows depends on it; hashes, but for `storage`.
 *
 * storage: numbers of its tablespaces and tables in InnoDB, partition by partition. TRUNCATE, DROP and EXCHANGE PARTITION, IMPORT TABLESPACE and whatever writes the table anew give it others, and fire no
 *   trigger. Empty where the table is not there; of a polled table nothing is kept, for nobody is told what is deleted in it.
 * shape: columns with their types, the primary key, and foreign keys by which its rows change or go with others.
 * triggers: those that record, with the time at which each was made.
 */
export interface TableMark {
  readonly storage: string;
  readonly shape: string;
  readonly triggers: string;
}

/** As they are now, by `schema.table`. Needs PROCESS, as the fence does. */
export async function readMarks(
  connection: MysqlConnection,
  tables: readonly TableName[],
): Promise<ReadonlyMap<string, TableMark>> {
  if (tables.length === 0) return new Map();
  const databases = [...new Set(tables.map(({ schema }) => schema))];
  const storages = await readStorages(connection);
  const shapes = await readShapes(connection, databases);
  const triggers = await readTriggers(connection, databases);
  return new Map(
    tables.map((table) => {
      const key = tableKey(table);
      return [
        key,
        { storage: storages(table), shape: shapes.get(key) ?? '', triggers: triggers.get(key) ?? '' },
      ] as const;
    }),
  );
}

async function readStorages(connection: MysqlConnection): Promise<(table: TableName) => string> {
  const view = await storageView(connection);
  const rows = await askRows(connection, `select name as name, table_id as id, space as space from ${view}`);
  const byFile = Map.groupBy(rows, ({ name }) => (name ?? '').split('#', 1)[0] ?? '');
  const files = [...byFile.keys()];
  const textOf = (found: readonly MysqlRow[]): string =>
    found
      .map(({ id, space }) => `${id}/${space}`)
      .sort()
      .join(',');
  return (table) => {
    const file = fileNameOf(table);
    if (typeof file === 'string') return textOf(byFile.get(file) ?? []);
    // More than one may be meant, of which all are watched.
    return textOf(files.filter((each) => file.test(each)).flatMap((each) => byFile.get(each) ?? []));
  };
}

async function storageView(connection: MysqlConnection): Promise<string> {
  const hasOldName = connection.flavour === 'mariadb' || connection.version[0] < 8;
  return `information_schema.${hasOldName ? 'innodb_sys_tables' : 'innodb_tables'}`;
}

async function readShapes(
  connection: MysqlConnection,
  databases: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await askRows(
    connection,
    `select table_schema as db, table_name as tab, column_name as col, column_type as type, character_set_name as charset, collation_name as collation,
            column_key = 'PRI' as is_key, coalesce(generation_expression, '') as made
     from information_schema.columns where table_schema in (${placeholders(databases)}) order by table_schema, table_name, ordinal_position`,
    databases,
  );
  const keys = new Map<string, unknown>();
  for (const database of databases) {
    for (const table of await readForeignKeys(connection, database)) {
      const acting = table.foreignKeys.filter(({ onDelete, onUpdate }) => acts(onDelete) || acts(onUpdate));
      if (acting.length > 0) keys.set(tableKey(table), acting);
    }
  }
  return new Map(
    [...Map.groupBy(rows, keyOf)].map(([key, columns]) => [
      key,
      digest([
        columns.map(({ col, type, charset, collation, is_key: isKey, made }) => [
          col,
          type,
          charset,
          collation,
          isKey,
          made,
        ]),
        keys.get(key),
      ]),
    ]),
  );
}

function acts(action: string): boolean {
  return action === 'cascade' || action === 'set null';
}

async function readTriggers(
  connection: MysqlConnection,
  databases: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await askRows(
    connection,
    `select event_object_schema as db, event_object_table as tab, trigger_name as name, event_manipulation as event, action_timing as timing,
            created as created, sql_mode as mode, definer as definer, action_statement as says
     from information_schema.triggers where event_object_schema in (${placeholders(databases)}) and trigger_name like 'teal\\_record\\_%' order by trigger_name`,
    databases,
  );
  return new Map(
    [...Map.groupBy(rows, keyOf)].map(([key, found]) => [
      key,
      digest(
        found.map(({ name, event, timing, created, mode, definer, says }) => [
          name,
          event,
          timing,
          created,
          mode,
          definer,
          says,
        ]),
      ),
    ]),
  );
}

function keyOf({ db, tab }: MysqlRow): string {
  return tableKey({ schema: db ?? '', name: tab ?? '' });
}

function digest(what: unknown): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex');
}

/** What is not as it was when recording began, by what it means. */
export interface RecordGaps {
  /** Gone, emptied in one act, or written anew. */
  readonly replaced: readonly string[];
  /** Of other columns, or with other foreign keys that act. */
  readonly reshaped: readonly string[];
  /** Without triggers, or with others. */
  readonly unrecorded: readonly string[];
  /** Threads that write what another server sends: rows that they change fire no trigger. */
  readonly appliers: readonly string[];
}

/** Errors: TEAL-SYSTEMS-040 there is no record. */
export async function recordGaps(connection: MysqlConnection): Promise<RecordGaps> {
  if (!(await isTealTableThere(connection, 'recorded'))) {
    throw new TealError('TEAL-SYSTEMS-040', 'there is no record of changes');
  }
  const rows = await askRows(
    connection,
    'select db as db, tab as tab, storage as storage, shape as shape, triggers as triggers from teal.recorded order by db, tab',
  );
  const tables = rows.map(({ db, tab }) => ({ schema: db ?? '', name: tab ?? '' }));
  const marks = await readMarks(connection, tables);
  const differing = (part: keyof TableMark): readonly string[] =>
    rows.filter((row) => marks.get(keyOf(row))?.[part] !== row[part]).map(keyOf);
  const polled = new Set(rows.filter(({ storage }) => storage === '').map(keyOf));
  return {
    replaced: differing('storage').filter((key) => !polled.has(key)),
    reshaped: differing('shape'),
    unrecorded: differing('triggers'),
    appliers: await readAppliers(connection),
  };
}

/**
 * Every change since recording began is in the record, as far as anything tells. Errors: TEAL-SYSTEMS-340 a table was replaced, -341 its columns or keys are others, -041 it is not recorded,
 * -343 rows come from another server, -040 there is no record.
 */
export async function refuseGaps(connection: MysqlConnection): Promise<void> {
  const { replaced, reshaped, unrecorded, appliers } = await recordGaps(connection);
  const named = (all: readonly string[]): { readonly tables: readonly string[] } => ({ tables: all.slice(0, 20) });
  if (replaced.length > 0) {
    const text = `${replaced.length} recorded tables were emptied in one act, written anew or dropped`;
    throw new TealError('TEAL-SYSTEMS-340', text, named(replaced));
  }
  if (reshaped.length > 0) {
    const text = `${reshaped.length} recorded tables have other columns or foreign keys than before`;
    throw new TealError('TEAL-SYSTEMS-341', text, named(reshaped));
  }
  if (unrecorded.length > 0) {
    throw new TealError('TEAL-SYSTEMS-041', `${unrecorded.length} tables are not recorded`, named(unrecorded));
  }
  if (appliers.length > 0) {
    throw new TealError('TEAL-SYSTEMS-343', appliers.slice(0, 10).join('; '), { appliers: appliers.length });
  }
}

export function hasGaps({ replaced, reshaped, unrecorded, appliers }: RecordGaps): boolean {
  return replaced.length + reshaped.length + unrecorded.length + appliers.length > 0;
}
