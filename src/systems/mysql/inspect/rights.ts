import type { TableName } from '../../../model/catalog.ts';
import type { MysqlRights } from '../../../model/mysql-facts.ts';
import { parseGrants, type Grants } from './grants.ts';
import { readOnlyPrivileges } from './facts-sql.ts';
import { tealDatabase, type Querier } from './querier.ts';

/**
 * What the account may do of what Teal must do, by its grants (SHOW GRANTS, with the roles that are active). Privileges: manual, "Privileges Provided by MySQL"; MariaDB "GRANT",
 * "Privileges for Replication and read_only" since 10.5.
 */
export function rightsOf(
  server: Querier,
  user: string,
  grantLines: readonly string[],
  databases: readonly string[],
  tables: readonly TableName[],
): MysqlRights {
  const grants = parseGrants(grantLines);
  const lacks = (table: TableName, ...privileges: readonly string[]): boolean =>
    privileges.some((privilege) => !grants.hasOnTable(table, privilege));
  const ddl = ['CREATE', 'ALTER', 'DROP', 'INDEX', 'REFERENCES'];
  return {
    user,
    ...serverRights(server, grants),
    seeAccounts: grants.hasOnDatabase('mysql', 'SELECT'),
    ownTealDatabase: ['CREATE', 'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'DROP'].every((privilege) =>
      grants.hasOnDatabase(tealDatabase, privilege),
    ),
    triggersInTeal: grants.hasOnDatabase(tealDatabase, 'TRIGGER'),
    triggersUntrusted: grants.hasGlobal('SUPER'),
    seesAllDatabases: grants.hasGlobal('SHOW DATABASES', 'SELECT'),
    tablesHidden: databases.filter((database) => !grants.hasOnDatabase(database, 'SELECT')),
    triggersHidden: databases.filter((database) => !grants.hasOnDatabase(database, 'TRIGGER')),
    eventsHidden: databases.filter((database) => !grants.hasOnDatabase(database, 'EVENT')),
    mayNotCreate: databases.filter((database) => !ddl.every((privilege) => grants.hasOnDatabase(database, privilege))),
    unreadable: tables.filter((table) => lacks(table, 'SELECT')),
    unwritable: tables.filter((table) => lacks(table, 'INSERT', 'UPDATE', 'DELETE')),
  };
}

type ServerRights = Pick<
  MysqlRights,
  | 'readLog'
  | 'readPosition'
  | 'flushTables'
  | 'setReadOnly'
  | 'writeWhileReadOnly'
  | 'endSessions'
  | 'seeSessions'
  | 'seePrepared'
>;

function serverRights(server: Querier, grants: Grants): ServerRights {
  const passing = readOnlyPrivileges(server);
  const isMysql = server.flavour === 'mysql';
  return {
    readLog: grants.hasGlobal('REPLICATION SLAVE'),
    readPosition: grants.hasGlobal('REPLICATION CLIENT', 'BINLOG MONITOR', 'SUPER'),
    flushTables: grants.hasGlobal('RELOAD', ...(isMysql ? ['FLUSH_TABLES'] : [])),
    setReadOnly: isMysql ? grants.hasGlobal('SYSTEM_VARIABLES_ADMIN', 'SUPER') : grants.hasGlobal(...passing),
    writeWhileReadOnly: grants.hasGlobal(...passing),
    endSessions: grants.hasGlobal('SUPER', isMysql ? 'CONNECTION_ADMIN' : 'CONNECTION ADMIN'),
    seeSessions: grants.hasGlobal('PROCESS'),
    seePrepared: !isMysql || grants.hasGlobal('XA_RECOVER_ADMIN'),
  };
}
