import { assert } from '../../kernel/assert.ts';
import type { TableName } from '../../model/catalog.ts';

/** A name as it must be written in SQL, whatever `sql_mode` says of double quotes (manual: "Schema Object Names"). */
export function quoteIdent(name: string): string {
  assert(name !== '' && !name.includes('\0'), 'an SQL name is neither empty nor does it hold a zero byte');
  return `\`${name.replaceAll('`', '``')}\``;
}

/** MySQL's databases are schemas here. */
export function quoteTable(table: TableName): string {
  return `${quoteIdent(table.schema)}.${quoteIdent(table.name)}`;
}

/** A text literal, for Teal's own sessions, whose `sql_mode` leaves the backslash its meaning. Only for commands that take no parameters. */
export function quoteLiteral(text: string): string {
  assert(!text.includes('\0'), 'an SQL text holds no zero byte');
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** Means the same in every character set that a client can have. */
export function isAsciiText(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') === text.length;
}
