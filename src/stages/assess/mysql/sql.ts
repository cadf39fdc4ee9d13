import type { TableName } from '../../../model/catalog.ts';

/** A name as SQL of this family needs it: always quoted. */
export function sqlName(...parts: readonly string[]): string {
  return parts.map((part) => `\`${part.replaceAll('`', '``')}\``).join('.');
}

export function sqlTable(table: TableName): string {
  return sqlName(table.schema, table.name);
}

export function sqlText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** `app@%` as `'app'@'%'`. */
export function sqlAccount(account: string): string {
  const at = account.lastIndexOf('@');
  return `${sqlText(account.slice(0, at))}@${sqlText(account.slice(at + 1))}`;
}
