import type { MysqlTable } from '../../../model/mysql-catalog.ts';
import { catalogOf, noRows, readDatabases } from './catalog.ts';
import { catalogParts, type AllRows, type CatalogRows } from './catalog-sql.ts';
import { readHiddenRules, withoutRule } from './foreign-key-rules.ts';
import { askRows, type Querier } from './querier.ts';

export type KeyedTable = Pick<MysqlTable, 'schema' | 'name' | 'columns' | 'foreignKeys'>;

/** The tables of one database, or of all that are users' own, with their foreign keys: a small part of what `readCatalog` asks for, to be asked often. */
export async function readForeignKeys(querier: Querier, database?: string): Promise<readonly KeyedTable[]> {
  const databases = database === undefined ? await readDatabases(querier) : [database];
  if (databases.length === 0) return [];
  const parts = catalogParts(querier, databases);
  const ask = async <Name extends keyof CatalogRows>(name: Name): Promise<readonly CatalogRows[Name][]> =>
    askRows<CatalogRows[Name]>(querier, parts[name], databases);
  const [tables, columns] = [await ask('tables'), await ask('columns')];
  const [foreignKeyColumns, told] = [await ask('foreignKeyColumns'), await ask('foreignKeyRules')];
  const all: AllRows = { ...noRows(), tables, columns, foreignKeyColumns, foreignKeyRules: told };
  const foreignKeyRules = [...told, ...(await readHiddenRules(querier, all))];
  // One that went between the two questions is not there.
  const gone = new Set(withoutRule({ foreignKeyColumns, foreignKeyRules }));
  const there = foreignKeyColumns.filter((row) => !gone.has(row));
  return catalogOf(querier.flavour, databases, { ...all, foreignKeyRules, foreignKeyColumns: there }).tables;
}
