import { isTealError } from '../../../kernel/errors.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { MysqlColumn, MysqlTable } from '../../../model/mysql-catalog.ts';
import { quoteIdent, quoteLiteral, quoteTable } from '../quote.ts';
import { isBytes } from './default-value.ts';
import { askRows, type Querier } from './querier.ts';

/** By `schema.table.column`: lower hexadecimal digits. */
export type ExactBytes = ReadonlyMap<string, string>;

/**
 * The literal defaults of byte columns, which information_schema cuts at the first zero byte (MySQL) or bends into UTF-8 (MariaDB): asked of the tables themselves, in one query,
 * without reading a row. Empty where the account may not read one of the tables; it could not copy it either.
 */
export async function readExactBytes(querier: Querier, tables: readonly MysqlTable[]): Promise<ExactBytes> {
  const wanted = tables.flatMap((table) => table.columns.filter(hasBytesLiteral).map((column) => ({ table, column })));
  if (wanted.length === 0) return new Map();
  const selects = wanted.map(
    ({ table, column }) => `select ${quoteLiteral(`${tableKey(table)}.${column.name}`)} as name,
      lower(hex(default(t.${quoteIdent(column.name)}))) as bytes from (select 1 as one) d left join ${quoteTable(table)} t on false`,
  );
  try {
    const rows = await askRows<{ name: string; bytes: string | null }>(querier, selects.join('\nunion all\n'));
    return new Map(rows.flatMap(({ name, bytes }) => (bytes === null ? [] : [[name, bytes]])));
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-010')) return new Map();
    throw error;
  }
}

export function withExactBytes(tables: readonly MysqlTable[], exact: ExactBytes): readonly MysqlTable[] {
  if (exact.size === 0) return tables;
  return tables.map((table) => ({
    ...table,
    columns: table.columns.map((column) => {
      const bytes = exact.get(`${tableKey(table)}.${column.name}`);
      if (bytes === undefined || !hasBytesLiteral(column)) return column;
      return { ...column, default: { kind: 'literal' as const, text: `\\x${bytes}` } };
    }),
  }));
}

function hasBytesLiteral({ type, default: value }: MysqlColumn): boolean {
  return value?.kind === 'literal' && isBytes(type);
}
