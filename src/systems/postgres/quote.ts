import { assert } from '../../kernel/assert.ts';
import type { TableName } from '../../model/catalog.ts';

/** A name as it must be written in SQL. Always quoted: a bare name that is a keyword in one major is a plain name in another. */
export function quoteIdent(name: string): string {
  assert(name !== '' && !name.includes('\0'), 'an SQL name is neither empty nor does it hold a zero byte');
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteTable(table: TableName): string {
  return `${quoteIdent(table.schema)}.${quoteIdent(table.name)}`;
}

/** A text literal that means the same whatever `standard_conforming_strings` says. Only for commands that take no parameters. */
export function quoteLiteral(text: string): string {
  assert(!text.includes('\0'), 'an SQL text holds no zero byte');
  const doubled = text.replaceAll("'", "''");
  return doubled.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/** The same on one line of a file or a page, and without characters that are not seen or turn others around: they are escaped. */
export function quotePrintable(text: string): string {
  const plain = quoteLiteral(text).trim();
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(plain)) return plain;
  const escaped = plain.startsWith('E') ? plain : `E${plain}`;
  return escaped.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xff_ff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** Names as a value of type `name[]`, for commands that take no parameters. */
export function quoteNames(names: readonly string[]): string {
  const each = names.map((name) => `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  return `${quoteLiteral(`{${each.join(',')}}`)}::name[]`;
}
