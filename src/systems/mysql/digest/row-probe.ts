import { assert, must } from '../../../kernel/assert.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { DigestTable, RowProbe, TextValues } from '../../../ports/digester.ts';
import type { MysqlConnection } from '../connection.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { readEndOfBinlog } from '../source-probe.ts';
import { selectionOf, type Cell } from '../values/from-select.ts';
import { strictPolicy, type ValuePolicy } from '../values/policy.ts';
import { columnWriter } from '../values/to-sql.ts';
import { asBoolean } from './reader.ts';

export interface MysqlRowProbeOptions {
  readonly policy?: ValuePolicy;
  /** Columns that the other side holds as boolean. */
  readonly isBoolean?: (table: TableName, column: string) => boolean;
}

const truth: Readonly<Record<string, string>> = { t: '1', f: '0' };

/** Single rows by key, each read in a transaction of its own: nothing here tells versions of a row apart but what it holds. The connection is the caller's. */
export function mysqlRowProbe(
  connection: MysqlConnection,
  { policy = strictPolicy, isBoolean = () => false }: MysqlRowProbeOptions = {},
): RowProbe {
  return Object.freeze({
    tellsByValues: true,
    row: async (table: DigestTable, key: TextValues) => {
      assert(
        table.key.length > 0 && key.length === table.key.length,
        'only a table with a key can be asked for one row',
        { table: tableKey(table) },
      );
      const selection = selectionOf({ table, columns: table.columns, key: table.key }, policy);
      const same = table.key.map((name, index) => {
        const text = must(key[index] ?? undefined, 'a value of the key');
        const written = isBoolean(table, name) ? (truth[text] ?? text) : text;
        return columnWriter({ table, name, type: typeOf(table, name) }).equals(quoteIdent(name), Buffer.from(written));
      });
      const sql = `select ${selection.list.join(', ')} from ${quoteTable(table)} where ${same.join(' and ')}`;
      const found: Cell[][] = [];
      // To its end: leaving early would cost the session. No two rows have one key.
      for await (const raw of connection.rows(sql)) found.push(selection.canonical(raw));
      const [cells] = found;
      if (cells === undefined) return null;
      const values = cells.map((cell, index) => {
        const { name } = must(table.columns[index], 'a column');
        return asText(isBoolean(table, name) ? asBoolean(cell) : cell);
      });
      return { version: JSON.stringify(values), values };
    },
    position: async () => readEndOfBinlog(connection),
  } satisfies RowProbe);
}

function typeOf(table: DigestTable, name: string): string {
  const column = table.columns.find((each) => each.name === name);
  return must(column, 'a column of the table', { table: tableKey(table) }).type;
}

function asText(cell: Cell): string | null {
  return cell?.toString('utf8') ?? null;
}
