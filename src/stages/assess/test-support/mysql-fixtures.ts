import { emptyMysqlCatalog, plainMysqlTable } from '../../../../test/support/catalogs.ts';
import type { Side } from '../../../model/catalog.ts';
import type { MysqlCatalog, MysqlColumn, MysqlTable } from '../../../model/mysql-catalog.ts';
import type { MysqlFacts, MysqlRights } from '../../../model/mysql-facts.ts';
import type { MysqlSideView } from '../mysql/situation.ts';
import { known, unknown } from './fixtures.ts';

export interface MysqlSideChanges {
  readonly identity?: Partial<MysqlSideView['identity']>;
  readonly catalog?: Partial<MysqlCatalog>;
  readonly facts?: Partial<MysqlFacts>;
}

/** For tests: a side about which an assessment has nothing to say, to be spoilt in one place. */
export function healthyMysql(side: Side, changes: MysqlSideChanges = {}): MysqlSideView {
  const isBlue = side === 'blue';
  return {
    identity: {
      kind: 'mysql',
      major: 8,
      minor: 0,
      version: '8.0.33',
      identity: { cluster: isBlue ? 'uuid-of-blue' : 'uuid-of-green', database: '*' },
      address: `${side}.example:3306/`,
      timeline: 0,
      role: 'primary',
      user: 'teal@%',
      ...changes.identity,
    },
    catalog: {
      ...emptyMysqlCatalog,
      tables: isBlue ? [mysqlTable()] : [],
      ...changes.catalog,
    },
    facts: { ...healthyFacts, ...changes.facts },
  };
}

export function mysqlColumn(name: string, type: string, changes: Partial<MysqlColumn> = {}): MysqlColumn {
  return {
    name,
    typeOid: 0,
    type,
    builtIn: false,
    notNull: true,
    generated: 'no',
    identity: 'no',
    hasDefault: false,
    autoIncrement: false,
    setOnUpdate: false,
    invisible: false,
    comment: '',
    ...changes,
  };
}

export function mysqlTable(changes: Partial<MysqlTable> = {}): MysqlTable {
  return plainMysqlTable(
    { schema: 'shop', name: 'customer' },
    {
      columns: [mysqlColumn('id', 'bigint unsigned'), mysqlColumn('name', 'varchar(20)', { collation: 'utf8mb4_bin' })],
      primaryKey: ['id'],
      replicaIdentity: { kind: 'key', index: 'PRIMARY', columns: ['id'] },
      uniqueKeys: [{ index: 'PRIMARY', columns: ['id'], partialOrExpression: false, deferrable: false, primary: true }],
      estimatedRows: 1_000_000,
      pages: 6_000,
      totalBytes: 150_000_000n,
      heapBytes: 98_304_000n,
      indexes: [
        {
          name: 'PRIMARY',
          unique: true,
          kind: 'btree',
          parts: [{ column: 'id', descending: false }],
          invisible: false,
          comment: '',
        },
      ],
      ...changes,
    },
  );
}

export const healthyMysqlSettings = {
  log_bin: { value: 'ON' },
  binlog_format: { value: 'ROW' },
  binlog_row_image: { value: 'FULL' },
  binlog_row_metadata: { value: 'FULL' },
  binlog_row_value_options: { value: '' },
  binlog_order_commits: { value: 'ON' },
  binlog_expire_logs_seconds: { value: '2592000' },
  gtid_mode: { value: 'ON' },
  server_id: { value: '1' },
  sql_mode: { value: 'STRICT_TRANS_TABLES' },
  lower_case_table_names: { value: '0' },
  read_only: { value: 'OFF' },
  super_read_only: { value: 'OFF' },
  time_zone: { value: 'SYSTEM' },
} as const;

export const healthyMysqlRights: MysqlRights = {
  user: 'teal@%',
  triggersInTeal: true,
  triggersUntrusted: true,
  readLog: true,
  readPosition: true,
  flushTables: true,
  setReadOnly: true,
  writeWhileReadOnly: true,
  endSessions: true,
  seeSessions: true,
  seePrepared: true,
  seeAccounts: true,
  ownTealDatabase: true,
  seesAllDatabases: true,
  tablesHidden: [],
  triggersHidden: [],
  eventsHidden: [],
  mayNotCreate: [],
  unreadable: [],
  unwritable: [],
};

const healthyFacts: MysqlFacts = {
  settings: known(healthyMysqlSettings),
  rights: known(healthyMysqlRights),
  connections: known({ total: 150, used: 20 }),
  log: known({ file: 'binlog.000001', position: 4n, onlyDatabases: [], ignoredDatabases: [] }),
  gtids: known('uuid:1-5'),
  logBytesOnDisk: known(1_000_000n),
  logRate: known({ bytesPerSecond: 1_000_000, overSeconds: 86_400 }),
  upstreams: known([]),
  logReaders: known(0),
  passesReadOnly: known([]),
  accounts: known([]),
  definedObjects: known([]),
  preparedTransactions: known([]),
  longTransactions: known([]),
  longStatements: known([]),
  databaseBytes: known(200_000_000n),
  freeDiskBytes: unknown('no server of this family tells it'),
  writes: known({ tables: [] }),
  hasTealSchema: known(false),
};
