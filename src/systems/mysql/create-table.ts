import { TealError } from '../../kernel/errors.ts';

/** What SHOW CREATE TABLE says, taken apart. Each definition is a text without the comma behind it. */
export interface CreateTable {
  /** `CREATE TABLE `orders` `. */
  readonly head: string;
  readonly columns: readonly { readonly name: string; readonly sql: string }[];
  /** `PRIMARY KEY`, `UNIQUE KEY`, `KEY`, `FULLTEXT KEY`, `SPATIAL KEY`, `VECTOR KEY`, in their order. */
  readonly keys: readonly KeyDefinition[];
  /** Checks, and what stands by itself such as PERIOD FOR. */
  readonly others: readonly string[];
  /** What follows the closing parenthesis: engine, character set, partitions. */
  readonly options: string;
}

export interface KeyDefinition {
  /** `PRIMARY` for the primary key. */
  readonly name: string;
  readonly unique: boolean;
  readonly sql: string;
  /** Names of its columns, in order; undefined for an expression. */
  readonly parts: readonly (string | undefined)[];
}

/** A table in two statements by which it is made, without its foreign keys: with what its rows need to have a place, and with its other keys. */
export interface TableStatements {
  readonly create: string;
  /** Empty when all keys are in the table. */
  readonly keys: readonly KeyDefinition[];
}

/** As the servers lay it out. */
export function writeCreateTable(head: string, definitions: readonly string[], options: string): string {
  return `${head}(\n  ${definitions.join(',\n  ')}\n)${options}`;
}

/** What the text of the server does not say, or not rightly. */
export interface KnownOfTable {
  /** Left out where it is the default of the character set, which another server may have another of. */
  readonly collation: string;
  readonly ofColumn: (name: string) => {
    readonly collation?: string | undefined;
    /** Hexadecimal digits of a default of bytes, which the text has as if they were letters. */
    readonly bytes?: string | undefined;
  };
}

/**
 * Which keys come with the table and which after its rows. With the table: the primary key, because InnoDB stores the rows in its order; without one all unique keys, because it takes
 * one of those instead (or would write every row anew when it comes later); and the key that an AUTO_INCREMENT column needs. All others are built faster from rows that are there.
 */
export function splitTable(text: string, known: KnownOfTable): TableStatements {
  const { head, columns, keys, others, options } = readCreateTable(text);
  const hasPrimary = keys.some(({ name }) => name === 'PRIMARY');
  const numbered = columns.find(({ sql }) => wordsOf(sql).includes('AUTO_INCREMENT'))?.name;
  const leads = keys.find(({ parts }) => numbered !== undefined && parts[0] === numbered);
  const isEarly = (key: KeyDefinition): boolean =>
    key.name === 'PRIMARY' || key === leads || (!hasPrimary && key.unique);
  const definitions = [
    ...columns.map(({ name, sql }) => {
      const { collation, bytes } = known.ofColumn(name);
      return withCollation(withBytes(sql, bytes), collation);
    }),
    ...keys.filter(isEarly).map(({ sql }) => sql),
    ...others,
  ];
  return {
    create: writeCreateTable(head, definitions, withTableCollation(options, known.collation)),
    keys: keys.filter((key) => !isEarly(key)),
  };
}

function withCollation(sql: string, collation: string | undefined): string {
  const tokens = tokensOf(sql);
  const at = tokens.findIndex(({ text }, place) => text === 'CHARACTER' && tokens[place + 1]?.text === 'SET');
  const charset = tokens[at + 2];
  if (at === -1 || charset === undefined || collation === undefined || wordsOf(sql).includes('COLLATE')) return sql;
  return inserted(sql, charset, ` COLLATE ${collation}`);
}

function withBytes(sql: string, bytes: string | undefined): string {
  if (bytes === undefined) return sql;
  const tokens = tokensOf(sql);
  const at = tokens.findIndex(({ kind, text }) => kind === 'word' && text === 'DEFAULT');
  const from = tokens[at + 1];
  const to = tokens[at + (from?.text === '_binary' ? 2 : 1)];
  if (at === -1 || from === undefined || to?.kind !== 'text') return sql;
  return `${sql.slice(0, from.at)}x'${bytes}'${sql.slice(to.at + to.text.length)}`;
}

function withTableCollation(options: string, collation: string): string {
  const tokens = tokensOf(options);
  const charset = tokens[tokens.findIndex(({ text }) => text === 'CHARSET') + 2];
  if (charset === undefined || wordsOf(options).includes('COLLATE')) return options;
  return inserted(options, charset, ` COLLATE=${collation}`);
}

function inserted(sql: string, behind: Token, text: string): string {
  const end = behind.at + behind.text.length;
  return `${sql.slice(0, end)}${text}${sql.slice(end)}`;
}

/**
 * MariaDB writes the name of a foreign key with a backtick in it as it is, and nobody could read it back: the lines of foreign keys are left out, each of which is one line, and the keys themselves
 * are made of what information_schema says.
 */
function withoutForeignKeys(text: string): string {
  return text
    .split('\n')
    .filter(
      (line) =>
        !/^ {2}CONSTRAINT `.*` FOREIGN KEY \(.*\) REFERENCES /.test(line) ||
        /^ {2}CONSTRAINT `(?:[^`]|``)*` CHECK /.test(line),
    )
    .join('\n');
}

/** TEAL-SYSTEMS-206 for what is no CREATE TABLE as the servers write it. */
export function readCreateTable(spelled: string): CreateTable {
  const text = withoutForeignKeys(spelled);
  const tokens = tokensOf(text);
  const open = tokens.findIndex(({ text: sign }) => sign === '(');
  const close = open === -1 ? -1 : matching(tokens, open);
  const [from, to] = [tokens[open], tokens[close]];
  if (from === undefined || to === undefined) throw new TealError('TEAL-SYSTEMS-206', 'no CREATE TABLE with columns');
  const parts = listOf(text, tokens.slice(open + 1, close));
  const columns: { name: string; sql: string }[] = [];
  const keys: KeyDefinition[] = [];
  const others: string[] = [];
  for (const sql of parts) {
    const [first] = tokensOf(sql);
    if (first?.kind === 'name') {
      columns.push({ name: nameOf(first), sql });
    } else if (/^(?:PRIMARY|UNIQUE|KEY|FULLTEXT|SPATIAL|VECTOR)$/.test(first?.text ?? '')) {
      keys.push(keyOf(sql));
    } else {
      others.push(sql);
    }
  }
  return { head: text.slice(0, from.at), columns, keys, others, options: text.slice(to.at + 1) };
}

/** `KEY `by_name` (`name`(20),`b` DESC) COMMENT 'x'`. */
function keyOf(sql: string): KeyDefinition {
  const tokens = tokensOf(sql);
  const open = tokens.findIndex(({ text }) => text === '(');
  const named = tokens.slice(0, open).find(({ kind }) => kind === 'name');
  const list = listOf(sql, tokens.slice(open + 1, matching(tokens, open)));
  return {
    name: named === undefined ? 'PRIMARY' : nameOf(named),
    unique: tokens[0]?.text === 'PRIMARY' || tokens[0]?.text === 'UNIQUE',
    sql,
    parts: list.map((part) => {
      const [first] = tokensOf(part);
      return first?.kind === 'name' ? nameOf(first) : undefined;
    }),
  };
}

/** Words of a definition that stand outside of parentheses, literals and names, in capitals. */
export function wordsOf(sql: string): readonly string[] {
  let depth = 0;
  return tokensOf(sql).flatMap(({ kind, text }) => {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    return kind === 'word' && depth === 0 ? [text.toUpperCase()] : [];
  });
}

export interface Token {
  readonly kind: 'name' | 'text' | 'word' | 'sign';
  readonly text: string;
  readonly at: number;
}

/** Names in backticks, literals, words, and every other sign by itself; white space is left out. The frame of a comment that servers execute is signs and a number. */
const pattern =
  /(?<name>`(?:[^`]|``)+`)|(?<text>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*")|(?<word>[\w$\u0080-\uffff]+)|(?<sign>\S)/gsu;

export function tokensOf(sql: string): readonly Token[] {
  return [...sql.matchAll(pattern)].map((match): Token => {
    const { name, text, word } = match.groups ?? {};
    const kind = name !== undefined ? 'name' : text !== undefined ? 'text' : word !== undefined ? 'word' : 'sign';
    return { kind, text: match[0], at: match.index };
  });
}

export function nameOf({ text }: Pick<Token, 'text'>): string {
  return text.slice(1, -1).replaceAll('``', '`');
}

/** The place of the parenthesis that closes the one at `open`; -1 when there is none. */
export function matching(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    const sign = tokens[at]?.text;
    if (sign === '(') depth += 1;
    if (sign === ')') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** What commas outside of parentheses separate. */
function listOf(sql: string, tokens: readonly Token[]): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = tokens[0]?.at ?? 0;
  for (const token of tokens) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (token.text !== ',' || depth !== 0) continue;
    parts.push(sql.slice(from, token.at).trim());
    from = token.at + 1;
  }
  const last = tokens.at(-1);
  if (last !== undefined) parts.push(sql.slice(from, last.at + last.text.length).trim());
  return parts.filter((part) => part !== '');
}
