import { fieldType } from '../../wire/mysql/binary-values.ts';
import { readRows, type RowsHead } from '../../wire/mysql/binlog/rows.ts';
import type { TableMap } from '../../wire/mysql/binlog/table-map.ts';

/**
 * The name that the first row of `teal.stream` has in its key: who wrote the transaction. Teal's own tables are in utf8mb4. Undefined for rows that Teal
 * did not write in this form.
 */
export function originOfRow(rows: RowsHead, map: TableMap): string | undefined {
  const at = map.primaryKey?.[0];
  const column = at === undefined ? undefined : map.columns[at];
  if (at === undefined || column?.type !== fieldType.varchar) return undefined;
  for (const { before, after } of readRows(rows, map)) return (after ?? before)?.[at]?.toString('utf8');
  return undefined;
}
