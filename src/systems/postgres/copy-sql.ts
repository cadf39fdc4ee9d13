import { carriedColumns, type Table } from '../../model/catalog.ts';
import type { CopyRange, RowFormat } from '../../ports/snapshot-source.ts';
import { quoteIdent, quoteTable } from './quote.ts';

/**
 * Reads one range. Without bounds the plain form, which is the fastest and takes the table's own rows only, as the other does by ONLY. Both list the columns:
 * generated ones stay out, and an order of columns that differs on the target does no harm.
 */
export function copyOutSql(range: CopyRange, format: RowFormat): string {
  const { table, from, to } = range;
  if (from === 0 && to === undefined)
    return `copy ${quoteTable(table)}${columnList(table)} to stdout ${options(format)}`;
  const columns = carriedColumns(table).map((column) => quoteIdent(column.name));
  const end = to === undefined ? '' : ` and ctid < '(${to},0)'::tid`;
  return `copy (select ${columns.join(', ')} from only ${quoteTable(table)} where ctid >= '(${from},0)'::tid${end}) to stdout ${options(format)}`;
}

/** `freeze`: only in a transaction that emptied the table itself (manual: COPY); the statement does so first. */
export function copyInSql(table: Table, format: RowFormat, freeze: boolean): string {
  const emptied = freeze ? `truncate only ${quoteTable(table)}; ` : '';
  return `${emptied}copy ${quoteTable(table)}${columnList(table)} from stdin ${options(format, freeze)}`;
}

function options(format: RowFormat, freeze = false): string {
  return `(format ${format}${freeze ? ', freeze' : ''})`;
}

/** A table may have no column that travels. An empty list is not SQL, and no list means the same: generated columns are left out by COPY itself. */
function columnList(table: Table): string {
  const columns = carriedColumns(table).map((column) => quoteIdent(column.name));
  return columns.length === 0 ? '' : ` (${columns.join(', ')})`;
}
