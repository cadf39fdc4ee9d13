import { kafkaFindingCodes } from './kafka-finding-codes.ts';
import { mysqlFindingCodes } from './mysql-finding-codes.ts';
import type { Severity } from './severity.ts';

export type { Severity };

/**
 * Everything that an assessment can find: a closed table, so that a code means the same for ever. A blocker stops the migration before it begins; a warning is
 * for a person to weigh; a note says what Teal will do by itself, or what only looks like a danger.
 */
export const findingCodes = Object.freeze({
  'ASSESS-UNKNOWN': { severity: 'warning', summary: 'Something that could stop the migration could not be looked at' },

  'ASSESS-VERSION': { severity: 'blocker', summary: 'A server is not PostgreSQL 14 to 18' },
  'ASSESS-GREEN-OLDER': { severity: 'blocker', summary: 'Green is an older major than blue' },
  'ASSESS-SAME-DATABASE': { severity: 'blocker', summary: 'Both addresses lead to the same database' },
  'ASSESS-SAME-CLUSTER': { severity: 'note', summary: 'Both databases are in one cluster' },
  'ASSESS-REPLICA': { severity: 'blocker', summary: 'A side is a replica in recovery' },
  'ASSESS-WAL-LEVEL': { severity: 'blocker', summary: 'The log of a side does not hold what a stream needs' },
  'ASSESS-RECORDER': { severity: 'warning', summary: 'Triggers write every change of blue once more' },
  'ASSESS-RECORDER-ENCODING': { severity: 'blocker', summary: 'Texts of no known encoding cannot be recorded' },
  'ASSESS-SLOTS': { severity: 'blocker', summary: 'No free replication slot' },
  'ASSESS-SENDERS': { severity: 'blocker', summary: 'No free WAL sender' },
  'ASSESS-CONNECTIONS': { severity: 'warning', summary: 'Few free connections' },
  'ASSESS-LOCKS': { severity: 'blocker', summary: 'The lock table is too small for the number of tables' },
  'ASSESS-SLOT-WAL-LIMIT': { severity: 'warning', summary: 'A limit on kept WAL can end the stream for good' },
  'ASSESS-SLOT-IDLE-LIMIT': { severity: 'warning', summary: 'A limit on idle slots can end the stream for good' },
  'ASSESS-SYNCHRONOUS': { severity: 'note', summary: 'Commits wait for a standby' },
  'ASSESS-GREEN-READ-ONLY': { severity: 'blocker', summary: 'Clients could not write on green' },
  'ASSESS-BLUE-READ-ONLY': { severity: 'note', summary: 'Clients write on blue by default not at all' },
  'ASSESS-PRELOAD': { severity: 'warning', summary: 'Green does not load libraries that blue loads' },
  'ASSESS-SETTINGS': { severity: 'warning', summary: 'Settings that clients notice differ' },
  'ASSESS-SESSION-DEFAULTS': { severity: 'warning', summary: 'Defaults of database or roles are not set on green' },

  'ASSESS-RIGHT-REPLICATION': { severity: 'blocker', summary: 'The role may not stream changes' },
  'ASSESS-RIGHT-CREATE': { severity: 'blocker', summary: 'The role may not create schemas in the database' },
  'ASSESS-RIGHT-APPLY': { severity: 'blocker', summary: 'The role may not apply changes as a replica' },
  'ASSESS-RIGHT-ORIGIN': { severity: 'blocker', summary: 'The role may not mark what it applies' },
  'ASSESS-RIGHT-SELECT': { severity: 'blocker', summary: 'The role may not read tables' },
  'ASSESS-RIGHT-OWNER': { severity: 'blocker', summary: 'The role does not own tables' },
  'ASSESS-RIGHT-DATABASE': { severity: 'blocker', summary: 'The role does not own the database of green' },
  'ASSESS-RIGHT-ROLES': { severity: 'blocker', summary: 'The role may not make owners on green' },
  'ASSESS-ROWS-HIDDEN': { severity: 'blocker', summary: 'Row-level security hides rows from the role' },
  'ASSESS-RIGHT-EVENT-TRIGGER': {
    severity: 'warning',
    summary: 'Changes of the schema cannot be caught as they happen',
  },
  'ASSESS-RIGHT-STATISTICS': { severity: 'warning', summary: 'Sessions of others cannot be seen' },
  'ASSESS-RIGHT-PASSWORDS': { severity: 'warning', summary: 'Passwords of roles cannot be read' },
  'ASSESS-PROXY-PASSWORDS': { severity: 'blocker', summary: 'The proxy could not check the passwords of clients' },
  'ASSESS-RIGHT-IDENTITY': { severity: 'warning', summary: 'The identity of the cluster cannot be read' },
  'ASSESS-ROLES': { severity: 'warning', summary: 'Roles of blue are missing on green' },

  'ASSESS-GREEN-NOT-EMPTY': { severity: 'blocker', summary: 'Green is not empty' },
  'ASSESS-TEAL-SCHEMA': { severity: 'warning', summary: 'A schema of Teal is already there' },
  'ASSESS-ENCODING': { severity: 'blocker', summary: 'The encodings differ' },
  'ASSESS-COLLATION': { severity: 'warning', summary: 'Text sorts differently' },
  'ASSESS-EXTENSION-MISSING': { severity: 'blocker', summary: 'An extension is not to be had on green' },
  'ASSESS-EXTENSION-OLDER': { severity: 'blocker', summary: 'Green offers an older version of an extension' },
  'ASSESS-EXTENSION-NEWER': { severity: 'note', summary: 'Green offers a newer version of an extension' },
  'ASSESS-EXTENSION-DATA': { severity: 'warning', summary: 'Rows in tables of extensions are not carried' },
  'ASSESS-TABLESPACE': { severity: 'warning', summary: 'Tables lie in tablespaces of their own' },

  'ASSESS-NO-TABLES': { severity: 'blocker', summary: 'The selection holds no table' },
  'ASSESS-LEFT-OUT': { severity: 'warning', summary: 'Tables are left out' },
  'ASSESS-FOREIGN-KEY-OUTSIDE': { severity: 'blocker', summary: 'A foreign key leads to a table that is left out' },
  'ASSESS-PARTITION-OUTSIDE': { severity: 'warning', summary: 'A partitioned table is moved without some partitions' },
  'ASSESS-TYPE-UNREADABLE': { severity: 'blocker', summary: 'A column has a type that no client can write' },
  'ASSESS-TYPE-UNKNOWN': { severity: 'blocker', summary: 'A column has a type that green does not know' },
  'ASSESS-TYPE-BOUND': { severity: 'note', summary: 'Values mean something in their own server only' },
  'ASSESS-MONEY': { severity: 'warning', summary: 'Values of type money may change their meaning' },
  'ASSESS-LARGE-OBJECTS': { severity: 'blocker', summary: 'There are large objects' },
  'ASSESS-UNLOGGED': { severity: 'warning', summary: 'Rows of unlogged tables are not in the log' },
  'ASSESS-FOREIGN-TABLES': { severity: 'note', summary: 'Foreign tables hold no rows here' },
  'ASSESS-NO-KEY': { severity: 'note', summary: 'Tables have no key that tells their rows apart' },
  'ASSESS-IDENTITY-NOTHING': { severity: 'note', summary: 'Tables keep their old rows out of the log' },
  'ASSESS-GENERATED-IDENTITY': { severity: 'blocker', summary: 'Published, a table would refuse changes' },
  'ASSESS-EXCLUSION': { severity: 'note', summary: 'Exclusion constraints' },
  'ASSESS-DEFERRABLE': { severity: 'note', summary: 'Deferrable unique constraints' },
  'ASSESS-INHERITANCE': { severity: 'note', summary: 'Tables inherit from tables' },
  'ASSESS-RULES': { severity: 'note', summary: 'Tables have rules' },
  'ASSESS-TRIGGER-ALWAYS': { severity: 'blocker', summary: 'Triggers would fire while changes are applied' },
  'ASSESS-EVENT-TRIGGER': { severity: 'warning', summary: 'Event triggers fire at every change of the schema' },
  'ASSESS-SEQUENCE-END': { severity: 'warning', summary: 'A sequence is near its end' },
  'ASSESS-MATERIALIZED-VIEWS': { severity: 'note', summary: 'Materialized views are refreshed on green' },

  'ASSESS-PREPARED': { severity: 'blocker', summary: 'There are prepared transactions' },
  'ASSESS-LONG-TRANSACTION': { severity: 'warning', summary: 'Transactions have been open for long' },
  'ASSESS-SUBSCRIPTION': { severity: 'blocker', summary: 'A subscription writes into the database' },
  'ASSESS-SLOT-OTHERS': { severity: 'warning', summary: 'Others read the log of blue' },
  'ASSESS-PUBLICATION-ALL': { severity: 'warning', summary: "A publication holds all tables, Teal's own too" },
  'ASSESS-JOBS': { severity: 'warning', summary: 'The database starts jobs by itself' },
  'ASSESS-FOREIGN-SERVERS': { severity: 'warning', summary: 'The database reaches out to other servers' },
  'ASSESS-STATE-OUTSIDE': { severity: 'note', summary: 'State lives outside of tables' },

  ...mysqlFindingCodes,

  ...kafkaFindingCodes,
} as const satisfies Record<`ASSESS-${string}`, { readonly severity: Severity; readonly summary: string }>);

export type FindingCode = keyof typeof findingCodes;
