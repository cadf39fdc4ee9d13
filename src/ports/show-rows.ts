import type { DigestTable, RowCondition, RowLook, TextValues } from './digester.ts';

/** How a system writes names and values. */
export interface SqlWords {
  table(table: DigestTable): string;
  name(column: string): string;
  /** A value of a column in the text form of a comparison. */
  literal(column: string, text: string): string;
}

/** One SELECT, without a semicolon, that shows these rows on the side whose words are given. It holds values: for a terminal, or a file of its owner. */
export function selectRows(table: DigestTable, { columns, keys = [], where }: RowLook, words: SqlWords): string {
  const names = [...new Set([...table.key, ...columns])];
  const list = names.length === 0 ? '*' : names.map((name) => words.name(name)).join(', ');
  const order = table.key.length === 0 ? '' : ` order by ${table.key.map((name) => words.name(name)).join(', ')}`;
  const condition = where === undefined ? keysIn(table.key, keys, words) : conditionSql(where, words);
  return `select ${list} from ${words.table(table)} where ${condition}${order}`;
}

function keysIn(names: readonly string[], keys: readonly TextValues[], words: SqlWords): string {
  const literal = (name: string, value: string | null | undefined): string =>
    value === null || value === undefined ? 'null' : words.literal(name, value);
  const [first] = names;
  if (first !== undefined && names.length === 1) {
    return `${words.name(first)} in (${keys.map((key) => literal(first, key[0])).join(', ')})`;
  }
  const rows = keys.map((key) =>
    names.map((name, place) => `${words.name(name)} = ${literal(name, key[place])}`).join(' and '),
  );
  return rows.map((row) => `(${row})`).join(' or ');
}

function conditionSql(where: RowCondition, words: SqlWords): string {
  const { column } = where;
  const name = words.name(column);
  if ('is' in where) return where.is === null ? `${name} is null` : `${name} = ${words.literal(column, where.is)}`;
  const from = `${name} >= ${words.literal(column, where.from)}`;
  return where.to === undefined ? from : `${from} and ${name} <= ${words.literal(column, where.to)}`;
}
