/**
 * The smallest parts of a statement, as PostgreSQL's own scanner tells them apart (scan.l) with standard_conforming_strings on. Text is one character a byte, in an encoding in
 * which no byte of a longer character looks like ASCII.
 */
export interface Token {
  /** `word`: a keyword or a name without quotes, in lower case. `literal`: a text, number or bit string. */
  readonly kind: 'word' | 'quoted' | 'literal' | 'parameter' | 'symbol';
  readonly text: string;
  /** Something that means nothing (a space, a comment) stands before it. */
  readonly spaced: boolean;
}

const meaningless = /(?:[ \t\n\r\f\v]|--[^\n\r]*)+/y;
type Rule = readonly [kind: Token['kind'], pattern: RegExp];
const escapedText: Rule = ['literal', /[eE]'(?:[^'\\]|''|\\[\s\S])*'/y];
const plainText: Rule = ['literal', /(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'/y];
const quoted: Rule = ['quoted', /(?:[uU]&)?"(?:[^"]|"")*"/y];
const dollarText: Rule = ['literal', /\$([A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$[\s\S]*?\$\1\$/y];
const parameter: Rule = ['parameter', /\$\d+/y];
const word: Rule = ['word', /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y];
const number: Rule = ['literal', /(?:0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y];

/** What may begin with a character; anything else is a symbol of one character. */
const rules: readonly (readonly [first: RegExp, rules: readonly Rule[]])[] = [
  [/[eE]/, [escapedText, word]],
  [/[bBxXnN]/, [plainText, word]],
  [/[uU]/, [plainText, quoted, word]],
  [/[A-Za-z_\x80-\xff]/, [word]],
  [/[\d.]/, [number]],
  [/'/, [plainText]],
  [/"/, [quoted]],
  [/\$/, [dollarText, parameter]],
];
const rulesOf: readonly (readonly Rule[])[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  return rules.find(([first]) => first.test(character))?.[1] ?? [];
});

/** Undefined when a text, a name or a comment does not end. */
export function tokensOf(sql: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let spaced = false;
  for (let at = 0; at < sql.length;) {
    const after = skipMeaningless(sql, at);
    if (after === undefined) return undefined;
    if (after > at) {
      spaced = true;
      at = after;
      continue;
    }
    const token = tokenAt(sql, at);
    if (token === undefined) return undefined;
    at += token.text.length;
    tokens.push({ ...token, spaced });
    spaced = false;
  }
  return tokens;
}

function tokenAt(sql: string, at: number): Pick<Token, 'kind' | 'text'> | undefined {
  for (const [kind, pattern] of rulesOf[sql.charCodeAt(at)] ?? []) {
    pattern.lastIndex = at;
    const found = pattern.exec(sql)?.[0];
    if (found !== undefined) return { kind, text: kind === 'word' ? found.replace(/[A-Z]+/g, lowerCase) : found };
  }
  const character = sql.charAt(at);
  return character === "'" || character === '"' ? undefined : { kind: 'symbol', text: character };
}

/** Of ASCII alone: other characters are bytes of an encoding. */
function lowerCase(letters: string): string {
  return letters.toLowerCase();
}

/** The place behind spaces and one comment; undefined when the comment does not end. */
function skipMeaningless(sql: string, at: number): number | undefined {
  meaningless.lastIndex = at;
  const next = at + (meaningless.exec(sql)?.[0].length ?? 0);
  return sql.startsWith('/*', next) ? commentEnd(sql, next + 2) : next;
}

/** Comments of this kind lie within each other. */
function commentEnd(sql: string, from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < sql.length; at += 1) {
    const pair = sql.slice(at, at + 2);
    if (pair === '/*') depth += 1;
    else if (pair === '*/') depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

const shownCharacters = 2_000;

/** The statement with `?` for every literal and parameter, and for any number of them in a list: what two statements of one kind share. Without comments. */
export function normalised(tokens: readonly Token[]): string {
  const text = tokens
    .map(({ kind, text, spaced }, at) => {
      const shown = kind === 'literal' || kind === 'parameter' ? '?' : text;
      return spaced && at > 0 ? ` ${shown}` : shown;
    })
    .join('')
    .replace(/\(\s*\?(?:\s*,\s*\?)+\s*\)/g, '(?, ...)');
  const readable = Buffer.from(text, 'latin1').toString('utf8');
  return readable.length > shownCharacters ? `${readable.slice(0, shownCharacters)}...` : readable;
}
