import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { DigestTable, Repairer, RowLook, RowRepair, TableRepair, TextValues } from '../../../ports/digester.ts';
import { selectRows, type SqlWords } from '../../../ports/show-rows.ts';
import { connect, type PgConnection } from '../connection.ts';
import { quoteIdent, quoteLiteral, quotePrintable, quoteTable } from '../quote.ts';
import { originSetting } from '../trigger-source/recorder.ts';

export interface PostgresRepairerOptions {
  readonly url: string;
  /**
   * Name of a replication origin of its own, so that the flow from this side knows the changes as Teal's and does not carry them back. Created where it is
   * missing. No other session may use it at that time. Triggers that record changes are told by a setting.
   */
  readonly origin?: string;
}

/**
 * Repairs rows of one PostgreSQL database. Runs with `session_replication_role=replica`: triggers and foreign keys stay out of it, and the fence lets it pass.
 */
export function postgresRepairer(options: PostgresRepairerOptions): Repairer {
  return Object.freeze({
    show: (table: DigestTable, look: RowLook) => selectRows(table, look, words),
    render: (repairs: readonly TableRepair[]) => render(options.origin, repairs),
    apply: async (repairs: readonly TableRepair[], signal: AbortSignal) => apply(options, repairs, signal),
  });
}

/** A literal takes the type of the column that it is compared with. */
const words: SqlWords = {
  table: quoteTable,
  name: quoteIdent,
  literal: (_, text) => quoteLiteral(text).trim(),
};

/** The declared type of a column, for a cast of its text. */
export function typeOf(table: DigestTable, name: string): string {
  return must(
    table.columns.find((column) => column.name === name),
    'a column of the table',
    { table: tableKey(table) },
  ).type;
}

/** How a value is written into a statement: as a literal, or as a parameter. */
type Write = (value: string | null) => string;

/** With which texts are read as they were written, whatever the session of a person has. */
const readBack = Object.freeze({
  client_encoding: 'utf8',
  search_path: 'pg_catalog',
  row_security: 'off',
  datestyle: 'iso',
  intervalstyle: 'postgres',
  timezone: 'utc',
  bytea_output: 'hex',
  extra_float_digits: '3',
  xmloption: 'content',
  lc_monetary: "'C'",
});

function render(origin: string | undefined, repairs: readonly TableRepair[]): readonly string[] {
  const literal: Write = (value) => (value === null ? 'null' : quotePrintable(value));
  return [
    ...(origin === undefined ? [] : originSql(quoteLiteral(origin).trim()).map((sql) => `${sql};`)),
    'begin;',
    'set local session_replication_role = replica;',
    // On one line: they are read once, and the statements are what people look for.
    Object.entries(readBack)
      .map(([name, value]) => `set local ${name} = ${value};`)
      .join(' '),
    ...(origin === undefined ? [] : [`set local ${originSetting} = ${quoteLiteral(origin).trim()};`]),
    ...repairs.flatMap(({ table, changes }) => changes.map((change) => `${statement(table, change, literal)};`)),
    'commit;',
    ...(origin === undefined ? [] : ['select pg_replication_origin_session_reset();']),
  ];
}

async function apply(
  options: PostgresRepairerOptions,
  repairs: readonly TableRepair[],
  signal: AbortSignal,
): Promise<number> {
  await using connection = await connect({
    url: options.url,
    applicationName: 'teal repair',
    asReplica: true,
    extraOptions: {
      lc_monetary: 'C',
      row_security: 'off',
      ...(options.origin === undefined ? {} : { [originSetting]: options.origin }),
    },
    signal,
  });
  if (options.origin !== undefined) await useOrigin(connection, options.origin);
  return await connection.transaction(async () => {
    let changed = 0;
    for (const { table, changes } of repairs) {
      for (const change of changes) {
        signal.throwIfAborted();
        await applyOne(connection, table, change);
        changed += 1;
      }
    }
    return changed;
  });
}

/** Creates the origin where it is missing and marks what this session writes with it. */
function originSql(origin: string): readonly string[] {
  return [
    `select pg_replication_origin_create(${origin}) where not exists (select from pg_replication_origin where roname = ${origin})`,
    `select pg_replication_origin_session_setup(${origin})`,
  ];
}

async function useOrigin(connection: PgConnection, origin: string): Promise<void> {
  for (const sql of originSql('$1')) await connection.query(sql, [origin]);
}

async function applyOne(connection: PgConnection, table: DigestTable, change: RowRepair): Promise<void> {
  const parameters: (string | null)[] = [];
  const sql = statement(table, change, (value) => `$${parameters.push(value)}`);
  const { rowCount } = await connection.query(sql, parameters);
  if (rowCount === 1) return;
  throw new TealError('TEAL-VERIFY-005', 'a change of the repair did not meet exactly one row', {
    table: tableKey(table),
    kind: change.kind,
    rows: rowCount,
  });
}

function statement(table: DigestTable, change: RowRepair, write: Write): string {
  const target = quoteTable(table);
  switch (change.kind) {
    case 'delete':
      return `delete from only ${target} where ctid = ${locate(table, change.before, write)}`;
    case 'update': {
      const sets = change.columns.map(
        (name) => `${quoteIdent(name)} = ${cast(table, name, valueOf(table, change.after, name), write)}`,
      );
      return `update only ${target} set ${sets.join(', ')} where ctid = ${locate(table, change.before, write)}`;
    }
    case 'insert': {
      const written = table.columns.filter((column) => !column.generated).map(({ name }) => name);
      if (written.length === 0) return `insert into ${target} default values`;
      const values = written.map((name) => cast(table, name, valueOf(table, change.after, name), write));
      return `insert into ${target} (${written.map(quoteIdent).join(', ')}) overriding system value values (${values.join(', ')})`;
    }
  }
}

/** One row, found by its key where there is one, and only if it is the same in every column: by text, as it was compared, for not every type has an `=`. */
function locate(table: DigestTable, row: TextValues, write: Write): string {
  const names = table.columns.map(({ name }) => name);
  const byKey = table.key.map((name) => `${quoteIdent(name)} = ${cast(table, name, valueOf(table, row, name), write)}`);
  const values = names.map((name) => cast(table, name, valueOf(table, row, name), write));
  const same = `row(${names.map(quoteIdent).join(', ')})::text = row(${values.join(', ')})::text`;
  return `(select ctid from only ${quoteTable(table)} where ${[...byKey, same].join(' and ')} limit 1)`;
}

function cast(table: DigestTable, name: string, value: string | null, write: Write): string {
  return `${write(value)}::${typeOf(table, name)}`;
}

function valueOf(table: DigestTable, row: TextValues, name: string): string | null {
  return row[table.columns.findIndex((column) => column.name === name)] ?? null;
}
