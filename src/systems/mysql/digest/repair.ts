import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { DigestTable, Repairer, RowLook, RowRepair, TableRepair, TextValues } from '../../../ports/digester.ts';
import { selectRows } from '../../../ports/show-rows.ts';
import { untilAborted } from '../../../kernel/kept-session.ts';
import { connect, readBack, type MysqlConnection } from '../connection.ts';
import { originVariable } from '../trigger-source/names.ts';
import { quoteIdent, quoteLiteral, quoteTable } from '../quote.ts';

/** How a text is written as a value of a column, and how it is compared with one, letter by letter. */
export interface RepairColumn {
  literal(text: Buffer): string;
  holds(column: string, text: Buffer): string;
}

export interface MysqlRepairerOptions {
  readonly url: string;
  readonly columns: (column: {
    readonly table: TableName;
    readonly name: string;
    readonly type: string;
  }) => RepairColumn;
  /** Row of `teal.stream` that each transaction begins with, so that the flow from this side knows the changes as Teal's and does not carry them back. */
  readonly origin?: string;
  /** Columns that were compared as a policy makes them and may hold something else: a row that has a key is not recognised by them. Default: none. */
  readonly isAltered?: (table: TableName, column: string) => boolean;
  /** The text that is written for NULL where a column takes none. Default: NULL. */
  readonly nullOf?: (table: TableName, column: string) => string | undefined;
}

/** Repairs rows of one server. Foreign keys stay out of it; triggers do not, and must not be there (the assessment looks). */
export function mysqlRepairer(options: MysqlRepairerOptions): Repairer {
  return Object.freeze({
    show: (table: DigestTable, look: RowLook) =>
      selectRows(table, look, {
        table: quoteTable,
        name: quoteIdent,
        literal: (column, text) => columnOf(options, table, column).literal(Buffer.from(text)),
      }),
    render: (repairs: readonly TableRepair[]) => [
      'set names utf8mb4;',
      `set ${Object.entries(readBack)
        .map(([name, value]) => `${name} = ${value}`)
        .join(', ')};`,
      'set foreign_key_checks = 0;',
      'start transaction;',
      ...originSql(options.origin).map((sql) => `${sql};`),
      ...repairs.flatMap(({ table, changes }) =>
        changes.map((change) => `${printable(statement(options, table, change))};`),
      ),
      'commit;',
    ],
    apply: async (repairs: readonly TableRepair[], signal: AbortSignal) => apply(options, repairs, signal),
  });
}

/** Texts in which something is not seen, or turns others around, become digits: a file of statements is read by people, and by programs that end lines in their own way. */
function printable(sql: string): string {
  return sql.replaceAll(/`(?:[^`]|``)*`|'(?:[^'\\]|''|\\\\)*'/gu, (part) => {
    if (!part.startsWith("'") || !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(part)) return part;
    const text = part.slice(1, -1).replaceAll(/''|\\\\/g, (pair) => pair.charAt(0));
    return `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`;
  });
}

async function apply(
  options: MysqlRepairerOptions,
  repairs: readonly TableRepair[],
  signal: AbortSignal,
): Promise<number> {
  const settings = { foreign_key_checks: '0' };
  await using connection = await connect({ url: options.url, applicationName: 'teal repair', signal, settings });
  return await untilAborted(connection, signal, async () =>
    connection.transaction(async () => {
      for (const sql of originSql(options.origin)) await connection.query(sql);
      let changed = 0;
      for (const { table, changes } of repairs) {
        for (const change of changes) {
          await applyOne(connection, options, table, change);
          changed += 1;
        }
      }
      return changed;
    }),
  );
}

/** The first change of the transaction: the log names the origin by it. An UPDATE that changes nothing would be in no log. What triggers record they know by the variable. */
function originSql(origin: string | undefined): readonly string[] {
  if (origin === undefined) return [];
  const name = quoteLiteral(origin);
  return [
    `set ${originVariable} = ${name}`,
    `insert into teal.stream (name, writes) values (${name}, 1) on duplicate key update writes = writes + 1`,
  ];
}

async function applyOne(
  connection: MysqlConnection,
  options: MysqlRepairerOptions,
  table: DigestTable,
  change: RowRepair,
): Promise<void> {
  const { affectedRows } = await connection.query(statement(options, table, change));
  if (affectedRows === 1) return;
  throw new TealError('TEAL-VERIFY-005', 'a change of the repair did not meet exactly one row', {
    table: tableKey(table),
    kind: change.kind,
    rows: affectedRows,
  });
}

function statement(options: MysqlRepairerOptions, table: DigestTable, change: RowRepair): string {
  const target = quoteTable(table);
  const literal = (row: TextValues, name: string): string => {
    const value = valueOf(table, row, name) ?? options.nullOf?.(table, name) ?? null;
    return value === null ? 'null' : columnOf(options, table, name).literal(Buffer.from(value));
  };
  // Where nothing tells rows apart, several may be the same: one of them is meant.
  switch (change.kind) {
    case 'delete':
      return `delete from ${target} where ${sameRow(options, table, change.before)} limit 1`;
    case 'update': {
      const sets = change.columns.map((name) => `${quoteIdent(name)} = ${literal(change.after, name)}`);
      return `update ${target} set ${sets.join(', ')} where ${sameRow(options, table, change.before)} limit 1`;
    }
    case 'insert': {
      const written = table.columns.filter((column) => !column.generated).map(({ name }) => name);
      const values = written.map((name) => literal(change.after, name));
      return `insert into ${target} (${written.map(quoteIdent).join(', ')}) values (${values.join(', ')})`;
    }
  }
}

/** True for a row that is still as it was compared, in every column that was compared as it is. */
function sameRow(options: MysqlRepairerOptions, table: DigestTable, row: TextValues): string {
  const asItIs = table.columns.filter(
    ({ name }) => table.key.length === 0 || options.isAltered?.(table, name) !== true,
  );
  const conditions = asItIs.map(({ name }) => {
    const value = valueOf(table, row, name);
    const column = quoteIdent(name);
    return value === null ? `${column} is null` : columnOf(options, table, name).holds(column, Buffer.from(value));
  });
  return conditions.length === 0 ? 'true' : conditions.map((condition) => `(${condition})`).join(' and ');
}

function columnOf(options: MysqlRepairerOptions, table: DigestTable, name: string): RepairColumn {
  const { type } = must(
    table.columns.find((column) => column.name === name),
    'a column of the table',
    { table: tableKey(table) },
  );
  return options.columns({ table, name, type });
}

function valueOf(table: DigestTable, row: TextValues, name: string): string | null {
  return row[table.columns.findIndex((column) => column.name === name)] ?? null;
}
