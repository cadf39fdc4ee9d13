import { emptyMysqlCatalog, plainMysqlTable } from '../../../test/support/catalogs.ts';
import type { MysqlCatalog, MysqlColumn, MysqlForeignKey, MysqlIndex, MysqlTable } from '../../model/mysql-catalog.ts';

type Default = NonNullable<MysqlColumn['default']>;

/** A column that is NOT NULL where `type` ends so: `column('id', 'int unsigned not null', { autoIncrement: true })`. Texts are utf8mb4_bin unless said otherwise. */
export function column(name: string, type: string, more: Partial<MysqlColumn> = {}): MysqlColumn {
  const notNull = type.endsWith(' not null');
  const plain = type.replace(/ not null$/, '');
  const isText = /^(char|varchar|tinytext|text|mediumtext|longtext|enum|set)/.test(plain);
  return {
    name,
    typeOid: 0,
    type: plain,
    builtIn: true,
    notNull,
    generated: more.generatedAs === undefined ? 'no' : 'stored',
    identity: 'no',
    hasDefault: more.default !== undefined,
    autoIncrement: false,
    setOnUpdate: false,
    invisible: false,
    comment: '',
    ...(isText ? { characterSet: 'utf8mb4', collation: 'utf8mb4_bin' } : {}),
    ...more,
  };
}

export function literal(text: string): { readonly default: Default } {
  return { default: { kind: 'literal', text } };
}

export function expression(text: string): { readonly default: Default } {
  return { default: { kind: 'expression', text } };
}

/** Parts as texts: `name`, `name(10)` for a prefix, `name desc`, `=…` for an expression. A name that begins with `unique ` is a unique key. */
export function index(name: string, parts: readonly string[], more: Partial<MysqlIndex> = {}): MysqlIndex {
  return {
    name: name.replace(/^unique /, ''),
    unique: name === 'PRIMARY' || name.startsWith('unique '),
    kind: 'btree',
    parts: parts.map((part) => {
      if (part.startsWith('=')) return { expression: part.slice(1), descending: false };
      const [, plain = '', prefix, descending] = /^(.*?)(?:\((\d+)\))?( desc)?$/s.exec(part) ?? [];
      return {
        column: plain,
        descending: descending !== undefined,
        ...(prefix === undefined ? {} : { prefix: Number(prefix) }),
      };
    }),
    invisible: false,
    comment: '',
    ...more,
  };
}

export function foreignKey(
  name: string,
  columns: readonly string[],
  references: string,
  referencedColumns: readonly string[],
  actions: Partial<MysqlForeignKey> = {},
): MysqlForeignKey {
  const [schema = '', table = ''] = references.split('.');
  return {
    name,
    columns,
    references: { schema, name: table },
    referencedColumns,
    onDelete: 'restrict',
    onUpdate: 'restrict',
    ...actions,
  };
}

/** `shop.orders`, with its columns and indexes; the primary key is the index PRIMARY. */
export function table(name: string, columns: readonly MysqlColumn[], more: Partial<MysqlTable> = {}): MysqlTable {
  const dot = name.indexOf('.');
  const primary = more.indexes?.find((each) => each.name === 'PRIMARY')?.parts.flatMap((part) => part.column ?? []);
  return plainMysqlTable(
    { schema: name.slice(0, dot), name: name.slice(dot + 1) },
    {
      oid: 0,
      columns,
      ...(primary === undefined ? {} : { primaryKey: primary }),
      replicaIdentity: { kind: 'full' },
      replicaIdentitySetting: 'full',
      ...more,
    },
  );
}

export function catalog(tables: readonly MysqlTable[], more: Partial<MysqlCatalog> = {}): MysqlCatalog {
  return { ...emptyMysqlCatalog, tables, ...more };
}
