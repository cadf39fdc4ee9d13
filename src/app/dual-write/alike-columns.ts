import { mapCatalog } from '../../mapping/map-catalog.ts';
import { isSameTarget } from '../../mapping/target-tables.ts';
import { readTarget } from '../../mapping/target-type.ts';
import { tableKey, type Catalog, type TableName } from '../../model/catalog.ts';
import type { MysqlCatalog } from '../../model/mysql-catalog.ts';

export interface AlikeColumns {
  /** `schema.table.column (type: this one)`: the texts of equal values would be others there. */
  readonly unlike: readonly string[];
  /** Numbers of MySQL that are truth values on PostgreSQL. */
  readonly isBoolean: (table: TableName, column: string) => boolean;
}

/**
 * Whether values of MySQL or MariaDB and those of PostgreSQL, whose catalog is given in the names of the first, have one text each: where a column has the type that Teal would have made of it (mapping/type-rules.ts), or one whose
 * values are written as that one's. Pure.
 */
export function alikeColumns(
  mysql: MysqlCatalog,
  postgres: { readonly catalog: Catalog; readonly major: number },
  tables: readonly TableName[],
): AlikeColumns {
  const wanted = new Set(tables.map(tableKey));
  const there = new Map(postgres.catalog.tables.map((table) => [tableKey(table), table] as const));
  const booleans = new Set<string>();
  const unlike: string[] = [];
  for (const { source, columns } of mapCatalog(mysql, { postgresMajor: postgres.major }).tables) {
    const key = tableKey(source);
    if (!wanted.has(key)) continue;
    for (const { source: column, sourceType, type: made } of columns) {
      const type = there.get(key)?.columns.find(({ name }) => name === column.name)?.type;
      if (type === undefined) continue;
      if (isSameTarget(type, 'boolean') && sourceType.base === 'tinyint') booleans.add(`${key}.${column.name}`);
      else if (!writesAs(type, made)) unlike.push(`${key}.${column.name} (${type}: ${made})`);
    }
  }
  return { unlike, isBoolean: (table, column) => booleans.has(`${tableKey(table)}.${column}`) };
}

const texts = new Set(['text', 'varchar']);
const wholes = new Set(['smallint', 'integer', 'bigint']);
/** Their digits are cut where they end in zeros, so that the number of them is in no text. */
const moments = new Set(['timestamp', 'timestamp with time zone', 'interval']);

/** Whether equal values of two types of PostgreSQL are equal texts. */
function writesAs(one: string, other: string): boolean {
  if (isSameTarget(one, other)) return true;
  const [a, b] = [readTarget(one), readTarget(other)];
  if (moments.has(a.name)) return a.name === b.name;
  return [texts, wholes].some((family) => isOf(family, a) && isOf(family, b));
}

function isOf(family: ReadonlySet<string>, { name, first, second = 0 }: ReturnType<typeof readTarget>): boolean {
  return family.has(name) || (family === wholes && name === 'numeric' && first !== undefined && second === 0);
}
