import type { ChangedColumn } from '../../model/changed-values.ts';
import { tableKey } from '../../model/catalog.ts';
import type { MysqlChangedValues, MysqlSuspect } from '../../model/mysql-changed-values.ts';
import type { MysqlConnection } from './connection.ts';
import { quoteIdent, quoteTable } from './quote.ts';

/** True where a value is one of those. */
const questions: Readonly<Record<MysqlChangedValues, (column: string) => string>> = {
  any: (column) => `${column} is not null`,
  'not a truth value': (column) => `${column} not in (0, 1)`,
  // Old days are read by a calendar of two parts there.
  'no date or an old one': (column) =>
    `year(${column}) = 0 or month(${column}) = 0 or dayofmonth(${column}) = 0 or ${column} < '1582-10-15'`,
  'no moment': (column) => `year(${column}) = 0`,
  'no year': (column) => `${column} = 0`,
  'no plain label': (column) => `${column} + 0 = 0 or ${column} like '%,%'`,
};

/** Which of them hold such values now. Reads each table once. */
export async function findChangedValues(
  connection: MysqlConnection,
  suspects: readonly MysqlSuspect[],
): Promise<readonly ChangedColumn[]> {
  const found: ChangedColumn[] = [];
  for (const columns of Map.groupBy(suspects, tableKey).values()) {
    const [table] = columns;
    if (table === undefined) continue;
    const asked = columns.map(
      ({ column, found: kind }, index) => `coalesce(max(${questions[kind](quoteIdent(column))}), 0) as c${index}`,
    );
    const { rows } = await connection.query(`select ${asked.join(', ')} from ${quoteTable(table)}`);
    for (const [index, { schema, name, column, type, butFor }] of columns.entries())
      found.push({ schema, name, column, type, butFor, holds: rows[0]?.[`c${index}`] !== '0' });
  }
  return found;
}
