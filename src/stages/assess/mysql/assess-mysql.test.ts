import { describe, expect, test } from 'vitest';
import type { MysqlForeignKey, MysqlTable } from '../../../model/mysql-catalog.ts';
import type { PolledColumn } from '../../../model/polled-column.ts';
import type { MysqlRights } from '../../../model/mysql-facts.ts';
import type { Setting } from '../../../model/facts.ts';
import { findingCodes, type FindingCode } from '../finding-codes.ts';
import type { Finding } from '../finding.ts';
import { mysqlFindingCodes } from '../mysql-finding-codes.ts';
import { renderAssessment } from '../render.ts';
import { known, unknown } from '../test-support/fixtures.ts';
import {
  healthyMysql,
  healthyMysqlRights,
  healthyMysqlSettings,
  mysqlColumn,
  mysqlTable,
  type MysqlSideChanges,
} from '../test-support/mysql-fixtures.ts';
import { assessMysql } from './assess-mysql.ts';
import type { MysqlAssessOptions } from './situation.ts';

interface Case {
  readonly name: string;
  readonly blue?: MysqlSideChanges;
  /** `false`: green is PostgreSQL. */
  readonly green?: MysqlSideChanges | false;
  readonly options?: Partial<MysqlAssessOptions>;
  /** Exactly these, in the order of the findings. */
  readonly finds: readonly FindingCode[];
  /** Must stand in the first finding's texts. */
  readonly says?: readonly string[];
}

const settings = (changes: Readonly<Record<string, Setting>>): MysqlSideChanges => ({
  facts: { settings: known({ ...healthyMysqlSettings, ...changes }) },
});
const rights = (changes: Partial<MysqlRights>): MysqlSideChanges => ({
  facts: { rights: known({ ...healthyMysqlRights, ...changes }) },
});
const tables = (...list: readonly Partial<MysqlTable>[]): MysqlSideChanges => ({
  catalog: { tables: list.map(mysqlTable) },
});
const mariadb = { kind: 'mariadb', major: 10, minor: 11, version: '10.11.14-MariaDB' } as const;
const foreignKey = (changes: Partial<MysqlForeignKey>): MysqlForeignKey => ({
  name: 'fk',
  columns: ['parent_id'],
  references: { schema: 'shop', name: 'customer' },
  referencedColumns: ['id'],
  onDelete: 'restrict',
  onUpdate: 'restrict',
  ...changes,
});
const child = (changes: Partial<MysqlForeignKey>): MysqlSideChanges =>
  tables({}, { name: 'child', foreignKeys: [foreignKey(changes)] });
const index = (changes: object): MysqlTable['indexes'][number] => ({
  name: 'other',
  unique: false,
  kind: 'btree',
  parts: [{ column: 'name', descending: false }],
  invisible: false,
  comment: '',
  ...changes,
});
const stamped = (changes: Partial<NonNullable<PolledColumn['seen']>>): PolledColumn => ({
  schema: 'shop',
  name: 'customer',
  column: 'at',
  seen: {
    type: 'timestamp(6)',
    isTime: true,
    notNull: true,
    isIndexed: true,
    isFilled: true,
    isTouched: true,
    looked: 100,
    behind: 0,
    ahead: 0,
    ...changes,
  },
});
/** Nothing is strange to it. */
const all = { knowsType: () => true, readsCharacterSet: () => true };
const customer = { schema: 'shop', name: 'customer' };
const running = { pid: 7, user: 'app', applicationName: '', state: '', ageSeconds: 90 };
const defined = (kind: 'view' | 'function' | 'event', more: object = {}): MysqlSideChanges => ({
  facts: { definedObjects: known([{ kind, schema: 'shop', name: 'it', definer: 'owner@%', ...more }]) },
});
const accounts = (...names: readonly string[]): MysqlSideChanges => ({
  facts: { accounts: known(names.map((name) => ({ name, plugin: 'caching_sha2_password', locked: false }))) },
});

const cases: readonly Case[] = [
  { name: 'two healthy sides', finds: [] },
  { name: 'a healthy blue for PostgreSQL', green: false, finds: [] },

  // Followed by triggers
  {
    name: 'triggers that nobody has accepted, on a blue without a log',
    blue: settings({ log_bin: { value: 'OFF' }, binlog_row_image: { value: 'MINIMAL' } }),
    options: { method: 'triggers' },
    finds: ['ASSESS-MYSQL-RECORDER-UNACCEPTED', 'ASSESS-MYSQL-RECORDER'],
    says: ['acceptFrozenSchema: true'],
  },
  {
    name: 'triggers that were accepted, with an account that may not read the log',
    blue: rights({ readLog: false, readPosition: false }),
    options: { method: 'triggers', acceptFrozenSchema: true },
    finds: ['ASSESS-MYSQL-RECORDER'],
    says: ['EVERY WRITE', 'RENAME COLUMN', 'TRUNCATE', 'OPTIMIZE TABLE'],
  },
  {
    name: 'triggers, and a green without a log',
    green: settings({ log_bin: { value: 'OFF' } }),
    options: { method: 'triggers', acceptFrozenSchema: true },
    finds: ['ASSESS-MYSQL-LOG-OFF', 'ASSESS-MYSQL-RECORDER'],
  },
  {
    name: 'triggers, with an account that does not see InnoDB',
    blue: rights({ seeSessions: false }),
    options: { method: 'triggers', acceptFrozenSchema: true },
    finds: ['ASSESS-MYSQL-RECORDER-SESSIONS', 'ASSESS-MYSQL-RIGHT-SESSIONS', 'ASSESS-MYSQL-RECORDER'],
    says: ['GRANT PROCESS'],
  },
  {
    name: 'triggers, and a cascade that the log would hold',
    blue: { identity: { major: 9, minor: 7, version: '9.7.0' }, ...child({ onDelete: 'cascade' }) },
    options: { method: 'triggers', acceptFrozenSchema: true },
    finds: ['ASSESS-MYSQL-RECORDER', 'ASSESS-MYSQL-CASCADE'],
  },

  {
    name: 'triggers, with an account that may make none of them',
    blue: rights({ triggersInTeal: false, triggersUntrusted: false }),
    options: { method: 'triggers', acceptFrozenSchema: true },
    finds: ['ASSESS-MYSQL-RECORDER-RIGHT', 'ASSESS-MYSQL-RECORDER'],
    says: ['GRANT ALL ON `teal`', 'log_bin_trust_function_creators = ON'],
  },
  {
    name: 'polling, on a blue without a log, with an account that has no SUPER',
    blue: {
      facts: {
        rights: known({ ...healthyMysqlRights, triggersUntrusted: false }),
        settings: known({ ...healthyMysqlSettings, log_bin: { value: 'OFF' } }),
      },
    },
    options: { method: 'polling', polled: [stamped({})] },
    finds: ['ASSESS-POLLING'],
  },

  // Polling
  {
    name: 'polling, by a column that the server keeps',
    blue: rights({ readLog: false, readPosition: false }),
    options: { method: 'polling', polled: [stamped({})], pollZoneIsKnown: true },
    finds: ['ASSESS-POLLING'],
    says: ['no deletes', 'maxPause'],
  },
  {
    name: 'polling, by a column of which nothing is well',
    options: {
      method: 'polling',
      polled: [
        stamped({
          type: 'datetime',
          notNull: false,
          isIndexed: false,
          isTouched: false,
          looked: 10,
          behind: 2,
          ahead: 1,
        }),
      ],
      pollColumns: { 'shop.customr': 'at' },
    },
    finds: [
      'ASSESS-POLLING-NAME',
      'ASSESS-POLLING',
      'ASSESS-POLLING-INDEX',
      'ASSESS-POLLING-STAMP',
      'ASSESS-POLLING-ORDER',
      'ASSESS-POLLING-FUTURE',
      'ASSESS-POLLING-NULL',
      'ASSESS-MYSQL-POLLING-ZONE',
    ],
    says: ['shop.customr'],
  },
  {
    name: 'polling, without the column, and by one that is no time',
    options: { method: 'polling', polled: [{ ...customer, column: 'at' }, stamped({ type: 'date', isTime: false })] },
    finds: ['ASSESS-POLLING-COLUMN', 'ASSESS-POLLING-COLUMN', 'ASSESS-POLLING'],
    says: ['ON UPDATE CURRENT_TIMESTAMP(6)'],
  },
  {
    name: 'polling, and what foreign keys do',
    blue: child({ onDelete: 'cascade' }),
    options: { method: 'polling', polled: [] },
    finds: ['ASSESS-POLLING', 'ASSESS-MYSQL-POLLING-CASCADE'],
    says: ['nothing that foreign keys do'],
  },
  {
    name: 'polling, with an account that does not see transactions of others',
    blue: rights({ seeSessions: false }),
    options: { method: 'polling', polled: [stamped({})] },
    finds: ['ASSESS-POLLING-RIGHT', 'ASSESS-MYSQL-RIGHT-SESSIONS', 'ASSESS-POLLING'],
    says: ['GRANT PROCESS'],
  },

  // Servers
  {
    name: 'a MySQL that is too old',
    blue: { identity: { major: 5, minor: 7, version: '5.7.44' } },
    finds: ['ASSESS-MYSQL-VERSION'],
    says: ['5.7.44'],
  },
  { name: 'a MariaDB that is too old', blue: { identity: { ...mariadb, minor: 4 } }, finds: ['ASSESS-MYSQL-VERSION'] },
  { name: 'a MariaDB that is new enough', blue: { identity: { ...mariadb, minor: 5 } }, finds: [] },
  {
    name: 'one server twice',
    green: { identity: { identity: { cluster: 'uuid-of-blue', database: 'other' } } },
    finds: ['ASSESS-MYSQL-SAME-SERVER'],
  },
  {
    name: 'a replica',
    blue: { identity: { role: 'replica' } },
    finds: ['ASSESS-MYSQL-REPLICA'],
    says: ['RESET REPLICA ALL;'],
  },
  {
    name: 'no log on blue',
    blue: settings({ log_bin: { value: 'OFF' } }),
    finds: ['ASSESS-MYSQL-LOG-OFF'],
    says: ['log_bin = binlog'],
  },
  {
    name: 'no log on green, which the way back needs',
    green: settings({ log_bin: { value: 'OFF' } }),
    finds: ['ASSESS-MYSQL-LOG-OFF'],
    says: ['no way back'],
  },
  { name: 'no server id', blue: settings({ server_id: { value: '0' } }), finds: ['ASSESS-MYSQL-SERVER-ID'] },
  {
    name: 'a log of statements',
    blue: settings({ binlog_format: { value: 'MIXED' } }),
    finds: ['ASSESS-MYSQL-LOG-FORMAT'],
    says: ['MIXED', "SET PERSIST binlog_format = 'ROW';"],
  },
  {
    name: 'a log of parts of rows, on MariaDB',
    blue: { identity: mariadb, ...settings({ binlog_row_image: { value: 'MINIMAL' } }) },
    finds: ['ASSESS-MYSQL-LOG-FORMAT'],
    says: ["SET GLOBAL binlog_row_image = 'FULL';"],
  },
  {
    name: 'a log without names of columns',
    blue: settings({ binlog_row_metadata: { value: 'MINIMAL' } }),
    finds: ['ASSESS-MYSQL-LOG-FORMAT'],
  },
  {
    name: 'a log of parts of JSON values',
    green: settings({ binlog_row_value_options: { value: 'PARTIAL_JSON' } }),
    finds: ['ASSESS-MYSQL-LOG-FORMAT'],
    says: ['must be empty', "SET PERSIST binlog_row_value_options = '';"],
  },
  {
    name: 'commits out of order',
    blue: settings({ binlog_order_commits: { value: 'OFF' } }),
    finds: ['ASSESS-MYSQL-COMMIT-ORDER'],
  },
  {
    name: 'no GTIDs',
    blue: settings({ gtid_mode: { value: 'OFF' } }),
    finds: ['ASSESS-MYSQL-GTID'],
    says: ['ON_PERMISSIVE'],
  },
  {
    name: 'a log that is kept for hours',
    blue: settings({ binlog_expire_logs_seconds: { value: '7200' } }),
    finds: ['ASSESS-MYSQL-RETENTION'],
    says: ['2 h'],
  },
  { name: 'a log that is kept for ever', blue: settings({ binlog_expire_logs_seconds: { value: '0' } }), finds: [] },
  {
    name: 'a log that is kept for hours by nobody',
    blue: settings({ binlog_expire_logs_seconds: { value: '60' }, binlog_expire_logs_auto_purge: { value: 'OFF' } }),
    finds: [],
  },
  {
    name: 'a log of limited size',
    blue: settings({ max_binlog_total_size: { value: '1000000' } }),
    finds: ['ASSESS-MYSQL-RETENTION'],
  },
  {
    name: 'a log that leaves databases out',
    blue: { facts: { log: known({ file: 'b', position: 4n, onlyDatabases: ['a'], ignoredDatabases: ['b'] }) } },
    finds: ['ASSESS-MYSQL-LOG-FILTER'],
    says: ['only a and nothing of b'],
  },
  {
    name: 'a green that is read-only',
    green: settings({ read_only: { value: 'ON' } }),
    finds: ['ASSESS-MYSQL-READ-ONLY'],
  },
  {
    name: 'a side that nobody may write on',
    blue: settings({ read_only: { value: 'ON' }, super_read_only: { value: 'ON' } }),
    finds: ['ASSESS-MYSQL-SUPER-READ-ONLY'],
  },
  {
    name: 'few free connections',
    blue: { facts: { connections: known({ total: 100, used: 90 }) } },
    finds: ['ASSESS-MYSQL-CONNECTIONS'],
    says: ['SET GLOBAL max_connections = 120;'],
  },
  {
    name: 'a lax blue',
    blue: settings({ sql_mode: { value: '' } }),
    green: settings({ sql_mode: { value: '' } }),
    finds: ['ASSESS-MYSQL-SQL-MODE'],
    says: ['empty'],
  },
  {
    name: 'settings that differ',
    green: settings({ time_zone: { value: '+00:00' } }),
    finds: ['ASSESS-MYSQL-SETTINGS'],
    says: ['time_zone SYSTEM → +00:00', "SET PERSIST time_zone = 'SYSTEM';"],
  },
  {
    name: 'two tables that green takes for one',
    blue: tables({}, { name: 'Customer' }),
    green: settings({ lower_case_table_names: { value: '1' } }),
    finds: ['ASSESS-MYSQL-NAME-CASE', 'ASSESS-MYSQL-SETTINGS'],
    says: ['shop.customer, shop.Customer', 'RENAME TABLE `shop`.`Customer` TO `shop`.`Customer_2`;'],
  },
  {
    name: 'a name that is too long for PostgreSQL',
    blue: tables({ name: 'ä'.repeat(32) }),
    green: false,
    finds: ['ASSESS-MYSQL-NAME-LENGTH'],
  },
  { name: 'a long name for MySQL', blue: tables({ name: 'ä'.repeat(32) }), finds: [] },
  {
    name: 'unknown settings, said once',
    blue: { facts: { settings: unknown('not permitted') } },
    finds: ['ASSESS-UNKNOWN'],
    says: ['settings of blue'],
  },

  // Rights
  {
    name: 'no right to read the log',
    blue: rights({ readLog: false }),
    finds: ['ASSESS-MYSQL-RIGHT-LOG'],
    says: ["GRANT REPLICATION SLAVE ON *.* TO 'teal'@'%';"],
  },
  {
    name: 'no right to ask for the position, on MariaDB',
    blue: { identity: mariadb, ...rights({ readPosition: false }) },
    finds: ['ASSESS-MYSQL-RIGHT-LOG'],
    says: ['GRANT BINLOG MONITOR, SLAVE MONITOR ON *.*'],
  },
  { name: 'no right to lock', blue: rights({ flushTables: false }), finds: ['ASSESS-MYSQL-RIGHT-LOCK-AT-CUT'] },
  { name: 'no right to lock green', green: rights({ flushTables: false }), finds: ['ASSESS-MYSQL-RIGHT-LOCK'] },
  { name: 'no right to fence', green: rights({ setReadOnly: false }), finds: ['ASSESS-MYSQL-RIGHT-READ-ONLY'] },
  {
    name: 'no right to write behind the fence',
    blue: rights({ writeWhileReadOnly: false }),
    finds: ['ASSESS-MYSQL-RIGHT-READ-ONLY'],
    says: ['CONNECTION_ADMIN'],
  },
  {
    name: 'no sight of XA transactions',
    blue: rights({ seePrepared: false }),
    finds: ['ASSESS-MYSQL-RIGHT-SESSIONS'],
    says: ['XA_RECOVER_ADMIN'],
  },
  { name: 'no sight of sessions', blue: rights({ endSessions: false }), finds: ['ASSESS-MYSQL-RIGHT-SESSIONS'] },
  {
    name: 'no database of Teal',
    blue: rights({ ownTealDatabase: false }),
    finds: ['ASSESS-MYSQL-RIGHT-TEAL'],
    says: ["GRANT ALL ON `teal`.* TO 'teal'@'%';"],
  },
  {
    name: 'hidden triggers, of the databases that are moved',
    blue: { ...tables({ schema: 'my_shop' }), ...rights({ triggersHidden: ['my_shop', 'other'] }) },
    finds: ['ASSESS-MYSQL-RIGHT-TRIGGER'],
    says: ["GRANT TRIGGER ON `my\\_shop`.* TO 'teal'@'%';"],
  },
  {
    name: 'tables that may be hidden, of the databases that are moved',
    blue: rights({ tablesHidden: ['shop', 'other'] }),
    finds: ['ASSESS-MYSQL-RIGHT-HIDDEN'],
    says: ["GRANT SELECT ON `shop`.* TO 'teal'@'%';"],
  },
  {
    name: 'databases that may be hidden',
    blue: rights({ seesAllDatabases: false }),
    finds: ['ASSESS-MYSQL-RIGHT-DATABASES'],
    says: ['GRANT SHOW DATABASES ON *.*'],
  },
  {
    name: 'other databases that may be hidden, of an address that names one',
    blue: {
      identity: { identity: { cluster: 'uuid-of-blue', database: 'shop' } },
      ...rights({ seesAllDatabases: false }),
    },
    finds: [],
  },
  { name: 'hidden events', blue: rights({ eventsHidden: ['shop'] }), finds: ['ASSESS-MYSQL-RIGHT-EVENT'] },
  { name: 'no DDL on blue', blue: rights({ mayNotCreate: ['shop'] }), finds: [] },
  { name: 'no DDL on green', green: rights({ mayNotCreate: ['shop'] }), finds: ['ASSESS-MYSQL-RIGHT-CREATE'] },
  {
    name: 'tables that cannot be read',
    blue: rights({ unreadable: [customer] }),
    finds: ['ASSESS-MYSQL-RIGHT-SELECT'],
    says: ["GRANT SELECT ON `shop`.`customer` TO 'teal'@'%';"],
  },
  {
    name: 'tables that cannot be written on the way back',
    blue: rights({ unwritable: [customer] }),
    finds: ['ASSESS-MYSQL-RIGHT-WRITE'],
    says: ['could not come back'],
  },
  {
    name: 'other accounts that cannot be seen',
    blue: {
      facts: {
        rights: known({ ...healthyMysqlRights, seeAccounts: false }),
        passesReadOnly: unknown('the account may not read the others'),
      },
    },
    finds: ['ASSESS-MYSQL-RIGHT-ACCOUNTS'],
    says: ["GRANT SELECT ON `mysql`.* TO 'teal'@'%';"],
  },
  {
    name: 'accounts that pass the fence',
    blue: { facts: { passesReadOnly: known(["o'neil@%"]) } },
    finds: ['ASSESS-MYSQL-PASSES-READ-ONLY'],
    says: ["REVOKE CONNECTION_ADMIN, SUPER ON *.* FROM 'o''neil'@'%';"],
  },

  // Tables
  { name: 'nothing selected', options: { include: ['other.*'] }, finds: ['ASSESS-NO-TABLES'] },
  {
    name: 'a table left out that a foreign key needs',
    blue: child({}),
    options: { exclude: ['shop.customer'] },
    finds: ['ASSESS-FOREIGN-KEY-OUTSIDE', 'ASSESS-LEFT-OUT'],
    says: ['ALTER TABLE `shop`.`child` DROP FOREIGN KEY `fk`;', 'could be inserted there'],
  },
  {
    name: 'a table left out to which a foreign key leads that is not made on PostgreSQL',
    blue: child({}),
    green: false,
    options: { exclude: ['shop.customer'] },
    finds: ['ASSESS-LEFT-OUT'],
  },
  {
    name: 'a table left out by which a foreign key changes rows that are carried',
    blue: child({ onUpdate: 'cascade' }),
    green: false,
    options: { exclude: ['shop.customer'] },
    finds: ['ASSESS-FOREIGN-KEY-OUTSIDE', 'ASSESS-LEFT-OUT'],
    says: ['green would keep rows that blue has no more'],
  },
  {
    name: 'a green with the tables already',
    green: tables({}),
    finds: ['ASSESS-MYSQL-GREEN-NOT-EMPTY'],
    says: ['DROP TABLE `shop`.`customer`;'],
  },
  { name: 'a green with other tables', green: tables({ schema: 'other' }), finds: [] },
  {
    name: 'a table without transactions',
    blue: tables({ engine: 'MyISAM' }),
    finds: ['ASSESS-MYSQL-ENGINE'],
    says: ['MyISAM', 'ALTER TABLE `shop`.`customer` ENGINE = InnoDB;'],
  },
  {
    name: 'an unknown type',
    blue: tables({ columns: [mysqlColumn('id', 'int'), mysqlColumn('x', 'xmltype')] }),
    options: { knowsType: (type) => type !== 'xmltype' },
    finds: ['ASSESS-MYSQL-TYPE'],
    says: ['x xmltype'],
  },
  {
    name: 'columns that nothing could carry, and that are dropped',
    blue: tables({
      columns: [
        mysqlColumn('id', 'int'),
        mysqlColumn('x', 'xmltype'),
        mysqlColumn('a', 'varchar(9)', { characterSet: 'sjis', collation: 'sjis_bin' }),
        mysqlColumn('packed', 'text /*M!100301 COMPRESSED*/'),
      ],
    }),
    green: false,
    options: {
      isDropped: (_, name) => name !== 'id',
      knowsType: (type) => type !== 'xmltype',
      readsCharacterSet: (name) => name !== 'sjis',
    },
    finds: [],
  },
  {
    name: 'a primary key over the beginnings of values',
    blue: tables({
      indexes: [{ ...index({}), name: 'PRIMARY', parts: [{ column: 'note', prefix: 10, descending: false }] }],
    }),
    finds: ['ASSESS-MYSQL-KEY-PREFIX'],
    says: ['note(10)'],
  },
  {
    name: 'texts in a character set without a table',
    blue: tables({
      columns: [
        mysqlColumn('id', 'int'),
        mysqlColumn('a', 'varchar(9)', { characterSet: 'sjis', collation: 'sjis_bin' }),
      ],
    }),
    options: { readsCharacterSet: (name) => name !== 'sjis' },
    finds: ['ASSESS-MYSQL-CHARSET'],
    says: [
      'a in sjis',
      'ALTER TABLE `shop`.`customer` MODIFY COLUMN `a` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL;',
    ],
  },
  {
    name: 'a compressed column',
    blue: tables({
      columns: [mysqlColumn('a', 'text /*M!100301 COMPRESSED*/', { characterSet: 'latin1', collation: 'latin1_bin' })],
    }),
    finds: ['ASSESS-MYSQL-COMPRESSED'],
    says: ['ALTER TABLE `shop`.`customer` MODIFY COLUMN `a` text CHARACTER SET latin1 COLLATE latin1_bin NOT NULL;'],
  },
  {
    name: 'system versioning',
    blue: tables({ options: ['WITH SYSTEM VERSIONING'] }),
    finds: ['ASSESS-MYSQL-VERSIONED'],
    says: ['DROP SYSTEM VERSIONING;'],
  },
  {
    name: 'a trigger',
    blue: tables({ triggers: [{ name: 'touch', fires: 'always' }] }),
    finds: ['ASSESS-MYSQL-TRIGGER'],
    says: ['DROP TRIGGER `shop`.`touch`;'],
  },
  { name: 'a foreign key that refuses', blue: child({}), green: false, finds: [] },
  {
    name: 'a cascade between two of the family',
    blue: child({ onDelete: 'cascade' }),
    finds: ['ASSESS-MYSQL-CASCADE'],
    says: ['Teal does', 'and on blue for what comes back'],
  },
  {
    name: 'a cascade to PostgreSQL',
    blue: child({ onUpdate: 'set null' }),
    green: false,
    finds: ['ASSESS-MYSQL-CASCADE'],
    says: ['Teal does'],
  },
  {
    name: 'a cascade into a table that stays behind',
    blue: child({ onDelete: 'cascade' }),
    options: { exclude: ['shop.child'] },
    finds: ['ASSESS-LEFT-OUT'],
  },
  {
    name: 'keys that share a column of which one sets it to NULL',
    blue: tables(
      {},
      {
        name: 'child',
        foreignKeys: [foreignKey({ onDelete: 'set null' }), foreignKey({ name: 'fk2', onDelete: 'cascade' })],
      },
    ),
    green: false,
    finds: ['ASSESS-MYSQL-CASCADE-LOST'],
    says: [
      'ALTER TABLE `shop`.`child` ADD CONSTRAINT `fk2` FOREIGN KEY (`parent_id`) REFERENCES `shop`.`customer` (`id`);',
    ],
  },
  {
    name: 'a key that says SET DEFAULT',
    blue: child({ onDelete: 'set default' }),
    finds: ['ASSESS-MYSQL-CASCADE-LOST'],
  },
  {
    name: 'a cascade that the log holds',
    blue: { identity: { major: 9, minor: 7, version: '9.7.0' }, ...child({ onDelete: 'cascade' }) },
    green: false,
    finds: [],
  },
  {
    name: 'no key',
    blue: tables({ replicaIdentity: { kind: 'full' } }),
    finds: ['ASSESS-MYSQL-NO-KEY'],
    says: ['ADD COLUMN `row_id`'],
  },
  {
    name: 'numbers that run out',
    blue: tables({
      columns: [mysqlColumn('id', 'int(10) unsigned', { autoIncrement: true })],
      nextAutoIncrement: 4_000_000_000n,
    }),
    finds: ['ASSESS-MYSQL-NUMBERS-END'],
    says: ['4000000000 of 4294967295'],
  },
  {
    name: 'numbers that do not',
    blue: tables({ columns: [mysqlColumn('id', 'int', { autoIncrement: true })], nextAutoIncrement: 1_000_000n }),
    finds: [],
  },
  {
    name: 'sequences',
    blue: {
      catalog: {
        tables: [mysqlTable()],
        sequences: [
          { schema: 'shop', name: 's', type: 'bigint', increment: 1n, min: 1n, max: 9n, cache: 1n, cycle: false },
        ],
      },
    },
    green: false,
    finds: ['ASSESS-MYSQL-SEQUENCE'],
  },
  {
    name: 'generated columns',
    blue: tables({ columns: [mysqlColumn('twice', 'int', { generated: 'virtual', generatedAs: 'a * 2' })] }),
    finds: ['ASSESS-MYSQL-GENERATED'],
  },
  {
    name: 'partitions',
    blue: tables({ options: ['PARTITION BY HASH (`id`) (PARTITION `p0`)'] }),
    green: false,
    finds: ['ASSESS-MYSQL-OPTIONS'],
    says: ['plain tables'],
  },
  {
    name: 'a check that is not enforced',
    blue: tables({ checks: [{ name: 'c', expression: '(`id` > 1)', enforced: false }] }),
    finds: ['ASSESS-MYSQL-CHECK-OFF'],
  },
  {
    name: 'a key on a text without case, for PostgreSQL',
    blue: tables({
      columns: [mysqlColumn('id', 'varchar(20)', { collation: 'utf8mb4_general_ci' })],
    }),
    green: false,
    finds: ['ASSESS-MYSQL-COLLATION'],
  },
  {
    name: 'an index on a part of a text, for PostgreSQL',
    blue: tables({ indexes: [index({ parts: [{ column: 'name', prefix: 10, descending: false }] })] }),
    green: false,
    finds: ['ASSESS-MYSQL-INDEX'],
  },
  { name: 'a full-text index, for MySQL', blue: tables({ indexes: [index({ kind: 'fulltext' })] }), finds: [] },

  // Programs and accounts
  {
    name: 'a routine, for PostgreSQL',
    blue: defined('function', { definer: 'owner@%' }),
    green: false,
    finds: ['ASSESS-MYSQL-CODE'],
  },
  {
    name: 'an event that runs, for a green of the family',
    blue: defined('event', { enabled: true, definer: 'owner@%' }),
    green: accounts('owner@%'),
    finds: [],
  },
  {
    name: 'an event that runs, for PostgreSQL',
    blue: defined('event', { enabled: true }),
    green: false,
    finds: ['ASSESS-MYSQL-EVENT', 'ASSESS-MYSQL-CODE'].toReversed() as FindingCode[],
  },
  { name: 'a view for PostgreSQL', blue: defined('view'), green: false, finds: ['ASSESS-MYSQL-VIEW'] },
  {
    name: 'a definer that green does not have',
    blue: defined('view'),
    finds: ['ASSESS-MYSQL-DEFINER'],
    says: ["CREATE USER 'owner'@'%' ACCOUNT LOCK;"],
  },
  {
    name: 'an account that green does not have',
    blue: accounts('app@%', 'teal@%'),
    green: accounts('teal@%'),
    finds: ['ASSESS-MYSQL-ACCOUNT'],
    says: ["SHOW CREATE USER 'app'@'%';"],
  },
  {
    name: 'an account with another plugin on green',
    blue: { facts: { accounts: known([{ name: 'app@%', plugin: 'mysql_native_password', locked: false }]) } },
    green: accounts('app@%'),
    finds: ['ASSESS-MYSQL-ACCOUNT-PLUGIN'],
    says: [
      'app@% mysql_native_password → caching_sha2_password',
      `-- on green, with the password that it has on blue:\nALTER USER 'app'@'%' IDENTIFIED WITH mysql_native_password BY '…';`,
    ],
  },
  {
    name: 'an account whose plugin a MariaDB does not have',
    blue: accounts('app@%'),
    green: {
      identity: mariadb,
      facts: { accounts: known([{ name: 'app@%', plugin: 'mysql_native_password', locked: false }]) },
    },
    finds: ['ASSESS-MYSQL-ACCOUNT-PLUGIN'],
    says: [`-- on blue, with the password that it has on green:`],
  },
  {
    name: 'a locked account with another plugin',
    blue: { facts: { accounts: known([{ name: 'root@%', plugin: 'mysql_native_password', locked: true }]) } },
    green: accounts('root@%'),
    finds: [],
  },

  // Activity
  {
    name: 'an XA transaction',
    blue: { facts: { preparedTransactions: known([{ gid: `X'61',X'',1` }]) } },
    finds: ['ASSESS-MYSQL-PREPARED'],
    says: [`XA ROLLBACK X'61',X'',1;`],
  },
  {
    name: 'a long transaction',
    blue: { facts: { longTransactions: known([{ ...running, hasWritten: true }]) } },
    finds: ['ASSESS-MYSQL-LONG-TRANSACTION'],
    says: ['90 s', 'KILL 7;'],
  },
  {
    name: 'a long statement',
    blue: { facts: { longStatements: known([running, { ...running, ageSeconds: 20 }]) } },
    finds: ['ASSESS-MYSQL-LONG-STATEMENT'],
    says: ['KILL QUERY 7;'],
  },
  { name: 'readers of the log', blue: { facts: { logReaders: known(2) } }, finds: ['ASSESS-MYSQL-LOG-READER'] },
  { name: 'a database of Teal', green: { facts: { hasTealSchema: known(true) } }, finds: ['ASSESS-TEAL-SCHEMA'] },
];

function findingsOf({ blue, green, options }: Case): readonly Finding[] {
  const other = green === false ? undefined : healthyMysql('green', green);
  return assessMysql(healthyMysql('blue', blue), other, { ...all, ...options }).findings;
}

describe('findings', () => {
  test.each(cases)('$name', (one) => {
    const findings = findingsOf(one);
    expect(findings.map(({ code }) => code)).toEqual(one.finds);
    const [first] = findings;
    const text = `${first?.object} ${first?.what} ${first?.why} ${first?.mend}`;
    for (const said of one.says ?? []) expect(text).toContain(said);
  });

  test('has a case for every code of this family', () => {
    // Of the translation and of the rows: data.test.ts, and test/assess.
    const elsewhere = [
      'ASSESS-MYSQL-UNFIT',
      'ASSESS-MYSQL-NO-WAY-BACK',
      'ASSESS-MYSQL-ROUTER',
      'ASSESS-MYSQL-MAPPING',
      'ASSESS-MYSQL-NOT-MOVED',
      'ASSESS-MYSQL-NOT-CARRIED',
      'STOPS',
      'CHANGES',
      'UNREAD',
    ].map((code) => (code.startsWith('ASSESS') ? code : `ASSESS-MYSQL-DATA-${code}`));
    const found = new Set<string>([...elsewhere, ...cases.flatMap(({ finds }) => finds)]);
    expect(Object.keys(mysqlFindingCodes).filter((code) => !found.has(code))).toEqual([]);
  });

  test('every finding says what and why in whole sentences, and every blocker but a version says how', () => {
    for (const { code, severity, what, why, mend } of cases.flatMap(findingsOf)) {
      expect(what, code).toMatch(/^\S.*\.$/s);
      expect(why, code).toMatch(/^\S.*\.$/s);
      expect(severity, code).toBe(findingCodes[code].severity);
      if (severity === 'blocker' && code !== 'ASSESS-MYSQL-VERSION') expect(mend, code).toMatch(/\S/);
    }
  });

  test('an unknown fact that could hide a blocker is never taken for a good one', () => {
    const decisive = ['settings', 'rights', 'log', 'preparedTransactions', 'passesReadOnly', 'definedObjects'] as const;
    for (const name of decisive) {
      const blue = healthyMysql('blue', { facts: { [name]: unknown('not permitted') } });
      const { findings } = assessMysql(blue, healthyMysql('green'), all);
      expect(
        findings.map(({ code }) => code),
        name,
      ).toEqual(['ASSESS-UNKNOWN']);
    }
  });
});

test('the document has inventory, findings and estimates, and shows what is not known', () => {
  const blue = healthyMysql('blue', child({ onDelete: 'cascade' }));
  const assessment = assessMysql(blue, healthyMysql('green'), all);
  const text = renderAssessment(assessment, 'markdown');
  for (const said of ['Ready to begin', 'shop.child', 'cascade', 'uuid:1-5', 'free disk bytes', 'InnoDB']) {
    expect(text).toContain(said);
  }
  expect(assessment.estimates).toMatchObject({ tables: 2, bytes: 300_000_000n });
});

test('the log is called what each side calls it', () => {
  const [blue, green] = [healthyMysql('blue'), healthyMysql('green')];

  const twins = renderAssessment(assessMysql(blue, green, all), 'text');
  expect(twins).toMatch(/binlog that may be purged/);
  expect(twins).toMatch(/binlog that blue must keep/);
  expect(twins).not.toContain('WAL');
  const toPostgres = renderAssessment(assessMysql(blue, undefined, all), 'text');
  expect(toPostgres).toMatch(/WAL that may be recycled/);
  expect(toPostgres).toMatch(/binlog that blue must keep/);
});
