import { carriedColumns, type Table } from '../../model/catalog.ts';
import { faithfulTo, type ChangedColumn, type ChangedValues } from '../../model/changed-values.ts';
import type { PgConnection } from './connection.ts';
import { quoteIdent, quoteTable } from './quote.ts';

const questions: Readonly<Record<ChangedValues, (column: string) => string>> = {
  // Through text: numeric has no infinity before 14, and the question must not depend on it.
  'not a number': (column) => `${column}::text in ('NaN', 'Infinity', '-Infinity')`,
  'out of the calendar': (column) => `not isfinite(${column}) or ${column} < '0001-01-01'`,
  'the end of the day': (column) => `${column} = '24:00'`,
};

/** Reads each table that has such columns once. */
export async function findChangedValues(
  connection: PgConnection,
  tables: readonly Table[],
): Promise<readonly ChangedColumn[]> {
  const found: ChangedColumn[] = [];
  for (const table of tables) {
    const asked = carriedColumns(table).flatMap(({ name, type }) => {
      const faithful = faithfulTo(type);
      return typeof faithful === 'string' ? [] : [{ column: name, sql: questions[faithful.found](quoteIdent(name)) }];
    });
    if (asked.length === 0 || table.kind !== 'table') continue;
    const { rows } = await connection.query(
      `select ${asked.map(({ sql }, index) => `coalesce(bool_or(${sql}), false) as c${index}`).join(', ')} from only ${quoteTable(table)}`,
    );
    const { schema, name } = table;
    found.push(...asked.map(({ column }, index) => ({ schema, name, column, holds: rows[0]?.[`c${index}`] === 't' })));
  }
  return found;
}
