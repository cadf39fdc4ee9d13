import { tableKey, type TableName } from '../model/catalog.ts';
import type { MysqlForeignKey, MysqlIndex, MysqlIndexPart, MysqlTable } from '../model/mysql-catalog.ts';
import { isText } from './data-checks.ts';
import { translateExpression } from './expression.ts';
import { expressionColumns } from './map-columns.ts';
import type { MappedColumn, MappedForeignKey, MappedKey, MappedKeyPart, NotCarried } from './mapping.ts';
import type { Namespace } from './names.ts';
import { pgName } from './quote.ts';
import { readTarget } from './target-type.ts';

/** Bytes: a row of a b-tree ends at about a third of a page; longer values make an INSERT fail. */
export const longestEntryBytes = 2_700;

export interface KeysQuestion {
  readonly table: MysqlTable;
  readonly target: TableName;
  readonly columns: readonly MappedColumn[];
  readonly relations: Namespace;
}

export interface KeysAnswer {
  readonly keys: readonly MappedKey[];
  readonly notCarried: readonly NotCarried[];
}

/** Keys and indexes. Their names are unique in a schema of PostgreSQL, in MySQL in a table only: the table's name goes before. */
export function mapKeys(question: KeysQuestion): KeysAnswer {
  const keys: MappedKey[] = [];
  const notCarried: NotCarried[] = [];
  for (const index of question.table.indexes) {
    const key = mapKey(question, index);
    if (typeof key === 'string')
      notCarried.push({
        kind: index.unique ? 'key' : 'index',
        name: `${tableKey(question.table)}.${index.name}`,
        why: key,
      });
    else keys.push(key);
  }
  return { keys, notCarried };
}

/** The key, or why there is none. */
function mapKey(question: KeysQuestion, index: MysqlIndex): MappedKey | string {
  if (index.kind === 'fulltext')
    return 'a FULLTEXT index, and so is MATCH … AGAINST: PostgreSQL searches with tsvector and a GIN index, in other words of SQL';
  if (index.kind === 'spatial') return 'a SPATIAL index: geometry is carried as bytes';
  const parts: MappedKeyPart[] = [];
  for (const part of index.parts) {
    const mapped = mapPart(question.columns, part, index.unique);
    if (typeof mapped === 'string') return mapped;
    parts.push(mapped);
  }
  const isPrimary = index.name === 'PRIMARY';
  const plain = parts.every((part) => part.column !== undefined && !part.descending && part.sql.startsWith('"'));
  if (isPrimary && !plain && parts.some((part) => !part.sql.startsWith('"')))
    return 'a primary key over the beginnings of values';
  const { name: table } = question.target;
  const name = question.relations.take(isPrimary ? `${table}_pkey` : `${table}_${index.name}`);
  const notes: string[] = [];
  if (index.invisible) notes.push('invisible to the optimiser of the source; PostgreSQL uses it');
  if (index.kind === 'hash') notes.push('a HASH index on the source, a b-tree on the target');
  if (longestEntry(question.columns, parts) > longestEntryBytes)
    notes.push('may hold values that together are longer than 2,700 bytes, which a b-tree of PostgreSQL refuses');
  return {
    name,
    source: index.name,
    kind: isPrimary ? 'primary' : index.unique ? 'unique' : 'index',
    // A primary key has no direction in PostgreSQL.
    parts: isPrimary ? parts.map((part) => ({ ...part, descending: false })) : parts,
    plain: plain || isPrimary,
    comment: index.comment,
    notes,
  };
}

function mapPart(columns: readonly MappedColumn[], part: MysqlIndexPart, unique: boolean): MappedKeyPart | string {
  if (part.column === undefined) {
    const translated = translateExpression(part.expression ?? '', expressionColumns(columns));
    if (translated.sql === undefined)
      return `over the expression ${part.expression ?? ''}, which is left to you (${translated.reason})`;
    return { sql: `(${translated.sql})`, descending: part.descending };
  }
  const column = columns.find(({ source }) => source.name === part.column);
  if (column === undefined) return `over the column ${part.column}, which is not carried`;
  if (readTarget(column.type).name === 'json') return `over ${part.column}, which is json: it has no order`;
  const plain = { sql: pgName(column.name), column: part.column, descending: part.descending };
  if (part.prefix === undefined) return plain;
  // All of a short value serves every query that its beginning served; for uniqueness only the beginning is the same.
  if (!unique && longestEntry([column], [plain]) <= longestEntryBytes) return plain;
  const begin = isText(column.sourceType)
    ? `left(${plain.sql}, ${part.prefix})`
    : `substring(${plain.sql} from 1 for ${part.prefix})`;
  return { ...plain, sql: `(${begin})` };
}

/** Bytes that the values of a key can have at most, about; texts with four bytes a character. */
export function longestEntry(columns: readonly MappedColumn[], parts: readonly MappedKeyPart[]): number {
  return parts
    .filter((part) => part.sql.startsWith('"'))
    .map((part) => columns.find(({ source }) => source.name === part.column))
    .reduce((sum, column) => sum + (column === undefined ? 0 : longestValue(column)), 0);
}

function longestValue({ sourceType: { base, length, labels } }: MappedColumn): number {
  if (base === 'char' || base === 'varchar') return 4 * (length ?? 1);
  if (base === 'binary' || base === 'varbinary') return length ?? 1;
  if (base === 'tinytext' || base === 'tinyblob') return 255;
  if (/text$|blob$|^geometry$/.test(base)) return Number.POSITIVE_INFINITY;
  return base === 'enum' ? Math.max(0, ...(labels ?? []).map((label) => Buffer.byteLength(label))) : 16;
}

/** What is already known of the table that a foreign key names. */
export interface ReferencedTable {
  readonly table: MysqlTable;
  readonly target: TableName;
  readonly columns: readonly MappedColumn[];
  readonly keys: readonly MappedKey[];
}

/** The foreign key on the target, or why there is none. */
export function mapForeignKey(
  key: MysqlForeignKey,
  columns: readonly MappedColumn[],
  referenced: ReferencedTable | undefined,
  constraints: Namespace,
): MappedForeignKey | string {
  if (referenced === undefined)
    return `to ${tableKey(key.references)}, which is not carried: nothing on green keeps rows out that refer to none`;
  const own = targetsOf(key.columns, columns);
  const theirs = targetsOf(key.referencedColumns, referenced.columns);
  if (own === undefined || theirs === undefined) return 'over a column that is not carried';
  if (!isKey(key.referencedColumns, referenced.keys))
    return `to columns of ${tableKey(key.references)} that are not one of its unique keys, which MySQL allows and PostgreSQL does not`;
  const types = own.map((column, at) => [column.type, theirs[at]?.type ?? ''] as const);
  const unlike = types.find(([a, b]) => !canBeCompared(a, b));
  if (unlike !== undefined) return `from ${unlike[0]} to ${unlike[1]}, which PostgreSQL does not compare`;
  if (own.some((column, at) => column.collation?.name !== theirs[at]?.collation?.name))
    return 'between texts of two collations';
  if (key.onDelete === 'set default' || key.onUpdate === 'set default')
    return 'SET DEFAULT, which InnoDB does not carry out';
  return {
    name: constraints.take(key.name),
    source: key.name,
    columns: own.map(({ name }) => name),
    references: referenced.target,
    referencedColumns: theirs.map(({ name }) => name),
    onDelete: key.onDelete,
    onUpdate: key.onUpdate,
    sourceColumns: key.columns,
    sourceReferences: key.references,
    sourceReferencedColumns: key.referencedColumns,
  };
}

function targetsOf(names: readonly string[], columns: readonly MappedColumn[]): readonly MappedColumn[] | undefined {
  const found = names.flatMap(
    (name) => columns.find(({ source }) => source.name.toLowerCase() === name.toLowerCase()) ?? [],
  );
  return found.length === names.length ? found : undefined;
}

/** PostgreSQL wants a key of exactly these columns, in any order. */
function isKey(names: readonly string[], keys: readonly MappedKey[]): boolean {
  const wanted = names.map((name) => name.toLowerCase()).sort();
  return keys.some(
    ({ kind, parts }) =>
      kind !== 'index' &&
      parts.every(({ sql, column }) => column !== undefined && sql.startsWith('"')) &&
      JSON.stringify(parts.map(({ column = '' }) => column.toLowerCase()).sort()) === JSON.stringify(wanted),
  );
}

const families: Readonly<Record<string, string>> = {
  smallint: 'integer',
  integer: 'integer',
  bigint: 'integer',
  text: 'text',
  varchar: 'text',
  char: 'text',
};

function canBeCompared(a: string, b: string): boolean {
  const family = (type: string): string => {
    const { name } = readTarget(type);
    return families[name] ?? name;
  };
  return family(a) === family(b);
}
