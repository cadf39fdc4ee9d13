import { emptyCatalog, plainTable } from '../../../../test/support/catalogs.ts';
import type { Catalog, Side, Table } from '../../../model/catalog.ts';
import type { Fact, SystemFacts } from '../../../model/facts.ts';
import type { SideView } from '../finding.ts';

/** For tests: two sides about which an assessment has nothing to say, to be spoilt in one place each. */
export function healthySide(side: Side, changes: SideChanges = {}): SideView {
  const isBlue = side === 'blue';
  return {
    identity: {
      kind: 'postgres',
      major: isBlue ? 14 : 18,
      version: isBlue ? '14.23' : '18.4',
      identity: { cluster: isBlue ? '7000000000000000001' : '7000000000000000002', database: '16384/shop' },
      address: `${side}.example:5432/shop`,
      timeline: 1,
      role: 'primary',
      user: 'teal',
      ...changes.identity,
    },
    catalog: {
      ...emptyCatalog,
      tables: isBlue ? [healthyTable()] : [],
      extensions: [{ name: 'plpgsql', version: '1.0', schema: 'pg_catalog' }],
      ...changes.catalog,
    },
    facts: { ...healthyFacts, ...changes.facts },
  };
}

export interface SideChanges {
  readonly identity?: Partial<SideView['identity']>;
  readonly catalog?: Partial<Catalog>;
  readonly facts?: Partial<SystemFacts>;
}

export function healthyTable(changes: Partial<Table> = {}): Table {
  return plainTable(
    { schema: 'public', name: 'customer' },
    {
      oid: 16_400,
      columns: [column('id', 'bigint'), column('name', 'character varying(20)')],
      primaryKey: ['id'],
      replicaIdentity: { kind: 'key', index: 'customer_pkey', columns: ['id'] },
      uniqueKeys: [
        { index: 'customer_pkey', columns: ['id'], partialOrExpression: false, deferrable: false, primary: true },
      ],
      estimatedRows: 1_000_000,
      pages: 12_000,
      totalBytes: 150_000_000n,
      heapBytes: 98_304_000n,
      ...changes,
    },
  );
}

export function column(name: string, type: string): Table['columns'][number] {
  return {
    name,
    typeOid: 20,
    type,
    builtIn: true,
    notNull: true,
    generated: 'no',
    identity: 'no',
    hasDefault: false,
  };
}

export function known<T>(value: T): Fact<T> {
  return { known: true, value };
}

export function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

export const healthySettings = {
  wal_level: { value: 'logical' },
  max_slot_wal_keep_size: { value: '-1', unit: 'MB' },
  idle_replication_slot_timeout: { value: '0' },
  default_transaction_read_only: { value: 'off' },
  synchronous_standby_names: { value: '' },
  synchronous_commit: { value: 'on' },
  lc_monetary: { value: 'C' },
  shared_preload_libraries: { value: '' },
  TimeZone: { value: 'UTC' },
} as const;

export const healthyRights = {
  user: 'teal',
  superuser: false,
  replication: true,
  createRole: true,
  bypassRowSecurity: true,
  createInDatabase: true,
  ownsDatabase: true,
  setReplicationRole: true,
  createEventTriggers: true,
  readPasswords: true,
  useOrigins: true,
  readAllStatistics: true,
  identifyCluster: true,
  owners: [],
  actsAs: ['teal'],
  unreadable: [],
  notOwned: [],
  filtered: [],
} as const;

export const healthyCapacity = {
  slots: { total: 10, used: 0 },
  walSenders: { total: 10, used: 0 },
  connections: { total: 100, used: 20 },
  locks: { perTransaction: 64, holders: 100, total: 6400, used: 20 },
} as const;

export const healthyEncoding = {
  encoding: 'UTF8',
  collate: 'en_US.UTF-8',
  ctype: 'en_US.UTF-8',
  provider: 'libc',
  collationVersion: '2.36',
} as const;

const healthyFacts: SystemFacts = {
  settings: known(healthySettings),
  capacity: known(healthyCapacity),
  rights: known(healthyRights),
  encoding: known(healthyEncoding),
  databaseBytes: known(200_000_000n),
  systemTypes: known(['bigint', 'character varying', 'text', 'money', 'xid', 'interval', 'pg_node_tree']),
  availableExtensions: known([{ name: 'plpgsql', version: '1.0' }]),
  extensionData: known([]),
  roles: known([]),
  sessionDefaults: known([]),
  defaultPrivileges: known([]),
  sequencePositions: known([]),
  largeObjects: known({ count: 0n, bytes: 0n }),
  publications: known([]),
  subscriptions: known([]),
  slots: known([]),
  eventTriggers: known([]),
  jobs: known([]),
  foreignServers: known([]),
  foreignTables: known([]),
  preparedTransactions: known([]),
  longTransactions: known([]),
  tablespaces: known([]),
  walBytesOnDisk: known(16_777_216n),
  freeDiskBytes: unknown('PostgreSQL does not tell it'),
  writes: known({ tables: [] }),
  walRate: known({ bytesPerSecond: 1_000_000, overSeconds: 86_400 }),
  stateOutsideTables: known({ advisoryLocks: 0, temporaryTables: 0, functions: [] }),
  otherObjects: known({ schemas: [], functions: 0, types: 0 }),
  hasTealSchema: known(false),
};
