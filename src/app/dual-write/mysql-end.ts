import type { Side, TableName } from '../../model/catalog.ts';
import type { MysqlCatalog } from '../../model/mysql-catalog.ts';
import type { Repairer, RowProbe, SideAccess } from '../../ports/digester.ts';
import { parseAddress } from '../../systems/mysql/address.ts';
import { connect } from '../../systems/mysql/connection.ts';
import { mysqlRepairer } from '../../systems/mysql/digest/repair.ts';
import { mysqlRowProbe } from '../../systems/mysql/digest/row-probe.ts';
import { mysqlSide } from '../../systems/mysql/digest/side.ts';
import { readCatalog } from '../../systems/mysql/inspect/catalog.ts';
import { familyPolicy, strictPolicy } from '../../systems/mysql/values/policy.ts';
import { columnWriter } from '../../systems/mysql/values/to-sql.ts';

const applicationName = 'teal reconcile';

export interface MysqlEndOptions {
  readonly side: Side;
  readonly url: string;
  /** Columns that the other side holds as boolean. */
  readonly isBoolean: (table: TableName, column: string) => boolean;
  /** Both are of MySQL or MariaDB: values without a form elsewhere are values too. */
  readonly isOfFamily: boolean;
  readonly signal: AbortSignal;
}

/** A server of MySQL or MariaDB as the reconciler asks it. */
export async function openMysqlEnd({
  side,
  url,
  isBoolean,
  isOfFamily,
  signal,
}: MysqlEndOptions): Promise<
  { readonly access: SideAccess; readonly probe: RowProbe; readonly repairer: Repairer } & AsyncDisposable
> {
  const { database } = parseAddress(url);
  const policy = isOfFamily ? familyPolicy : strictPolicy;
  const connection = await connect({ url, applicationName, signal });
  return {
    access: mysqlSide({ side, url, readCatalog: async (session) => readCatalog(session, database), policy, isBoolean }),
    probe: mysqlRowProbe(connection, { policy, isBoolean }),
    repairer: mysqlRepairer({ url, columns: columnWriter }),
    [Symbol.asyncDispose]: async () => connection.close(),
  };
}

export async function describeMysql(url: string, signal: AbortSignal): Promise<MysqlCatalog> {
  await using connection = await connect({ url, applicationName, signal });
  return await readCatalog(connection, parseAddress(url).database);
}
