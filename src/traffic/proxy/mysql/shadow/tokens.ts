import type { Token } from '../../shadow/tokens.ts';

/**
 * The smallest parts of a statement, as the scanner of MySQL and MariaDB tells them apart (sql_lex.cc) while backslashes escape in texts. Text is one character a byte, in an encoding in which no
 * byte of a longer character looks like ASCII. What stands in double quotes is a text, or with ANSI_QUOTES a name: `literal` either way.
 */
const rules: readonly (readonly [kind: Token['kind'] | 'meaningless' | 'unknown', pattern: RegExp])[] = [
  ['meaningless', /[ \t\n\r\f\v]+|#[^\n]*|--(?=[ \t\n\r\f\v]|$)[^\n]*/y],
  // It is a comment on some servers, and a part of the statement on others.
  ['unknown', /\/\*(?:!|M!)/y],
  ['meaningless', /\/\*[\s\S]*?\*\//y],
  ['literal', /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"/y],
  ['quoted', /`(?:[^`]|``)*`/y],
  ['literal', /(?:0[xX][\da-fA-F]+|0b[01]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?![\w$\x80-\xff])/y],
  ['word', /[\w$\x80-\xff]+/y],
  ['parameter', /\?/y],
  ['unknown', /['"`]|\/\*/y],
  ['symbol', /[\s\S]/y],
];

/** Undefined when a text, a name or a comment does not end, or a part of it is for some servers alone. */
export function tokensOf(sql: string): readonly Token[] | undefined {
  return read(sql, lowerCase);
}

/** With words as they are written: names of tables may differ by their case alone. */
export function tokensAsWritten(sql: string): readonly Token[] | undefined {
  return read(sql, (text) => text);
}

function read(sql: string, word: (text: string) => string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let spaced = false;
  for (let at = 0; at < sql.length;) {
    const [kind, text] = partAt(sql, at);
    if (kind === 'unknown') return undefined;
    at += text.length;
    if (kind !== 'meaningless') tokens.push({ kind, text: kind === 'word' ? word(text) : text, spaced });
    spaced = kind === 'meaningless';
  }
  return tokens;
}

function partAt(sql: string, at: number): readonly [kind: (typeof rules)[number][0], text: string] {
  for (const [kind, pattern] of rules) {
    pattern.lastIndex = at;
    const found = pattern.exec(sql)?.[0];
    if (found !== undefined) return [kind, found];
  }
  return ['unknown', ''];
}

/** Of ASCII alone: other characters are bytes of an encoding. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
