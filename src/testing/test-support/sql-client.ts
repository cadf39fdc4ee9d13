import type { TextValues } from '../../ports/digester.ts';
import type { ClientWrite, ShapedColumn, TableShape } from '../relational.ts';

/** What SQL of one system is, for the clients of the kits' worlds. */
export interface SqlWords {
  readonly quoteIdent: (name: string) => string;
  readonly literal: (column: ShapedColumn, text: string) => string;
  readonly typeOf: (column: ShapedColumn) => string;
  /** True where a column holds the literal, letter by letter. */
  readonly isSame: (column: string, literal: string) => string;
  readonly asText: (column: string) => string;
  /** Behind a CREATE TABLE. */
  readonly ending: string;
}

export function createSql(words: SqlWords, { name, columns, key }: TableShape): string {
  const { quoteIdent: quote } = words;
  const parts = columns.map(
    (column) => `${quote(column.name)} ${words.typeOf(column)}${column.unique ? ' unique' : ''}`,
  );
  if (key.length > 0) parts.push(`primary key (${key.map(quote).join(', ')})`);
  return `create table ${quote(name)} (${parts.join(', ')})${words.ending}`;
}

export function writeSql(words: SqlWords, write: ClientWrite): readonly string[] {
  const { quoteIdent: quote } = words;
  const { columns } = write.table;
  const name = quote(write.table.name);
  const literals = (row: TextValues): readonly string[] =>
    columns.map((column, place) => {
      const value = row[place] ?? null;
      return value === null ? 'null' : words.literal(column, value);
    });
  const where = (row: TextValues): string => {
    const each = literals(row).map((literal, place) =>
      literal === 'null'
        ? `${quote(columns[place]?.name ?? '')} is null`
        : words.isSame(quote(columns[place]?.name ?? ''), literal),
    );
    return each.join(' and ');
  };
  switch (write.kind) {
    case 'insert': {
      const rows = write.rows.map((row) => `(${literals(row).join(', ')})`);
      return rows.length === 0 ? [] : [`insert into ${name} values ${rows.join(', ')}`];
    }
    case 'update': {
      const sets = literals(write.to).map((literal, place) => `${quote(columns[place]?.name ?? '')} = ${literal}`);
      return [`update ${name} set ${sets.join(', ')} where ${where(write.from)}`];
    }
    case 'delete':
      return [`delete from ${name} where ${where(write.row)}`];
    case 'truncate':
      return [`truncate table ${name}`];
  }
}

export function rowsSql(words: SqlWords, { name, columns }: TableShape): string {
  const list = columns.map((column, place) => `${words.asText(words.quoteIdent(column.name))} as c${place}`);
  return `select ${list.join(', ')} from ${words.quoteIdent(name)}`;
}

/** The answer of `rowsSql`. */
export function rowOf(found: Readonly<Record<string, string | null | undefined>>, { columns }: TableShape): TextValues {
  return columns.map((_, place) => found[`c${place}`] ?? null);
}
