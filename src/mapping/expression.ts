import { pgName, pgText } from './quote.ts';

/** What kind of value an expression has, as far as the two systems must agree on it. */
export type ExpressionKind = 'number' | 'float' | 'text' | 'boolean' | 'date' | 'datetime' | 'null';

/** A column that an expression may use. */
export interface ExpressionColumn {
  /** On the target. */
  readonly name: string;
  /** Undefined for types of which nothing is translated. */
  readonly kind: ExpressionKind | undefined;
  /** Texts are equal when their characters are. */
  readonly comparesExactly: boolean;
  /** Of ENUM: a text that is one of these is compared as it is. */
  readonly labels?: readonly string[];
  readonly isUtf8: boolean;
}

/** By the column's name on the source in lower case: names of columns have no case there. */
export type ExpressionColumns = ReadonlyMap<string, ExpressionColumn>;

export type Translated =
  | { readonly sql: string; readonly kind: ExpressionKind; readonly reason?: undefined }
  | { readonly reason: string; readonly sql?: undefined };

interface Node {
  readonly sql: string;
  readonly kind: ExpressionKind;
  readonly column?: ExpressionColumn;
  /** Of a literal: its text. */
  readonly literal?: string;
}

type Token =
  | { readonly kind: 'name' | 'word' | 'number' | 'text' | 'mark'; readonly text: string }
  | { readonly kind: 'end'; readonly text: '' };

/** Not an error of Teal: an expression that is left to a person. It leaves this file as a `reason` only. */
class Untranslated extends Error {}

const tokenPattern =
  /\s+|`((?:[^`]|``)*)`|(?:_[a-z0-9]+)?'((?:[^'\\]|''|\\.)*)'|(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)|([a-z_][a-z0-9_]*)|(<=>|<=|>=|<>|!=|&&|\|\||[-+*%/(),=<>!])/giy;

function tokensOf(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < expression.length) {
    const match = tokenPattern.exec(expression);
    if (match === null) throw new Untranslated('it has signs that are not translated');
    const [, name, literal, number, word, mark] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: name.replaceAll('``', '`') });
    else if (literal !== undefined) tokens.push({ kind: 'text', text: unescape(literal) });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toLowerCase() });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark });
  }
  return tokens;
}

function unescape(literal: string): string {
  if (/\\[^\\'"%_]/.test(literal)) throw new Untranslated('a text has a backslash');
  return literal.replaceAll("''", "'").replaceAll(/\\(.)/g, '$1');
}

/**
 * SQL of MySQL in that of PostgreSQL, where both mean the same for every value; else the reason why it is left to a person. It knows comparisons, AND, OR, NOT, IN,
 * BETWEEN, IS NULL, + - * %, and a few functions. Pure.
 */
export function translateExpression(expression: string, columns: ExpressionColumns): Translated {
  try {
    const parser = new Parser(tokensOf(expression), columns);
    const { sql, kind } = parser.whole();
    return { sql, kind };
  } catch (error) {
    if (error instanceof Untranslated) return { reason: error.message };
    throw error;
  }
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '<=', '>', '>=']);

class Parser {
  readonly #tokens: readonly Token[];
  readonly #columns: ExpressionColumns;
  #at = 0;

  constructor(tokens: readonly Token[], columns: ExpressionColumns) {
    this.#tokens = tokens;
    this.#columns = columns;
  }

  whole(): Node {
    const node = this.#or();
    if (this.#peek().kind !== 'end') throw new Untranslated(`“${this.#peek().text}” is not translated`);
    return node;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  /** The next token, taken, if it is one of these words or marks. */
  #take(...texts: readonly string[]): string | undefined {
    const token = this.#peek();
    if ((token.kind !== 'word' && token.kind !== 'mark') || !texts.includes(token.text)) return undefined;
    this.#at += 1;
    return token.text;
  }

  #expect(text: string): void {
    if (this.#take(text) === undefined) throw new Untranslated(`“${this.#peek().text}” is not translated`);
  }

  #or(): Node {
    let left = this.#and();
    while (this.#take('or') !== undefined) left = logical('or', left, this.#and());
    return left;
  }

  #and(): Node {
    let left = this.#not();
    while (this.#take('and', '&&') !== undefined) left = logical('and', left, this.#not());
    return left;
  }

  #not(): Node {
    if (this.#take('not') === undefined) return this.#comparison();
    const node = this.#not();
    return { sql: `(not ${asCondition(node).sql})`, kind: 'boolean' };
  }

  #comparison(): Node {
    const left = this.#sum();
    const operator = this.#take(...comparisons);
    if (operator !== undefined) return compare(operator === '!=' ? '<>' : operator, left, this.#sum());
    if (this.#take('is') !== undefined) {
      const not = this.#take('not') === undefined ? '' : 'not ';
      this.#expect('null');
      return { sql: `(${left.sql} is ${not}null)`, kind: 'boolean' };
    }
    const not = this.#take('not') === undefined ? '' : 'not ';
    if (left.literal !== undefined && ['in', 'between'].includes(this.#peek().text))
      throw new Untranslated('it looks for what is no column');
    if (this.#take('in') !== undefined) {
      const members = this.#list().map((member) => compare('=', left, member, 'member'));
      return { sql: `(${left.sql} ${not}in (${members.map(({ sql }) => sql).join(', ')}))`, kind: 'boolean' };
    }
    if (this.#take('between') !== undefined) {
      const low = compare('>=', left, this.#sum(), 'member');
      this.#expect('and');
      const high = compare('<=', left, this.#sum(), 'member');
      return { sql: `(${left.sql} ${not}between ${low.sql} and ${high.sql})`, kind: 'boolean' };
    }
    if (not !== '') throw new Untranslated(`“${this.#peek().text}” is not translated`);
    return left;
  }

  #sum(): Node {
    let left = this.#product();
    for (let sign = this.#take('+', '-'); sign !== undefined; sign = this.#take('+', '-'))
      left = arithmetic(sign, left, this.#product());
    return left;
  }

  #product(): Node {
    let left = this.#unary();
    for (let sign = this.#take('*', '%'); sign !== undefined; sign = this.#take('*', '%'))
      left = arithmetic(sign, left, this.#unary());
    return left;
  }

  #unary(): Node {
    if (this.#take('-') === undefined) return this.#primary();
    const node = this.#unary();
    if (node.kind !== 'number') throw new Untranslated('a sign before what is no number');
    return node.literal === undefined || node.sql.startsWith('-')
      ? { sql: `(- ${node.sql})`, kind: 'number' }
      : { sql: `-${node.sql}`, kind: 'number', literal: `-${node.literal}` };
  }

  #primary(): Node {
    const token = this.#peek();
    this.#at += 1;
    if (token.kind === 'number') {
      if (/e/i.test(token.text)) return { sql: token.text, kind: 'float' };
      return { sql: token.text, kind: 'number', literal: token.text };
    }
    if (token.kind === 'text') return { sql: pgText(token.text), kind: 'text', literal: token.text };
    if (token.kind === 'name') return this.#column(token.text);
    if (token.kind === 'mark' && token.text === '(') {
      const node = this.#or();
      this.#expect(')');
      return node;
    }
    if (token.kind === 'word') return this.#word(token.text);
    throw new Untranslated(`“${token.text}” is not translated`);
  }

  #word(word: string): Node {
    if (word === 'null') return { sql: 'null', kind: 'null' };
    if (word === 'true' || word === 'false') return { sql: word, kind: 'boolean' };
    const next = this.#peek();
    if (next.kind === 'mark' && next.text === '(') return call(word, this.#list());
    return this.#column(word);
  }

  #column(name: string): Node {
    const column = this.#columns.get(name.toLowerCase());
    if (column?.kind === undefined)
      throw new Untranslated(`the column ${name} is not carried, or of a type that is not translated`);
    return { sql: pgName(column.name), kind: column.kind, column };
  }

  #list(): readonly Node[] {
    this.#expect('(');
    const nodes: Node[] = [];
    if (this.#take(')') !== undefined) return nodes;
    do nodes.push(this.#or());
    while (this.#take(',') !== undefined);
    this.#expect(')');
    return nodes;
  }
}

function asCondition(node: Node): Node {
  if (node.kind !== 'boolean' && node.kind !== 'null')
    throw new Untranslated('a value that is no condition stands for one');
  return node;
}

function logical(word: 'and' | 'or', left: Node, right: Node): Node {
  return { sql: `(${asCondition(left).sql} ${word} ${asCondition(right).sql})`, kind: 'boolean' };
}

/** `member`: only the right side is wanted, as it stands in a list. */
function compare(operator: string, left: Node, right: Node, wanted: 'whole' | 'member' = 'whole'): Node {
  const [a, b] = alike(left, right);
  if (a.kind === 'boolean' && operator !== '=' && operator !== '<>')
    throw new Untranslated('truth values have no order');
  if (a.kind === 'text') checkTexts(operator, a, b);
  if (wanted === 'member') return b;
  return { sql: `(${a.sql} ${operator} ${b.sql})`, kind: 'boolean' };
}

const datePattern = /^[1-9]\d{3}-\d\d-\d\d$/;
const datetimePattern = /^[1-9]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/;

/** Both sides as values of one kind: 0 and 1 are truth values beside one, a text that is a date is one beside a date. */
function alike(left: Node, right: Node): readonly [Node, Node] {
  if (left.kind === right.kind) return [left, right];
  const isNumber = (node: Node): boolean => node.kind === 'number' || node.kind === 'float';
  if (isNumber(left) && isNumber(right)) return [left, right];
  const asOther = (node: Node, other: Node): Node | undefined => {
    if (other.kind === 'boolean' && (node.literal === '0' || node.literal === '1') && node.kind === 'number')
      return { sql: node.literal === '1' ? 'true' : 'false', kind: 'boolean' };
    if (node.kind !== 'text' || node.literal === undefined) return undefined;
    if (other.kind === 'date' && datePattern.test(node.literal)) return { sql: `date ${node.sql}`, kind: 'date' };
    if (other.kind === 'datetime' && (datePattern.test(node.literal) || datetimePattern.test(node.literal)))
      return { sql: `timestamp ${node.sql}`, kind: 'datetime' };
    return undefined;
  };
  const newLeft = asOther(left, right);
  if (newLeft !== undefined) return [newLeft, right];
  const newRight = asOther(right, left);
  if (newRight !== undefined) return [left, newRight];
  throw new Untranslated('it compares values of different kinds');
}

function checkTexts(operator: string, left: Node, right: Node): void {
  const isEquality = operator === '=' || operator === '<>';
  for (const [node, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (node.column === undefined) {
      if (node.literal === undefined) throw new Untranslated('it compares texts that are put together');
      continue;
    }
    const isLabel = isEquality && other.literal !== undefined && node.column.labels?.includes(other.literal) === true;
    if (isLabel || (isEquality && node.column.comparesExactly)) continue;
    throw new Untranslated(
      'it compares texts, which the source does without case, accents or blanks at the end, or in another order',
    );
  }
  if (left.column === undefined && right.column === undefined)
    throw new Untranslated('it compares texts that are no columns');
}

/** MySQL reckons with wide numbers; so that PostgreSQL does not overflow where it did not, as numeric. */
function arithmetic(sign: string, left: Node, right: Node): Node {
  if (left.kind !== 'number' || right.kind !== 'number')
    throw new Untranslated('it reckons with what is no exact number');
  if (sign === '%' && (right.literal === undefined || Number(right.literal) === 0))
    throw new Untranslated('a division by what may be zero');
  const wide = left.literal === undefined ? `${left.sql}::numeric` : left.sql;
  const both = left.literal !== undefined && right.literal === undefined ? `${right.sql}::numeric` : right.sql;
  return { sql: `(${wide} ${sign} ${both})`, kind: 'number' };
}

function call(name: string, args: readonly Node[]): Node {
  const [first, second] = args;
  if (first === undefined) throw new Untranslated(`the function ${name} is not translated`);
  const isUtf8 = first.column === undefined || first.column.isUtf8;
  if ((name === 'char_length' || name === 'character_length') && first.kind === 'text')
    return { sql: `char_length(${first.sql})`, kind: 'number' };
  if ((name === 'length' || name === 'octet_length') && first.kind === 'text' && isUtf8)
    return { sql: `octet_length(${first.sql})`, kind: 'number' };
  if (name === 'abs' && first.kind === 'number') return { sql: `abs(${first.sql})`, kind: 'number' };
  if (
    (name === 'coalesce' || name === 'ifnull') &&
    second !== undefined &&
    args.every((arg) => arg.kind === first.kind)
  )
    return { sql: `coalesce(${args.map(({ sql }) => sql).join(', ')})`, kind: first.kind };
  // Not concat: in PostgreSQL it passes over NULL.
  if (name === 'concat' && args.every((arg) => arg.kind === 'text'))
    return { sql: `(${args.map(({ sql }) => sql).join(' || ')})`, kind: 'text' };
  throw new Untranslated(`the function ${name} is not translated`);
}
