import type { ChangedColumn } from '../../model/changed-values.ts';
import { tableKey } from '../../model/catalog.ts';
import type { MysqlConnection } from './connection.ts';
import { quoteTable } from './quote.ts';

/** A column that may hold values which a path changes. */
export interface MysqlSuspect extends Omit<ChangedColumn, 'holds'> {
  /** SQL that is true for a row which has one. */
  readonly holds: string;
}

/** Which of them hold such values now. Reads each table once. */
export async function findChangedValues(
  connection: MysqlConnection,
  suspects: readonly MysqlSuspect[],
): Promise<readonly ChangedColumn[]> {
  const found: ChangedColumn[] = [];
  for (const columns of Map.groupBy(suspects, tableKey).values()) {
    const [table] = columns;
    if (table === undefined) continue;
    const asked = columns.map(({ holds }, index) => `coalesce(max(${holds}), 0) as c${index}`);
    const { rows } = await connection.query(`select ${asked.join(', ')} from ${quoteTable(table)}`);
    for (const [index, column] of columns.entries()) found.push({ ...column, holds: rows[0]?.[`c${index}`] !== '0' });
  }
  return found;
}
