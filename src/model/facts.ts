import type { TableName } from './catalog.ts';

/** A fact is known, or unknown with a reason: an assessment never guesses. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

/** The value where it is known. Only for showing: a decision must say what it does about an unknown fact. */
export function valueOr<T>(fact: Fact<T>, otherwise: NoInfer<T>): T {
  return fact.known ? fact.value : otherwise;
}

/** A setting of the server as its configuration has it, whatever the asking session set for itself. */
export interface Setting {
  /** As `pg_settings` writes it, in `unit`s; absent where the asking session hides it and the role may not read the configuration files. */
  readonly value?: string;
  readonly unit?: string;
}

/** What may be used up. `max_locks_per_transaction × (max_connections + max_prepared_transactions)` is the guaranteed lock budget (manual: Lock Management). */
export interface Capacity {
  readonly slots: { readonly total: number; readonly used: number };
  readonly walSenders: { readonly total: number; readonly used: number };
  readonly connections: { readonly total: number; readonly used: number };
  readonly locks: {
    readonly perTransaction: number;
    readonly holders: number;
    readonly total: number;
    readonly used: number;
  };
}

/** What the role of the address may do. */
export interface Rights {
  readonly user: string;
  readonly superuser: boolean;
  readonly replication: boolean;
  readonly createRole: boolean;
  readonly bypassRowSecurity: boolean;
  /** Schemas and publications can be created in the database. */
  readonly createInDatabase: boolean;
  /** Or acts as its owner by being a member. */
  readonly ownsDatabase: boolean;
  readonly setReplicationRole: boolean;
  readonly createEventTriggers: boolean;
  readonly readPasswords: boolean;
  /** All of `pg_replication_origin_*` that applying needs. */
  readonly useOrigins: boolean;
  readonly readAllStatistics: boolean;
  readonly identifyCluster: boolean;
  /** Roles that own something in the database; the bootstrap superuser is not counted. */
  readonly owners: readonly string[];
  /** Roles that it is, or acts as by being a member. */
  readonly actsAs: readonly string[];
  /** Tables whose rows it may not select. */
  readonly unreadable: readonly TableName[];
  /** Tables whose owner it is not, nor a member of the owner: they cannot be published, fenced or given a replica identity. */
  readonly notOwned: readonly (TableName & { readonly owner: string })[];
  /** Tables of which row-level security shows this role a part only, without any error. */
  readonly filtered: readonly TableName[];
}

export interface Encoding {
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly provider: 'libc' | 'icu' | 'builtin';
  readonly locale?: string;
  /** Version of the library's collation, where provider and platform tell one. */
  readonly collationVersion?: string;
}

export interface Role {
  readonly name: string;
  readonly superuser: boolean;
  readonly login: boolean;
  readonly inherits: boolean;
  readonly replication: boolean;
  readonly bypassRowSecurity: boolean;
  readonly createDatabase: boolean;
  readonly createRole: boolean;
  /** -1: no limit. */
  readonly connectionLimit: number;
  readonly memberOf: readonly { readonly role: string; readonly admin: boolean }[];
}

/** `ALTER DATABASE … SET` and `ALTER ROLE … SET`. */
export interface SessionDefault {
  /** Absent: for every database. */
  readonly database?: string;
  /** Absent: for every role. */
  readonly role?: string;
  readonly name: string;
  /** Absent for settings with a dot in their name: applications keep secrets in those. */
  readonly value?: string;
}

export interface SlotState {
  readonly name: string;
  readonly kind: 'physical' | 'logical';
  readonly database?: string;
  readonly active: boolean;
  readonly temporary: boolean;
  readonly walStatus?: string;
  readonly retainedBytes?: bigint;
}

export interface RunningTransaction {
  readonly pid: number;
  readonly user: string;
  readonly applicationName: string;
  readonly state: string;
  readonly ageSeconds: number;
  /** It has written: a replication slot cannot be created before it ends. */
  readonly hasWritten: boolean;
}

export interface WriteCounters {
  /** Since when the server counts; absent where it was never reset. */
  readonly sinceSeconds?: number;
  readonly tables: readonly (TableName & {
    readonly inserted: bigint;
    readonly updated: bigint;
    readonly deleted: bigint;
  })[];
}

/** Signs of state that lives outside of tables. What no catalog tells (LISTEN of other sessions, prepared statements) is not in here. */
export interface StateOutsideTables {
  readonly advisoryLocks: number;
  readonly temporaryTables: number;
  /** Functions of the user by the word in their body that is a sign: advisory locks, NOTIFY, dblink, large objects, temporary tables. */
  readonly functions: readonly { readonly sign: string; readonly names: readonly string[] }[];
}

/** All that assessment asks of one side beside its catalog. Each group is known or unknown by itself. */
export interface SystemFacts {
  readonly settings: Fact<Readonly<Record<string, Setting>>>;
  readonly capacity: Fact<Capacity>;
  readonly rights: Fact<Rights>;
  readonly encoding: Fact<Encoding>;
  readonly databaseBytes: Fact<bigint>;
  /** Names of the server's own types, without modifiers. */
  readonly systemTypes: Fact<readonly string[]>;
  /** What `CREATE EXTENSION` would give on this server. */
  readonly availableExtensions: Fact<readonly { readonly name: string; readonly version: string }[]>;
  /** Tables that belong to an extension and that users fill: no part of the catalog, and not carried. */
  readonly extensionData: Fact<readonly (TableName & { readonly extension: string; readonly bytes: bigint })[]>;
  readonly roles: Fact<readonly Role[]>;
  readonly sessionDefaults: Fact<readonly SessionDefault[]>;
  readonly defaultPrivileges: Fact<
    readonly { readonly role: string; readonly schema?: string; readonly objects: string; readonly acl: string }[]
  >;
  /** Absent value: never called, or not readable. */
  readonly sequencePositions: Fact<readonly (TableName & { readonly lastValue?: bigint })[]>;
  /** `bytes` is the size of the table that holds them: the most that they can be. */
  readonly largeObjects: Fact<{ readonly count: bigint; readonly bytes: bigint }>;
  readonly publications: Fact<readonly { readonly name: string; readonly allTables: boolean }[]>;
  readonly subscriptions: Fact<readonly { readonly name: string; readonly enabled: boolean }[]>;
  readonly slots: Fact<readonly SlotState[]>;
  readonly eventTriggers: Fact<
    readonly { readonly name: string; readonly event: string; readonly enabled: boolean; readonly extension?: string }[]
  >;
  /** Jobs that the database starts by itself: their schedule and name, never their command. */
  readonly jobs: Fact<
    readonly {
      readonly scheduler: string;
      readonly name: string;
      readonly schedule: string;
      readonly active: boolean;
    }[]
  >;
  readonly foreignServers: Fact<
    readonly { readonly name: string; readonly wrapper: string; readonly userMappings: number }[]
  >;
  readonly foreignTables: Fact<readonly TableName[]>;
  readonly preparedTransactions: Fact<
    readonly { readonly gid: string; readonly owner: string; readonly ageSeconds: number }[]
  >;
  /** Open for ten seconds or longer, the oldest first. */
  readonly longTransactions: Fact<readonly RunningTransaction[]>;
  readonly tablespaces: Fact<readonly { readonly name: string; readonly tables: number }[]>;
  readonly walBytesOnDisk: Fact<bigint>;
  /** No server tells this by SQL; it is here so that a report says so. */
  readonly freeDiskBytes: Fact<bigint>;
  readonly writes: Fact<WriteCounters>;
  /** Average since the server's counters were reset. */
  readonly walRate: Fact<{ readonly bytesPerSecond: number; readonly overSeconds: number }>;
  readonly stateOutsideTables: Fact<StateOutsideTables>;
  /** Objects of the user that are no relations: they would collide with a schema that is copied here. */
  readonly otherObjects: Fact<{
    readonly schemas: readonly string[];
    readonly functions: number;
    readonly types: number;
  }>;
  /** Teal's own schema is there: of this migration, or left by another one. */
  readonly hasTealSchema: Fact<boolean>;
}
