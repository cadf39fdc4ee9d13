import type { TableName } from './catalog.ts';
import type { Fact, RunningTransaction, Setting, SystemFacts } from './facts.ts';

/** Who a server of this family says it is; as `SystemIdentity`, with another kind. */
export interface MysqlIdentity {
  readonly kind: 'mysql' | 'mariadb';
  /** `8`, `10`. */
  readonly major: number;
  readonly minor: number;
  /** As the server writes it: `10.11.14-MariaDB-log`. */
  readonly version: string;
  /** `cluster`: MySQL's server_uuid; MariaDB's host, port and server_id. `database`: the one that the address names, or `*` for all. */
  readonly identity: { readonly cluster: string; readonly database: string };
  readonly address: string;
  readonly timeline: 0;
  /** A replica has an upstream that it is set up to read, whether it does or not; where that may not be asked, it is a server that is read-only. */
  readonly role: 'primary' | 'replica';
  /** As the server took it: `teal@%`. */
  readonly user: string;
}

/** What the account of the address may do, by what Teal must do. */
export interface MysqlRights {
  readonly user: string;
  /** COM_BINLOG_DUMP: REPLICATION SLAVE. */
  readonly readLog: boolean;
  /** Where the log stands: REPLICATION CLIENT, on MariaDB BINLOG MONITOR. */
  readonly readPosition: boolean;
  /** FLUSH TABLES WITH READ LOCK: RELOAD, on MySQL FLUSH_TABLES, too. */
  readonly flushTables: boolean;
  /** SET GLOBAL read_only: SYSTEM_VARIABLES_ADMIN, on MariaDB READ_ONLY ADMIN. */
  readonly setReadOnly: boolean;
  /** Writes while read_only is on: CONNECTION_ADMIN, on MariaDB READ_ONLY ADMIN. */
  readonly writeWhileReadOnly: boolean;
  /** KILL of others' sessions: CONNECTION_ADMIN, on MariaDB CONNECTION ADMIN. */
  readonly endSessions: boolean;
  /** Sessions and transactions of others: PROCESS. */
  readonly seeSessions: boolean;
  /** XA RECOVER: XA_RECOVER_ADMIN; everybody's on MariaDB. */
  readonly seePrepared: boolean;
  /** Who else is there and may do what: SELECT on database mysql. */
  readonly seeAccounts: boolean;
  /** CREATE, INSERT, SELECT … on database teal. */
  readonly ownTealDatabase: boolean;
  /** Triggers on tables there: TRIGGER on database teal. */
  readonly triggersInTeal: boolean;
  /** Triggers also where the server writes a binlog and does not trust who makes programs: SUPER. */
  readonly triggersUntrusted: boolean;
  /** Every database is in the catalog, also one on which it has no privilege: SHOW DATABASES. */
  readonly seesAllDatabases: boolean;
  /** Databases of which tables may be missing in the catalog: it has no SELECT on the whole of them. */
  readonly tablesHidden: readonly string[];
  /** Databases whose triggers the server would not show: TRIGGER. */
  readonly triggersHidden: readonly string[];
  /** EVENT. */
  readonly eventsHidden: readonly string[];
  /** Databases in which it may not create, alter and drop tables. */
  readonly mayNotCreate: readonly string[];
  readonly unreadable: readonly TableName[];
  /** Lacks INSERT, UPDATE or DELETE. */
  readonly unwritable: readonly TableName[];
}

export interface MysqlAccount {
  /** `app@%`. */
  readonly name: string;
  readonly plugin: string;
  readonly locked: boolean;
}

/** Something that runs with the rights of an account of this server. */
export interface DefinedObject extends TableName {
  readonly kind: 'view' | 'trigger' | 'procedure' | 'function' | 'event';
  readonly definer: string;
  /** Events only: the server runs it by itself. */
  readonly enabled?: boolean;
}

/** All that assessment asks of one side of this family beside its catalog. Groups that PostgreSQL has too are named alike. */
export interface MysqlFacts extends Pick<
  SystemFacts,
  'databaseBytes' | 'freeDiskBytes' | 'longTransactions' | 'writes' | 'hasTealSchema'
> {
  /** Global variables, none of the asking session. */
  readonly settings: Fact<Readonly<Record<string, Setting>>>;
  readonly rights: Fact<MysqlRights>;
  readonly connections: Fact<{ readonly total: number; readonly used: number }>;
  /** Where the log stands, and which databases it leaves out. */
  readonly log: Fact<{
    readonly file: string;
    readonly position: bigint;
    readonly onlyDatabases: readonly string[];
    readonly ignoredDatabases: readonly string[];
  }>;
  /** GTIDs in the log; empty without GTIDs. */
  readonly gtids: Fact<string>;
  readonly logBytesOnDisk: Fact<bigint>;
  readonly logRate: SystemFacts['walRate'];
  /** Servers that this one reads from: their channels' names and whether they run. */
  readonly upstreams: Fact<readonly { readonly channel: string; readonly running: boolean }[]>;
  /** Sessions of others that read the log. */
  readonly logReaders: Fact<number>;
  /** Accounts and roles, Teal's own and the system's left out, whose writes pass `read_only`. */
  readonly passesReadOnly: Fact<readonly string[]>;
  readonly accounts: Fact<readonly MysqlAccount[]>;
  readonly definedObjects: Fact<readonly DefinedObject[]>;
  /** XA transactions that are prepared: their ids as XA COMMIT takes them. */
  readonly preparedTransactions: Fact<readonly { readonly gid: string }[]>;
  /** Statements that have run for ten seconds or longer: a lock of all tables waits for them. */
  readonly longStatements: Fact<readonly Omit<RunningTransaction, 'hasWritten'>[]>;
}
