import { describe, expect, test } from 'vitest';
import type { Sequence, Table } from '../../model/catalog.ts';
import type { Capacity, Rights, Role, Setting } from '../../model/facts.ts';
import type { PolledColumn } from '../../model/polled-column.ts';
import { assess, blockersOf } from './assess.ts';
import { compareVersions } from './checks/green.ts';
import { locksNeeded } from './checks/capacity.ts';
import { bareType } from './checks/values.ts';
import { findingCodes, type FindingCode } from './finding-codes.ts';
import type { AssessOptions, Finding } from './finding.ts';
import { kafkaFindingCodes } from './kafka-finding-codes.ts';
import { mysqlFindingCodes } from './mysql-finding-codes.ts';
import {
  column,
  healthyCapacity,
  healthyEncoding,
  healthyRights,
  healthySettings,
  healthySide,
  healthyTable,
  known,
  unknown,
  type SideChanges,
} from './test-support/fixtures.ts';

interface Case {
  readonly name: string;
  readonly blue?: SideChanges;
  readonly green?: SideChanges;
  readonly options?: AssessOptions;
  /** Exactly these, in the order of the findings. */
  readonly finds: readonly FindingCode[];
  /** Must stand in the first finding's texts. */
  readonly says?: readonly string[];
}

const settings = (changes: Readonly<Record<string, Setting>>): SideChanges => ({
  facts: { settings: known({ ...healthySettings, ...changes }) },
});
const rights = (changes: Partial<Rights>): SideChanges => ({
  facts: { rights: known({ ...healthyRights, ...changes }) },
});
const capacity = (changes: Partial<Capacity>): SideChanges => ({
  facts: { capacity: known({ ...healthyCapacity, ...changes }) },
});
const tables = (...list: readonly Partial<Table>[]): SideChanges => ({ catalog: { tables: list.map(healthyTable) } });
const extensions = (name: string, version: string): SideChanges => ({
  catalog: { extensions: [{ name, version, schema: 'public' }] },
});
const offers = (name: string, version: string): SideChanges => ({
  facts: { availableExtensions: known([{ name, version }]) },
});
const sequence = (changes: Partial<Sequence>, lastValue: bigint): SideChanges => ({
  catalog: {
    tables: [healthyTable()],
    sequences: [
      {
        schema: 'public',
        name: 'ticket',
        type: 'integer',
        increment: 1n,
        min: 1n,
        max: 2_147_483_647n,
        cache: 1n,
        cycle: false,
        ...changes,
      },
    ],
  },
  facts: { sequencePositions: known([{ schema: 'public', name: 'ticket', lastValue }]) },
});
const generated = { ...column('doubled', 'bigint'), generated: 'stored' } as const;
const { primaryKey: _, ...withoutPrimaryKey } = healthyTable();
const customer = { schema: 'public', name: 'customer' };
const polled = (changes: Partial<NonNullable<PolledColumn['seen']>>): PolledColumn => ({
  ...customer,
  column: 'at',
  seen: {
    type: 'timestamp with time zone',
    isTime: true,
    notNull: true,
    isIndexed: true,
    isFilled: true,
    isTouched: true,
    looked: 1_000,
    behind: 0,
    ahead: 0,
    ...changes,
  },
});
const role: Role = {
  name: 'app',
  superuser: false,
  login: true,
  inherits: true,
  replication: false,
  bypassRowSecurity: false,
  createDatabase: false,
  createRole: false,
  connectionLimit: -1,
  memberOf: [],
};
const slot = { name: 'debezium', kind: 'logical', database: 'shop', active: true, temporary: false } as const;

const cases: readonly Case[] = [
  { name: 'two healthy sides', finds: [] },

  // Kafka Connect
  {
    name: 'carried by Kafka Connect',
    options: { connect: { changed: [], accepted: [] } },
    blue: tables({ columns: [column('id', 'bigint'), column('name', 'character varying(20)'), column('of', 'text')] }),
    finds: [],
  },
  {
    name: 'rows that Kafka Connect does not find',
    options: { connect: { changed: [], accepted: [] } },
    blue: { catalog: { tables: [withoutPrimaryKey] } },
    finds: ['ASSESS-CONNECT-KEY'],
    says: ['public.customer', 'ADD PRIMARY KEY'],
  },
  {
    name: 'a table that Kafka Connect cannot carry',
    options: { connect: { changed: [], accepted: [] } },
    blue: tables({ name: 'sum', columns: [column('id', 'bigint'), generated] }),
    finds: ['ASSESS-CONNECT-COLUMN'],
    says: ['public.sum', 'doubled'],
  },
  {
    name: 'values that Kafka Connect changes',
    options: {
      connect: {
        changed: [
          { schema: 'public', name: 'customer', column: 'share', holds: true },
          { schema: 'public', name: 'customer', column: 'born', holds: false },
        ],
        accepted: ['public.customer.pl*'],
      },
    },
    blue: tables({
      columns: [
        column('id', 'bigint'),
        column('share', 'numeric(5,2)'),
        column('born', 'date'),
        column('place', 'point'),
      ],
    }),
    green: { facts: { systemTypes: known(['bigint', 'numeric', 'date', 'point']) } },
    finds: ['ASSESS-CONNECT-VALUES', 'ASSESS-CONNECT-ACCEPTED', 'ASSESS-CONNECT-POSSIBLE'],
    says: ['public.customer.share (numeric(5,2): NaN and infinity)', 'connect.acceptUnfaithful'],
  },

  // Servers
  {
    name: 'blue too old',
    blue: { identity: { major: 13, version: '13.9' } },
    finds: ['ASSESS-VERSION'],
    says: ['13.9'],
  },
  { name: 'green too new', green: { identity: { major: 19 } }, finds: ['ASSESS-VERSION'] },
  {
    name: 'green older than blue',
    blue: { identity: { major: 16 } },
    green: { identity: { major: 15 } },
    finds: ['ASSESS-GREEN-OLDER'],
    says: ['15', '16'],
  },
  {
    name: 'the same database twice',
    green: { identity: { identity: { cluster: '7000000000000000001', database: '16384/shop' } } },
    finds: ['ASSESS-SAME-DATABASE'],
  },
  {
    name: 'two databases of one cluster',
    green: { identity: { identity: { cluster: '7000000000000000001', database: '16385/shop2' } } },
    finds: ['ASSESS-SAME-CLUSTER'],
  },
  {
    name: 'blue a replica',
    blue: { identity: { role: 'replica' } },
    finds: ['ASSESS-REPLICA'],
    says: ['Blue', 'pg_promote'],
  },
  { name: 'green a replica', green: { identity: { role: 'replica' } }, finds: ['ASSESS-REPLICA'], says: ['Green'] },
  {
    name: 'wal_level of blue',
    blue: settings({ wal_level: { value: 'replica' } }),
    finds: ['ASSESS-WAL-LEVEL'],
    says: ['replica', "ALTER SYSTEM SET wal_level = 'logical';"],
  },
  {
    name: 'wal_level of green, which the way back needs',
    green: settings({ wal_level: { value: 'minimal' } }),
    finds: ['ASSESS-WAL-LEVEL'],
    says: ['no way back'],
  },
  {
    name: 'a limit on kept WAL',
    blue: settings({ max_slot_wal_keep_size: { value: '1024', unit: 'MB' } }),
    finds: ['ASSESS-SLOT-WAL-LIMIT'],
    says: ['1024 MB'],
  },
  {
    name: 'a limit on idle slots',
    green: settings({ idle_replication_slot_timeout: { value: '3600', unit: 's' } }),
    finds: ['ASSESS-SLOT-IDLE-LIMIT'],
  },
  {
    name: 'a synchronous standby',
    blue: settings({ synchronous_standby_names: { value: 'ANY 1 (*)' } }),
    finds: ['ASSESS-SYNCHRONOUS'],
  },
  {
    name: 'a synchronous standby that nobody waits for',
    blue: settings({ synchronous_standby_names: { value: '*' }, synchronous_commit: { value: 'off' } }),
    green: settings({ synchronous_commit: { value: 'off' } }),
    finds: [],
  },
  {
    name: 'green read-only by its server',
    green: settings({ default_transaction_read_only: { value: 'on' } }),
    finds: ['ASSESS-GREEN-READ-ONLY'],
    says: ['ALTER SYSTEM'],
  },
  {
    name: 'green read-only by its database',
    green: {
      facts: { sessionDefaults: known([{ database: 'shop', name: 'default_transaction_read_only', value: 'on' }]) },
    },
    finds: ['ASSESS-GREEN-READ-ONLY'],
    says: ['ALTER DATABASE "shop" RESET'],
  },
  {
    name: 'blue read-only',
    blue: settings({ default_transaction_read_only: { value: 'on' } }),
    finds: ['ASSESS-BLUE-READ-ONLY'],
  },
  {
    name: 'unknown settings, said once',
    blue: { facts: { settings: unknown('the role may not read it') } },
    finds: ['ASSESS-UNKNOWN'],
    says: ['settings of blue', 'may not read it'],
  },

  // Rights
  {
    name: 'no REPLICATION',
    blue: rights({ replication: false }),
    finds: ['ASSESS-RIGHT-REPLICATION'],
    says: ['ALTER ROLE "teal" REPLICATION;'],
  },
  {
    name: 'no CREATE',
    green: rights({ createInDatabase: false }),
    finds: ['ASSESS-RIGHT-CREATE'],
    says: ['GRANT CREATE ON DATABASE "shop" TO "teal";'],
  },
  {
    name: 'no session_replication_role on 14',
    blue: rights({ setReplicationRole: false }),
    finds: ['ASSESS-RIGHT-APPLY'],
    says: ['SET session_replication_role = replica'],
  },
  {
    name: 'no session_replication_role on 18',
    green: rights({ setReplicationRole: false }),
    finds: ['ASSESS-RIGHT-APPLY'],
    says: ['GRANT SET ON PARAMETER session_replication_role TO "teal";'],
  },
  {
    name: 'no origins',
    green: rights({ useOrigins: false }),
    finds: ['ASSESS-RIGHT-ORIGIN'],
    says: ['pg_replication_origin_session_setup(text) TO "teal";'],
  },
  {
    name: 'tables not readable',
    blue: rights({ unreadable: [customer] }),
    finds: ['ASSESS-RIGHT-SELECT'],
    says: ['GRANT USAGE ON SCHEMA "public"', 'GRANT SELECT ON "public"."customer" TO "teal";'],
  },
  {
    name: 'tables not readable that are left alone',
    blue: rights({ unreadable: [{ schema: 'other', name: 'x' }] }),
    finds: [],
  },
  {
    name: 'tables not owned',
    blue: rights({ notOwned: [{ ...customer, owner: 'app' }] }),
    finds: ['ASSESS-RIGHT-OWNER'],
    says: ['GRANT "app" TO "teal";'],
  },
  {
    name: "green's database is somebody else's",
    green: rights({ ownsDatabase: false }),
    finds: ['ASSESS-RIGHT-DATABASE'],
    says: ['ALTER DATABASE "shop" OWNER TO "teal";'],
  },
  {
    name: 'an owner of blue is on green, and Teal is none of its members',
    blue: rights({ owners: ['app'] }),
    green: { facts: { roles: known([role]) } },
    finds: ['ASSESS-RIGHT-ROLES'],
    says: ['GRANT "app" TO "teal";'],
  },
  {
    name: 'an owner of blue is missing on green, and Teal may create none',
    blue: { facts: { roles: known([role]) } },
    green: rights({ createRole: false }),
    finds: ['ASSESS-RIGHT-ROLES', 'ASSESS-ROLES'],
    says: ['ALTER ROLE "teal" CREATEROLE;'],
  },
  {
    name: 'rows that will be hidden on green',
    blue: { catalog: { tables: [healthyTable({ rowSecurity: 'forced' })] } },
    green: rights({ bypassRowSecurity: false }),
    finds: ['ASSESS-ROWS-HIDDEN'],
    says: ['ALTER ROLE "teal" BYPASSRLS;'],
  },
  {
    name: 'rows hidden',
    blue: rights({ filtered: [customer] }),
    finds: ['ASSESS-ROWS-HIDDEN'],
    says: ['ALTER ROLE "teal" BYPASSRLS;'],
  },
  { name: 'no event triggers', blue: rights({ createEventTriggers: false }), finds: ['ASSESS-RIGHT-EVENT-TRIGGER'] },
  { name: 'no statistics', blue: rights({ readAllStatistics: false }), finds: ['ASSESS-RIGHT-STATISTICS'] },
  { name: 'no passwords of blue', blue: rights({ readPasswords: false }), finds: ['ASSESS-RIGHT-PASSWORDS'] },
  { name: 'no passwords of green, which nobody needs', green: rights({ readPasswords: false }), finds: [] },
  {
    name: 'no passwords of green, which the proxy needs',
    green: rights({ readPasswords: false }),
    options: { proxyReadsPasswords: true },
    finds: ['ASSESS-PROXY-PASSWORDS'],
    says: ['traffic.authFile'],
  },
  { name: 'no identity', blue: rights({ identifyCluster: false }), finds: ['ASSESS-RIGHT-IDENTITY'] },
  { name: 'unknown rights', green: { facts: { rights: unknown('nobody knows') } }, finds: ['ASSESS-UNKNOWN'] },

  // Triggers instead of the log of blue
  {
    name: 'a blue whose log may not be read',
    blue: {
      facts: {
        settings: known({
          ...healthySettings,
          wal_level: { value: 'minimal' },
          max_slot_wal_keep_size: { value: '1' },
        }),
        rights: known({ ...healthyRights, replication: false }),
        capacity: known({
          ...healthyCapacity,
          slots: { total: 1, used: 1 },
          walSenders: { total: 0, used: 0 },
        }),
        writes: known({
          sinceSeconds: 100,
          tables: [{ ...customer, inserted: 10_000n, updated: 20_000n, deleted: 10_000n }],
        }),
      },
    },
    options: { method: 'triggers' },
    finds: ['ASSESS-RECORDER'],
    says: ['at the average of 400 rows a second about 2 % of one core'],
  },
  {
    name: 'a green whose log may not be read',
    green: settings({ wal_level: { value: 'replica' } }),
    options: { method: 'triggers' },
    finds: ['ASSESS-WAL-LEVEL', 'ASSESS-RECORDER'],
  },
  {
    name: 'no place for the marks of what comes back',
    blue: capacity({ slots: { total: 0, used: 0 } }),
    options: { method: 'triggers' },
    finds: ['ASSESS-SLOTS', 'ASSESS-RECORDER'],
  },
  {
    name: 'triggers and texts of no known encoding',
    blue: { facts: { encoding: known({ ...healthyEncoding, encoding: 'SQL_ASCII' }) } },
    green: { facts: { encoding: known({ ...healthyEncoding, encoding: 'SQL_ASCII' }) } },
    options: { method: 'triggers' },
    finds: ['ASSESS-RECORDER-ENCODING', 'ASSESS-RECORDER'],
  },
  {
    name: 'triggers and what would have to end first',
    blue: {
      facts: {
        preparedTransactions: known([{ gid: 'g', owner: 'app', ageSeconds: 5 }]),
        longTransactions: known([
          { pid: 7, user: 'app', applicationName: '', state: 'active', ageSeconds: 100, hasWritten: true },
        ]),
      },
    },
    options: { method: 'triggers' },
    finds: ['ASSESS-PREPARED', 'ASSESS-RECORDER', 'ASSESS-LONG-TRANSACTION'],
    says: ['Its tables cannot be given triggers before it ends'],
  },

  // Polling
  {
    name: 'a table that can be polled',
    blue: settings({ wal_level: { value: 'replica' } }),
    options: { method: 'polling', polled: [polled({})] },
    finds: ['ASSESS-POLLING'],
    says: ['no deletes'],
  },
  {
    name: 'texts of no known encoding, polled',
    blue: { facts: { encoding: known({ ...healthyEncoding, encoding: 'SQL_ASCII' }) } },
    green: { facts: { encoding: known({ ...healthyEncoding, encoding: 'SQL_ASCII' }) } },
    options: { method: 'polling' },
    finds: ['ASSESS-RECORDER-ENCODING', 'ASSESS-POLLING'],
  },
  {
    name: 'open transactions of others that nobody may see, polled',
    blue: rights({ readAllStatistics: false }),
    options: { method: 'polling' },
    finds: ['ASSESS-POLLING-RIGHT', 'ASSESS-POLLING', 'ASSESS-RIGHT-STATISTICS'],
    says: ['GRANT pg_read_all_stats TO "teal"'],
  },
  {
    name: 'a column for a table that is not there',
    options: { method: 'polling', pollColumns: { 'public.costumer': 'at' } },
    finds: ['ASSESS-POLLING-NAME', 'ASSESS-POLLING'],
    says: ['public.costumer'],
  },
  {
    name: 'a polled table without a key',
    blue: tables({ uniqueKeys: [] }),
    options: { method: 'polling' },
    finds: ['ASSESS-POLLING-KEY', 'ASSESS-POLLING'],
  },
  {
    name: 'a polled table with another unique value',
    blue: tables({
      uniqueKeys: [
        ...healthyTable().uniqueKeys,
        { index: 'mail', columns: ['name'], partialOrExpression: false, deferrable: false, primary: false },
      ],
    }),
    options: { method: 'polling' },
    finds: ['ASSESS-POLLING', 'ASSESS-POLLING-UNIQUE'],
  },
  {
    name: 'a table without the column',
    options: { method: 'polling', polled: [{ ...customer, column: 'at' }] },
    finds: ['ASSESS-POLLING-COLUMN', 'ASSESS-POLLING'],
    says: ['ADD COLUMN "at" timestamptz NOT NULL DEFAULT now()', 'BEFORE UPDATE ON "public"."customer"'],
  },
  {
    name: 'a column that is no time',
    options: { method: 'polling', polled: [polled({ type: 'integer', isTime: false })] },
    finds: ['ASSESS-POLLING-COLUMN', 'ASSESS-POLLING'],
    says: ['is of type integer, not a timestamp'],
  },
  {
    name: 'a column that nothing keeps and no index has',
    options: { method: 'polling', polled: [polled({ isIndexed: false, isFilled: false, isTouched: false })] },
    finds: ['ASSESS-POLLING', 'ASSESS-POLLING-INDEX', 'ASSESS-POLLING-STAMP'],
  },
  {
    name: 'times that go back, and times to come',
    options: { method: 'polling', polled: [polled({ behind: 3, ahead: 2 })] },
    finds: ['ASSESS-POLLING', 'ASSESS-POLLING-ORDER', 'ASSESS-POLLING-FUTURE'],
  },
  {
    name: 'no times, and one time for many',
    options: { method: 'polling', polled: [polled({ notNull: false, nullShare: 0.5, commonShare: 0.5 })] },
    finds: ['ASSESS-POLLING', 'ASSESS-POLLING-NULL', 'ASSESS-POLLING-EQUAL'],
  },

  // Capacity
  {
    name: 'slots used up',
    blue: capacity({ slots: { total: 5, used: 4 } }),
    finds: ['ASSESS-SLOTS'],
    says: ['max_replication_slots = 6'],
  },
  { name: 'just enough slots', blue: capacity({ slots: { total: 6, used: 4 } }), finds: [] },
  {
    name: 'senders used up',
    green: capacity({ walSenders: { total: 3, used: 2 } }),
    finds: ['ASSESS-SENDERS'],
    says: ['max_wal_senders = 4'],
  },
  {
    name: 'connections used up',
    blue: capacity({ connections: { total: 100, used: 90 } }),
    finds: ['ASSESS-CONNECTIONS'],
  },
  {
    name: 'a small lock table',
    blue: capacity({ locks: { perTransaction: 10, holders: 20, total: 200, used: 10 } }),
    finds: ['ASSESS-LOCKS'],
    says: ['max_locks_per_transaction = 14'],
  },

  // Green
  {
    name: 'tables on green',
    green: tables({ pages: 0 }),
    finds: ['ASSESS-GREEN-NOT-EMPTY'],
    says: ['public.customer', 'DROP SCHEMA "public" CASCADE;'],
  },
  {
    name: 'rows on green',
    green: tables({ pages: 3 }),
    finds: ['ASSESS-GREEN-NOT-EMPTY'],
    says: ['Rows are in 1 table (public.customer)'],
  },
  {
    name: 'functions on green',
    green: { facts: { otherObjects: known({ schemas: ['app'], functions: 2, types: 0 }) } },
    finds: ['ASSESS-GREEN-NOT-EMPTY'],
    says: ['2 functions', 'DROP SCHEMA "app" CASCADE;'],
  },
  { name: 'a schema of Teal', green: { facts: { hasTealSchema: known(true) } }, finds: ['ASSESS-TEAL-SCHEMA'] },
  {
    name: 'another encoding',
    green: { facts: { encoding: known({ ...healthyEncoding, encoding: 'LATIN1' }) } },
    finds: ['ASSESS-ENCODING'],
    says: ['UTF8', 'LATIN1'],
  },
  {
    name: 'another version of the collation',
    green: { facts: { encoding: known({ ...healthyEncoding, collationVersion: '2.41' }) } },
    finds: ['ASSESS-COLLATION'],
    says: ['2.36', '2.41'],
  },
  {
    name: 'another collation',
    green: { facts: { encoding: known({ ...healthyEncoding, collate: 'C' }) } },
    finds: ['ASSESS-COLLATION'],
  },
  {
    name: 'an extension that green lacks',
    blue: extensions('postgis', '3.4'),
    finds: ['ASSESS-EXTENSION-MISSING'],
    says: ['postgis 3.4'],
  },
  {
    name: 'an older extension on green',
    blue: extensions('postgis', '3.10.1'),
    green: offers('postgis', '3.9.2'),
    finds: ['ASSESS-EXTENSION-OLDER'],
    says: ['3.10.1', '3.9.2'],
  },
  {
    name: 'a newer extension on green',
    blue: extensions('postgis', '3.9'),
    green: offers('postgis', '3.10'),
    finds: ['ASSESS-EXTENSION-NEWER'],
  },
  {
    name: 'rows in tables of an extension',
    blue: { facts: { extensionData: known([{ schema: 'cron', name: 'job', extension: 'pg_cron', bytes: 8192n }]) } },
    finds: ['ASSESS-EXTENSION-DATA'],
    says: ['cron.job'],
  },
  {
    name: 'tablespaces',
    blue: { facts: { tablespaces: known([{ name: 'fast', tables: 3 }]) } },
    finds: ['ASSESS-TABLESPACE'],
    says: ['fast'],
  },
  {
    name: 'unknown extensions of green',
    green: { facts: { availableExtensions: unknown('no') } },
    finds: ['ASSESS-UNKNOWN'],
  },

  // Tables
  { name: 'a selection of nothing', options: { include: ['sales.*'] }, finds: ['ASSESS-NO-TABLES'] },
  {
    name: 'a table left out',
    blue: tables({}, { name: 'audit_2019' }),
    options: { exclude: ['public.audit_*'] },
    finds: ['ASSESS-LEFT-OUT'],
    says: ['public.audit_2019'],
  },
  {
    name: 'a foreign key to a table that is left out',
    blue: tables(
      {
        name: 'order',
        foreignKeys: [{ name: 'order_customer_fkey', columns: ['c'], references: customer, referencedColumns: ['id'] }],
      },
      {},
    ),
    options: { exclude: ['public.customer'] },
    finds: ['ASSESS-FOREIGN-KEY-OUTSIDE', 'ASSESS-LEFT-OUT'],
    says: ['ALTER TABLE "public"."order" DROP CONSTRAINT "order_customer_fkey";'],
  },
  {
    name: 'a partition left out',
    blue: tables({ kind: 'partitioned' }, { name: 'customer_1', partitionOf: customer }),
    options: { exclude: ['public.customer_1'] },
    finds: ['ASSESS-LEFT-OUT', 'ASSESS-PARTITION-OUTSIDE'],
  },
  {
    name: 'a type that nobody can write',
    blue: tables({ columns: [column('tree', 'pg_node_tree')] }),
    finds: ['ASSESS-TYPE-UNREADABLE'],
    says: ['public.customer.tree'],
  },
  {
    name: 'a type that green does not know',
    blue: tables({ columns: [column('at', 'abstime[]')] }),
    finds: ['ASSESS-TYPE-UNKNOWN'],
    says: ['public.customer.at'],
  },
  {
    name: 'types of the user are created with the schema',
    blue: tables({ columns: [column('mood', 'app.mood[]')] }),
    finds: [],
  },
  {
    name: 'values bound to a server',
    blue: tables({ columns: [column('seen', 'xid')] }),
    finds: ['ASSESS-TYPE-BOUND'],
  },
  { name: 'money with the same locale', blue: tables({ columns: [column('price', 'money')] }), finds: [] },
  {
    name: 'money with another locale',
    blue: tables({ columns: [column('price', 'money')] }),
    green: settings({ lc_monetary: { value: 'ja_JP' } }),
    finds: ['ASSESS-MONEY'],
    says: ['ja_JP'],
  },
  {
    name: 'large objects',
    blue: { facts: { largeObjects: known({ count: 1n, bytes: 8192n }) } },
    finds: ['ASSESS-LARGE-OBJECTS'],
    says: ['1 large object.'],
  },
  {
    name: 'an unlogged table with rows',
    blue: tables({ persistence: 'unlogged' }),
    finds: ['ASSESS-UNLOGGED'],
    says: ['SET LOGGED'],
  },
  { name: 'an empty unlogged table', blue: tables({ persistence: 'unlogged', pages: 0 }), finds: [] },
  {
    name: 'foreign tables',
    blue: { facts: { foreignTables: known([{ schema: 'public', name: 'far' }]) } },
    finds: ['ASSESS-FOREIGN-TABLES'],
  },
  {
    name: 'no key',
    blue: tables({ replicaIdentity: { kind: 'nothing' } }),
    finds: ['ASSESS-NO-KEY'],
    says: ['REPLICA IDENTITY FULL'],
  },
  {
    name: 'identity full',
    blue: tables({ replicaIdentity: { kind: 'full' }, replicaIdentitySetting: 'full' }),
    finds: ['ASSESS-NO-KEY'],
  },
  {
    name: 'identity nothing',
    blue: tables({ replicaIdentity: { kind: 'nothing' }, replicaIdentitySetting: 'nothing' }),
    finds: ['ASSESS-IDENTITY-NOTHING'],
  },
  {
    name: 'no key and a generated column, where 18 publishes it',
    blue: tables({ replicaIdentity: { kind: 'nothing' }, columns: [column('a', 'bigint'), generated], uniqueKeys: [] }),
    finds: ['ASSESS-GENERATED-IDENTITY', 'ASSESS-NO-KEY'],
    says: ['doubled', 'PostgreSQL 18 (green)', 'USING INDEX "customer_row_id_key";'],
  },
  {
    name: 'no key and a generated column below 18',
    blue: tables({ replicaIdentity: { kind: 'nothing' }, columns: [generated] }),
    green: { identity: { major: 17 } },
    finds: ['ASSESS-NO-KEY'],
  },
  {
    name: 'FULL, a generated column, and a primary key without it',
    blue: tables({ replicaIdentity: { kind: 'full' }, columns: [column('id', 'bigint'), generated] }),
    finds: ['ASSESS-GENERATED-IDENTITY', 'ASSESS-NO-KEY'],
    says: ['REPLICA IDENTITY DEFAULT;'],
  },
  {
    name: 'a generated column beside the key',
    blue: tables({ columns: [column('id', 'bigint'), generated] }),
    finds: [],
  },
  {
    name: 'a partitioned table without a key has no rows of its own',
    blue: tables({ kind: 'partitioned', replicaIdentity: { kind: 'nothing' } }),
    finds: [],
  },
  {
    name: 'exclusion constraints',
    blue: tables({ exclusionConstraints: ['no_overlap'] }),
    finds: ['ASSESS-EXCLUSION'],
  },
  {
    name: 'deferrable uniques',
    blue: tables({ uniqueKeys: [{ index: 'u', columns: ['a'], partialOrExpression: false, deferrable: true }] }),
    finds: ['ASSESS-DEFERRABLE'],
  },
  { name: 'inheritance', blue: tables({ name: 'child', inherits: [customer] }), finds: ['ASSESS-INHERITANCE'] },
  { name: 'rules', blue: tables({ hasRules: true }), finds: ['ASSESS-RULES'] },
  {
    name: 'triggers that fire always',
    blue: tables({
      triggers: [
        { name: 'audit', fires: 'always' },
        { name: 'plain', fires: 'origin' },
        { name: 'off', fires: 'disabled' },
      ],
    }),
    finds: ['ASSESS-TRIGGER-ALWAYS'],
    says: ['ENABLE TRIGGER "audit";'],
  },
  {
    name: 'triggers for replicated rows',
    blue: tables({ triggers: [{ name: 'audit', fires: 'replica' }] }),
    finds: ['ASSESS-TRIGGER-ALWAYS'],
  },
  {
    name: 'event triggers',
    blue: { facts: { eventTriggers: known([{ name: 'no_ddl', event: 'ddl_command_start', enabled: true }]) } },
    finds: ['ASSESS-EVENT-TRIGGER'],
  },
  {
    name: 'event triggers that are off, or an extension’s',
    blue: {
      facts: {
        eventTriggers: known([
          { name: 'off', event: 'ddl_command_start', enabled: false },
          { name: 'theirs', event: 'sql_drop', enabled: true, extension: 'postgis' },
        ]),
      },
    },
    finds: [],
  },
  {
    name: 'a sequence near its end',
    blue: sequence({}, 2_000_000_000n),
    finds: ['ASSESS-SEQUENCE-END'],
    says: ['93 %'],
  },
  { name: 'a sequence half used', blue: sequence({}, 1_000_000_000n), finds: [] },
  {
    name: 'a sequence that counts down',
    blue: sequence({ increment: -1n, min: -1000n, max: -1n }, -995n),
    finds: ['ASSESS-SEQUENCE-END'],
  },
  { name: 'a sequence that cycles', blue: sequence({ cycle: true }, 2_147_000_000n), finds: [] },
  {
    name: 'materialized views',
    blue: {
      catalog: { tables: [healthyTable()], materializedViews: [{ schema: 'public', name: 'totals', populated: true }] },
    },
    finds: ['ASSESS-MATERIALIZED-VIEWS'],
  },

  // Clients
  {
    name: 'another time zone',
    green: settings({ TimeZone: { value: 'Europe/Rome' } }),
    finds: ['ASSESS-SETTINGS'],
    says: ['UTC → Europe/Rome', "ALTER SYSTEM SET TimeZone = 'UTC';"],
  },
  { name: 'a setting that could not be read is no difference', green: settings({ TimeZone: {} }), finds: [] },
  {
    name: 'a library not preloaded',
    blue: settings({ shared_preload_libraries: { value: 'pg_cron, auto_explain' } }),
    green: settings({ shared_preload_libraries: { value: 'auto_explain' } }),
    finds: ['ASSESS-PRELOAD'],
    says: ['pg_cron'],
  },
  {
    name: 'defaults of database and roles',
    blue: {
      facts: {
        sessionDefaults: known([
          { database: 'shop', role: 'app', name: 'work_mem', value: '64MB' },
          { role: 'app', name: 'app.secret' },
        ]),
      },
    },
    finds: ['ASSESS-SESSION-DEFAULTS'],
    says: [`ALTER ROLE "app" IN DATABASE "shop" SET "work_mem" = '64MB';`, `SET "app"."secret" = '…';`],
  },
  {
    name: 'roles missing on green',
    blue: { facts: { roles: known([role]) } },
    finds: ['ASSESS-ROLES'],
    says: ['pg_dumpall --roles-only'],
  },
  {
    name: 'roles on both',
    blue: { facts: { roles: known([role]) } },
    green: { facts: { roles: known([role]) } },
    finds: [],
  },

  // Activity
  {
    name: 'prepared transactions',
    blue: { facts: { preparedTransactions: known([{ gid: "it's", owner: 'app', ageSeconds: 5 }]) } },
    finds: ['ASSESS-PREPARED'],
    says: ["ROLLBACK PREPARED 'it''s';"],
  },
  {
    name: 'long transactions',
    blue: {
      facts: {
        longTransactions: known([
          {
            pid: 11,
            user: 'app',
            applicationName: 'report',
            state: 'idle in transaction',
            ageSeconds: 7200,
            hasWritten: true,
          },
          { pid: 12, user: 'app', applicationName: '', state: 'active', ageSeconds: 30, hasWritten: true },
        ]),
      },
    },
    finds: ['ASSESS-LONG-TRANSACTION'],
    says: ['report', 'pid 11', '7200 s', 'pg_terminate_backend(11)'],
  },
  {
    name: 'a subscription on blue',
    blue: { facts: { subscriptions: known([{ name: 'feed', enabled: true }]) } },
    finds: ['ASSESS-SUBSCRIPTION'],
  },
  {
    name: 'a subscription that is off',
    blue: { facts: { subscriptions: known([{ name: 'feed', enabled: false }]) } },
    finds: [],
  },
  { name: 'other readers of the log', blue: { facts: { slots: known([slot]) } }, finds: ['ASSESS-SLOT-OTHERS'] },
  {
    name: 'slots of others that do not matter',
    blue: {
      facts: {
        slots: known([
          { ...slot, database: 'other' },
          { ...slot, name: 'teal_fwd' },
          { ...slot, temporary: true },
        ]),
      },
    },
    finds: [],
  },
  {
    name: 'a publication for all tables',
    blue: {
      facts: {
        publications: known([
          { name: 'all', allTables: true },
          { name: 'some', allTables: false },
        ]),
      },
    },
    finds: ['ASSESS-PUBLICATION-ALL'],
  },
  {
    name: 'jobs',
    blue: { facts: { jobs: known([{ scheduler: 'pg_cron', name: 'nightly', schedule: '0 3 * * *', active: true }]) } },
    finds: ['ASSESS-JOBS'],
  },
  {
    name: 'foreign servers',
    blue: { facts: { foreignServers: known([{ name: 'erp', wrapper: 'postgres_fdw', userMappings: 1 }]) } },
    finds: ['ASSESS-FOREIGN-SERVERS'],
    says: ['erp'],
  },
  {
    name: 'state outside of tables',
    blue: {
      facts: {
        stateOutsideTables: known({
          advisoryLocks: 2,
          temporaryTables: 0,
          functions: [{ sign: 'NOTIFY', names: ['app.tell'] }],
        }),
      },
    },
    finds: ['ASSESS-STATE-OUTSIDE'],
    says: ['2 advisory locks', 'app.tell'],
  },
];

function findingsOf(one: Case): readonly Finding[] {
  return assess(healthySide('blue', one.blue), healthySide('green', one.green), one.options).findings;
}

describe('assess', () => {
  test.each(cases)('$name: $finds', (one) => {
    const findings = findingsOf(one);
    expect(findings.map(({ code }) => code)).toEqual(one.finds);
    const [first] = findings;
    const text = `${first?.object} ${first?.what} ${first?.why} ${first?.mend}`;
    for (const said of one.says ?? []) expect(text).toContain(said);
  });

  test('has a case for every code', () => {
    const found = new Set(cases.flatMap(({ finds }) => finds));
    // What routers say is found by the routers: app/routers.test.ts.
    const own = Object.keys(findingCodes).filter(
      (code) => !(code in mysqlFindingCodes) && !(code in kafkaFindingCodes) && !code.startsWith('ASSESS-ROUTER'),
    );
    expect(own.filter((code) => !found.has(code as FindingCode))).toEqual([]);
  });

  test('every finding says what and why in whole sentences, and every blocker but those without a mend says how', () => {
    const withoutMend = new Set([
      'ASSESS-VERSION',
      'ASSESS-GREEN-OLDER',
      'ASSESS-SAME-DATABASE',
      'ASSESS-TYPE-UNKNOWN',
    ]);
    for (const { code, severity, what, why, mend } of cases.flatMap(findingsOf)) {
      expect(what, code).toMatch(/^\S.*\.$/s);
      expect(why, code).toMatch(/^\S.*\.$/s);
      expect(severity, code).toBe(findingCodes[code].severity);
      if (severity === 'blocker' && !withoutMend.has(code)) expect(mend, code).toMatch(/\S/);
      if (mend !== undefined) expect(mend, code).toMatch(/\S/);
    }
  });

  test('puts blockers before warnings before notes', () => {
    const all = Object.assign({}, ...cases.map(({ blue }) => blue?.facts)) as NonNullable<SideChanges['facts']>;
    const severities = assess(healthySide('blue', { facts: all }), healthySide('green')).findings.map(
      (one) => one.severity,
    );
    expect(new Set(severities)).toEqual(new Set(['blocker', 'warning', 'note']));
    expect(severities).toEqual([...severities].sort((a, b) => 'bwn'.indexOf(a.charAt(0)) - 'bwn'.indexOf(b.charAt(0))));
    expect(blockersOf(assess(healthySide('blue'), healthySide('green')))).toEqual([]);
  });

  test('an unknown fact that could hide a blocker is never taken for a good one', () => {
    const decisive = [
      'settings',
      'capacity',
      'rights',
      'encoding',
      'largeObjects',
      'preparedTransactions',
      'subscriptions',
    ];
    for (const name of decisive) {
      const blue = healthySide('blue', { facts: { [name]: unknown('not permitted') } });
      expect(
        assess(blue, healthySide('green')).findings.map(({ code }) => code),
        name,
      ).toContain('ASSESS-UNKNOWN');
    }
  });

  test('counts locks so that the setting it asks for is enough', () => {
    const needed = locksNeeded('blue', 1000);
    const blue = { tables: Array.from({ length: 1000 }, (_, i) => ({ name: `t${i}` })) };
    const small = { perTransaction: 10, holders: 100, total: 1000, used: 0 };
    const changes = { ...tables(...blue.tables), ...capacity({ locks: small }) };
    const [found] = assess(healthySide('blue', changes), healthySide('green')).findings;
    const wanted = Number(/= (\d+);/.exec(found?.mend ?? '')?.[1]);
    expect(wanted * small.holders).toBeGreaterThanOrEqual(needed);
    const mended = capacity({ locks: { ...small, perTransaction: wanted, total: wanted * small.holders } });
    expect(assess(healthySide('blue', { ...changes, ...mended }), healthySide('green')).findings).toEqual([]);
  });
});

describe('estimate', () => {
  test('adds up what is moved, and says what it assumes', () => {
    const blue = healthySide(
      'blue',
      tables({}, { name: 'other', totalBytes: 850_000_000n, estimatedRows: 5 }, { name: 'no' }),
    );
    const { estimates } = assess(blue, healthySide('green'), {
      exclude: ['public.no'],
      copyBytesPerSecond: 10_000_000,
    });
    expect(estimates).toMatchObject({ tables: 2, rows: 1_000_005, bytes: 1_000_000_000n, copySeconds: 100 });
    expect(estimates.blueWalBytes).toBe(100_000_000n);
    expect(estimates.assumptions.join()).toContain('10 MB/s');
  });

  test('does not guess an unknown rate', () => {
    const blue = healthySide('blue', { facts: { walRate: unknown('counted for too short') } });
    const { estimates } = assess(blue, healthySide('green'));
    expect(estimates).not.toHaveProperty('blueWalBytes');
    expect(estimates.assumptions.join()).toContain('counted for too short');
  });
});

test.each([
  ['character varying(20)[]', 'character varying'],
  ['timestamp(3) with time zone', 'timestamp with time zone'],
  ['numeric(10,2)', 'numeric'],
  ['interval day to second(3)', 'interval'],
  ['"char"', '"char"'],
  ['app.mood[]', 'app.mood'],
])('bareType %s is %s', (type, bare) => expect(bareType(type)).toBe(bare));

test.each([
  ['1.9', '1.10', -1],
  ['3.4.2', '3.4', 1],
  ['2.0', '2.0', 0],
  ['1.0beta', '1.0', 1],
])('compareVersions %s and %s: %i', (a, b, sign) => expect(Math.sign(compareVersions(a, b))).toBe(sign));
