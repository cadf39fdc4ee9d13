import { actingKeysOf, type ActingKey } from '../../model/acting-keys.ts';
import type { TableName } from '../../model/catalog.ts';
import type { FollowMethod } from '../../model/follow-method.ts';
import { readForeignKeys } from './inspect/foreign-keys.ts';
import { askRows, isAtLeast, type Querier } from './inspect/querier.ts';

export interface ActingKeysOptions {
  /** The one that the address names; absent: all. */
  readonly database: string | undefined;
  readonly isWanted: (table: TableName) => boolean;
  /** Triggers and polls see of none what it does, whatever the log of the server holds. Default: `log`. */
  readonly method?: FollowMethod;
}

/**
 * Foreign keys between wanted tables whose cascades are in no log: of every MariaDB, of MySQL before 9.6, and of a later one where InnoDB still does them
 * (manual of 9.7, "Replication and Foreign Keys"). None of a server that logs what they do, where its log is read.
 */
export async function readActingKeys(
  querier: Querier,
  { database, isWanted, method }: ActingKeysOptions,
): Promise<readonly ActingKey[]> {
  if ((method ?? 'log') === 'log' && (await logsCascades(querier))) return [];
  const tables = await readForeignKeys(querier, database);
  return actingKeysOf(tables.filter(isWanted));
}

/** Whether what a foreign key does to the child's rows comes as rows of the log. */
export async function logsCascades(querier: Querier): Promise<boolean> {
  if (querier.flavour === 'mariadb' || !isAtLeast(querier.version, 9, 6)) return false;
  const [row] = await askRows(querier, `show global variables like 'innodb_native_foreign_keys'`);
  return row?.['Value'] !== 'ON';
}
