import { assert } from '../kernel/assert.ts';
import type { TableName } from '../model/catalog.ts';

/** A name in PostgreSQL's SQL, always in quotes: its capitals stay, and no keyword of any major is in the way. */
export function pgName(name: string): string {
  assert(name !== '' && !name.includes('\0'), 'an SQL name is neither empty nor does it hold a zero byte');
  return `"${name.replaceAll('"', '""')}"`;
}

export function pgTable(table: TableName): string {
  return `${pgName(table.schema)}.${pgName(table.name)}`;
}

/** A text in PostgreSQL's SQL, whatever `standard_conforming_strings` says. */
export function pgText(text: string): string {
  assert(!text.includes('\0'), 'an SQL text holds no zero byte');
  const doubled = text.replaceAll("'", "''");
  return doubled.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/** A name in MySQL's SQL, whatever `sql_mode` says of double quotes. */
export function myName(name: string): string {
  assert(name !== '' && !name.includes('\0'), 'an SQL name is neither empty nor does it hold a zero byte');
  return `\`${name.replaceAll('`', '``')}\``;
}

export function myTable(table: TableName): string {
  return `${myName(table.schema)}.${myName(table.name)}`;
}
