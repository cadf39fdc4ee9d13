import { must } from '../kernel/assert.ts';
import { isTealError } from '../kernel/errors.ts';
import type { TableName } from '../model/catalog.ts';
import type { MysqlCatalog, MysqlColumn, MysqlTable } from '../model/mysql-catalog.ts';
import { parseType, type MysqlType } from '../model/mysql-type.ts';
import { equalityOf, icuCollationFor, type PgCollation } from './collations.ts';
import { isText } from './data-checks.ts';
import { ColumnLinks, columnKey } from './links.ts';
import type { MappingOptions } from './options.ts';
import { typeRules, type TypeQuestion, type TypeRule } from './type-rules.ts';

/** Whether Teal carries values of this COLUMN_TYPE. */
export function isKnownType(columnType: string): boolean {
  try {
    parseType(columnType);
    return true;
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-304')) return false;
    throw error;
  }
}

/** `json_valid(`c`)`, by which MariaDB says that a column is JSON. */
export function jsonCheckColumn(expression: string): string | undefined {
  return /^\(?json_valid\(`((?:[^`]|``)+)`\)\)?$/i.exec(expression.trim())?.[1]?.replaceAll('``', '`');
}

/** What columns that foreign keys join have in common. */
interface GroupFacts {
  counts: boolean;
  notBoolean: boolean;
  inUniqueKey: boolean;
}

/** What is decided about a column by more than itself: by the columns that foreign keys join it to, and by what was seen in the data. */
export class ColumnFacts {
  readonly #links: ColumnLinks;
  readonly #groups = new Map<string, GroupFacts>();
  readonly #inUniqueKeys = new Set<string>();
  readonly #options: MappingOptions;

  constructor(catalog: MysqlCatalog, options: MappingOptions) {
    this.#options = options;
    this.#links = new ColumnLinks(catalog);
    for (const table of catalog.tables) this.#learn(table);
    for (const { table, column, check } of options.offences ?? [])
      if (check === 'notBoolean') this.#groupOf(table, column).notBoolean = true;
  }

  #learn(table: MysqlTable): void {
    for (const { name, type, autoIncrement } of table.columns) {
      const group = this.#groupOf(table, name);
      group.counts ||= autoIncrement;
      group.notBoolean ||= !/^tinyint\(1\)$/i.test(type.trim());
    }
    for (const index of table.indexes) {
      if (!index.unique) continue;
      for (const { column } of index.parts) {
        if (column === undefined) continue;
        this.#inUniqueKeys.add(columnKey(table, column));
        this.#groupOf(table, column).inUniqueKey = true;
      }
    }
  }

  #groupOf(table: TableName, column: string): GroupFacts {
    const key = this.#links.groupOf(columnKey(table, column));
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = { counts: false, notBoolean: false, inUniqueKey: false };
    this.#groups.set(key, group);
    return group;
  }

  /** The first rule that takes the column, which must be of a known type. */
  ruleFor(table: MysqlTable, column: MysqlColumn): { readonly rule: TypeRule; readonly type: MysqlType } {
    const question = this.#question(table, column);
    const rule = typeRules.find((each) => each.takes(question));
    return { rule: must(rule, 'a rule for every type', { base: question.type.base }), type: question.type };
  }

  #question(table: MysqlTable, column: MysqlColumn): TypeQuestion {
    const { counts, notBoolean } = this.#groupOf(table, column.name);
    const name = column.name.toLowerCase();
    return {
      type: parseType(column.type),
      zerofill: /\bzerofill\b/i.test(column.type),
      counts,
      notBoolean,
      holdsJson: table.checks.some(({ expression }) => jsonCheckColumn(expression)?.toLowerCase() === name),
    };
  }

  /** The collation that the column needs so that its keys mean the same; undefined where the database's own does. */
  collationFor(table: MysqlTable, column: MysqlColumn): PgCollation | undefined {
    const mode = this.#options.collations ?? 'keys';
    if (mode === 'none' || column.collation === undefined || !isText(parseType(column.type))) return undefined;
    if (mode === 'keys' && !this.#groupOf(table, column.name).inUniqueKey) return undefined;
    return icuCollationFor(equalityOf(column.collation));
  }

  isInUniqueKey(table: TableName, column: string): boolean {
    return this.#inUniqueKeys.has(columnKey(table, column));
  }
}
