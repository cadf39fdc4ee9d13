import type { TableName } from '../../model/catalog.ts';
import type { PgConnection } from './connection.ts';
import { quoteTable } from './quote.ts';

const tablesPerStatement = 500;

/**
 * Keeps tables from being rewritten, truncated or dropped while a transaction is open. A table that was rewritten after a snapshot looks empty to it, and nothing
 * in the log tells of the rows (correctness.md §1.2.4). Readers and writers pass.
 */
export async function lockAccessShare(connection: PgConnection, tables: readonly TableName[]): Promise<void> {
  for (let at = 0; at < tables.length; at += tablesPerStatement) {
    const names = tables.slice(at, at + tablesPerStatement).map((table) => `only ${quoteTable(table)}`);
    await connection.query(`lock table ${names.join(', ')} in access share mode`);
  }
}
