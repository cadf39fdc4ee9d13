import type { MysqlColumn } from '../../../model/mysql-catalog.ts';
import type { MysqlFlavour } from '../connection.ts';

export type ColumnDefault = NonNullable<MysqlColumn['default']>;

/**
 * What COLUMN_DEFAULT means. A literal comes as the canonical text of its value: `0101` for a BIT, `\x4100` for bytes (information_schema cuts those at the first zero byte or
 * bends them into UTF-8: see `exactBytes` of `catalog.ts`).
 */
export function defaultOf(
  flavour: MysqlFlavour,
  column: { readonly type: string; readonly default_text: string | null; readonly extra: string },
): ColumnDefault | undefined {
  const { default_text: text, extra } = column;
  if (text === null) return undefined;
  return flavour === 'mysql' ? ofMysql(column.type, text, extra) : ofMariadb(column.type, text);
}

/** MySQL writes a literal bare, and marks an expression. */
function ofMysql(type: string, text: string, extra: string): ColumnDefault {
  if (/\bDEFAULT_GENERATED\b/.test(extra)) return { kind: 'expression', text: expressionText('mysql', text) };
  return { kind: 'literal', text: bitText(type, text) ?? bytesText(type, text) ?? text };
}

/** MariaDB writes a literal as SQL: texts in quotes, numbers bare, NULL as a word. */
function ofMariadb(type: string, text: string): ColumnDefault | undefined {
  if (text === 'NULL') return undefined;
  const bits = bitText(type, text);
  if (bits !== undefined) return { kind: 'literal', text: bits };
  const quoted = /^'((?:[^'\\]|''|\\.)*)'$/s.exec(text);
  if (quoted !== null) {
    const value = literalText(quoted[1] ?? '');
    return { kind: 'literal', text: isBytes(type) ? `\\x${Buffer.from(value).toString('hex')}` : value };
  }
  if (/^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(text)) return { kind: 'literal', text };
  return { kind: 'expression', text };
}

/**
 * An expression as SHOW CREATE TABLE writes it. MySQL's information_schema has it escaped once more (`_utf8mb4\'a\'`): then no quote stands there without a backslash.
 */
export function expressionText(flavour: MysqlFlavour, text: string): string {
  const hasBareQuote = /(?:^|[^\\])(?:\\\\)*'/s.test(text);
  return flavour === 'mysql' && !hasBareQuote ? withoutBackslashes(text) : text;
}

const escapes: Readonly<Record<string, string>> = { '0': '\0', n: '\n', r: '\r', t: '\t', b: '\b', Z: '\x1a' };

function withoutBackslashes(text: string): string {
  return text.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

/** The inside of a literal. */
function literalText(inside: string): string {
  return inside.replace(/\\(.)|''/gs, (_, letter: string | undefined) =>
    letter === undefined ? "'" : (escapes[letter] ?? letter),
  );
}

/** `b'101'` of a `bit(8)` is `00000101`. */
function bitText(type: string, text: string): string | undefined {
  const length = /^bit(?:\((\d+)\))?/i.exec(type);
  const bits = /^b'([01]*)'$/i.exec(text);
  if (length === null || bits === null) return undefined;
  return (bits[1] ?? '').padStart(Number(length[1] ?? 1), '0');
}

function bytesText(type: string, text: string): string | undefined {
  const hex = isBytes(type) ? /^0x([0-9a-f]*)$/i.exec(text) : null;
  return hex === null ? undefined : `\\x${(hex[1] ?? '').toLowerCase()}`;
}

export function isBytes(type: string): boolean {
  return /^(?:var)?binary\b|^(?:tiny|medium|long)?blob\b/i.test(type);
}
