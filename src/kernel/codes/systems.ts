import type { ErrorEntry } from './entry.ts';

export const systemsCodes = {
  'TEAL-SYSTEMS-001': {
    summary: 'A server cannot be reached',
    happened:
      'No connection to the address could be made: nothing listens there, the name is unknown, or the network does not let it pass.',
    doThis:
      'Check host and port (in the facts), that the server runs and that a firewall lets this machine in; then run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-002': {
    summary: 'The server refused the login',
    happened: 'The user, its password, its certificate or its host is not accepted by the server.',
    doThis:
      'Check user and password in the environment that the file names, and whom the server lets in from where (pg_hba.conf; the host of the account in MySQL).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-003': {
    summary: 'The database does not exist',
    happened: 'The server was reached, but it has no database of the name in the address.',
    doThis: 'Correct the database in the address, or create it.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-004': {
    summary: 'An encrypted connection could not be made',
    happened: 'The server offers no TLS, or its certificate is not trusted or is for another name.',
    doThis:
      'Set sslmode and sslrootcert (ssl-mode and ssl-ca for MySQL, security.protocol and ssl.ca.location for Kafka) in the address as the server needs them.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-005': {
    summary: 'The server has no free connection',
    happened: 'max_connections, a limit of the role or of the database, or max_wal_senders is reached.',
    doThis: 'Raise the limit or end sessions that are not needed; Teal tries again by itself where it waits.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-006': {
    summary: 'The connection was lost',
    happened: 'The server ended the session, restarted, is starting up, or the network broke.',
    doThis: 'Nothing, where Teal follows: it connects again by itself. Otherwise run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-007': {
    summary: 'The server refused a statement',
    happened:
      'The server answered with an error that Teal has no better name for. Its SQLSTATE (and number, of MySQL and MariaDB) is in the facts; values are left out.',
    doThis:
      'Look the SQLSTATE or the number up in the manual of the server ("PostgreSQL Error Codes", "Server Error Message Reference") and read the log of the server at that time.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-008': {
    summary: 'A lock was not had in time',
    happened:
      'Other sessions hold a lock that the statement needs. It was given up after a while, or because they waited for each other, and had no effect.',
    doThis:
      'Find the holders (PostgreSQL: pg_stat_activity, blocking pids are in the facts where known; MySQL and MariaDB: SHOW PROCESSLIST, information_schema.innodb_trx), wait for them or end them, then run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-009': {
    summary: 'An address of a database cannot be read',
    happened:
      'It is not a URL of the form postgres://user@host:port/database, mysql://user@host:port/database or kafka://host:port,host:port, or it says something of encryption or login that contradicts itself.',
    doThis: 'Correct the address; special characters in user and password are written as %XX.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-010': {
    summary: 'The role lacks a privilege',
    happened: 'The server refused a statement because the role of the address may not do it.',
    doThis: 'Grant what the message names; `teal assess` prints the grants that are needed.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-011': {
    summary: 'The server has no room on its disk',
    happened:
      'The server could not make a table, an index or its log longer (SQLSTATE 53100). The statement had no effect.',
    doThis:
      'Make room on the disk of the server (its log names the file). A flow goes on by itself then, and keeps what comes meanwhile; otherwise run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-012': {
    summary: 'The server does not show what runs now',
    happened:
      'MySQL and MariaDB keep what they show of transactions (information_schema.innodb_trx) for as long as somebody reads it more often than every 100 ms. Teal needs a look that is newer than its question, and did not get one.',
    doThis:
      'Let the monitoring of the server read information_schema.innodb_trx less often, then run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-020': {
    summary: 'The replication slot is gone',
    happened:
      'The source has no slot of this name: it was dropped, or the server failed over to one that never had it. Changes since then cannot be read.',
    doThis:
      'What was missed is in no log any more. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-021': {
    summary: 'The replication slot is invalidated',
    happened:
      'The source removed WAL that the slot still needed (max_slot_wal_keep_size, idle_replication_slot_timeout, wal_level) and marked the slot as lost.',
    doThis:
      'Raise or unset the limit on the source. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-022': {
    summary: 'The replication slot is in use',
    happened:
      'Another session reads from the slot. It may be an older connection of Teal that the server has not missed yet, or another reader.',
    doThis:
      'Nothing at first: Teal tries again. If it stays, look at the pid in the facts; two readers of one slot would each miss changes.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-023': {
    summary: 'The source is another server',
    happened: 'The system identifier of the server is not the one that this migration began with.',
    doThis:
      'Check the address: it points to a server of another origin. A restored or re-created one needs a new copy.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-SYSTEMS-024': {
    summary: 'The source was promoted to another timeline',
    happened:
      'The source failed over. The new primary may lack the last transactions of the old one that Teal has read already, and has no slot that knows what was read.',
    doThis:
      'While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-025': {
    summary: 'The stream of changes was refused',
    happened: 'The server ended START_REPLICATION or the stream after it with an error of its own (in the facts).',
    doThis:
      'Check publication, wal_level=logical and the REPLICATION attribute of the role; the log of the source says more.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-026': {
    summary: 'The source would skip changes',
    happened:
      'The slot is already confirmed beyond the position that Teal has safely received. Reading on would leave a hole.',
    doThis:
      'Something else has read from this slot, or a spool was lost. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-027': {
    summary: 'A replication slot could not be created in time',
    happened:
      'Creating a slot waits for every write transaction that runs. One of them did not end within lock_timeout; nothing was left behind.',
    doThis: 'End the transactions of the pids in the facts, or let them finish; then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-029': {
    summary: 'The publication is gone',
    happened:
      'The source has no publication of this name any more. From PostgreSQL 18 on the server then leaves changes out of the stream without an error.',
    doThis:
      'Changes that were made without the publication are not in the stream. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back. Of a relay (`teal outbox relay --by log`): `teal outbox unfollow`, and start it again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-030': {
    summary: 'Another worker carries this stream',
    happened: 'Its lock on the target is held by another session: two workers of one flow must not run.',
    doThis:
      'Nothing at first: an older session may be ending. If it stays, end the other worker (its pid is in the facts).',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-028': {
    summary: 'The source sends nothing',
    happened: 'Neither a change nor a sign of life came over the replication connection for longer than it may take.',
    doThis: 'Nothing: Teal connects again by itself. If it repeats, look at the network between.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-040': {
    summary: 'The record of changes is gone',
    happened:
      'Triggers record the changes of the source in teal.changes. These tables are not there, were made anew, or lack what was read before: somebody removed or emptied them, or the server lost its last transactions.',
    doThis:
      'Changes since then cannot be read. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-041': {
    summary: 'A table is not recorded any more',
    happened:
      'A trigger that records the changes of a table is gone, is another one than was made, or fires no more in every session (ALTER TABLE … DISABLE TRIGGER, also by pg_restore --disable-triggers). What was written meanwhile is in no record.',
    doThis:
      'Find out who changed the triggers of the tables in the facts. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-042': {
    summary: 'The record of changes is read by another session',
    happened:
      'Another session holds the lock of the one reader. It may be an older connection of Teal that the server has not missed yet.',
    doThis: 'Nothing at first: Teal tries again. If it stays, look for a second worker of this flow.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-043': {
    summary: 'A transaction is too large to be put in order',
    happened:
      'Within one transaction of more than a million changes a trigger or a function changed rows that the statement around it had changed too. Their order is found in memory, and there are too many.',
    doThis:
      'Divide such transactions. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-044': {
    summary: 'The record was emptied beyond what was received',
    happened:
      'The source has already forgotten changes that follow the position which Teal has safely received. Reading on would leave a hole.',
    doThis:
      'Something else has acknowledged changes, or a spool was lost. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-045': {
    summary: 'Texts of no known encoding cannot be recorded',
    happened: 'The encoding of the database is SQL_ASCII: its texts are bytes that nobody can read for certain.',
    doThis: 'Follow such a source by its log.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-046': {
    summary: 'A table cannot be polled any more',
    happened:
      'The column by which its changed rows are found (`follow.column`) is gone, has another name, or is not a timestamp any more; or, of MySQL and MariaDB, the table has no primary key. Since the last poll nothing was read of any table.',
    doThis:
      'Bring the column back under its name: Teal goes on where it stopped. If it is gone for good: `teal abort`, then `teal up` with another column or another `follow.method`, which copies again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-047': {
    summary: 'Open transactions of others cannot be seen',
    happened:
      'A poll must know when the oldest open transaction began: its rows carry that time and appear only when it commits. The role of Teal may not see the transactions of other roles.',
    doThis: 'As a superuser of the source: GRANT pg_read_all_stats TO the role. Nothing is lost meanwhile.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-048': {
    summary: 'A table has got a column that cannot be followed in binary form',
    happened:
      'The source sends values in binary form while every column is of a type for which that means the same on each server. A table was changed meanwhile, and has a column now for which it may not: an enum, a domain, a regclass or the like.',
    doThis: 'Nothing: Teal reads on at once, and has all values sent as texts.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-100': {
    summary: 'A newer Teal works on this database',
    happened:
      'The schema `teal` in this database was made by a newer version of Teal than this one. Nothing was changed.',
    doThis: 'Use the version of Teal that the migration was begun with, or a newer one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-101': {
    summary: 'This database is the other side of a migration',
    happened: 'The schema `teal` in this database says that it is blue where green is expected, or the reverse.',
    doThis:
      'Check that the addresses of blue and green are not exchanged; finalise the older migration if there was one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-301': {
    summary: 'The session would write names of types short',
    happened:
      'The search_path of the session holds schemas of the user. Types of those would come without their schema, and equal columns would seem different.',
    doThis:
      'Report it: every session of Teal sets search_path to pg_catalog. In own code, do so before asking for the catalog.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-302': {
    summary: 'The server is not a PostgreSQL that Teal knows',
    happened:
      'What answers at the address speaks another protocol, or gave no version number in the form of PostgreSQL.',
    doThis: 'Check that the address leads to PostgreSQL 14 to 18 itself, not to a pooler or to another product.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-303': {
    summary: 'The server is not a MySQL or MariaDB that Teal knows',
    happened: 'What answers at the address gave no version number in the form of MySQL or MariaDB.',
    doThis:
      'Check that the address leads to MySQL 8 or MariaDB 10.5 and later itself, not to a proxy or to another product.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-304': {
    summary: 'A column has a type that Teal does not know',
    happened:
      'The type of a column, as information_schema writes it, is none of those of MySQL and MariaDB that Teal carries.',
    doThis: 'Leave the table out of the migration (tables.exclude), or change the type of the column.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-305': {
    summary: 'The schema changed while it was read',
    happened:
      'MySQL and MariaDB have no snapshot of their catalog. Tables, or foreign keys of them, were created, changed or dropped during each of several looks, so that none of them is one state of the schema.',
    doThis: 'Wait until nobody runs DDL, then run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-320': {
    summary: 'The source has removed its binlog',
    happened:
      'Files of the binlog that were not read yet are gone: binlog_expire_logs_seconds (expire_logs_days) or PURGE BINARY LOGS took them. What was in them is in no log any more.',
    doThis:
      'Let the source keep its binlog for longer than Teal may be away. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-321': {
    summary: 'The binlog of the source is not the one that was read',
    happened:
      'The server does not know the place up to which Teal has read, or its binlog breaks off there: it was restored, RESET MASTER was run, or a crash took the end of the log (sync_binlog is not 1).',
    doThis:
      'Check the address and what happened to the server. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-SYSTEMS-322': {
    summary: 'Rows were changed by a statement in the binlog',
    happened:
      'The binlog holds a statement that changes rows and not the rows: a session, or the server, has binlog_format STATEMENT or MIXED. What it did cannot be known from the log.',
    doThis:
      'Set binlog_format=ROW for the server and see that no session sets another. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-323': {
    summary: 'The source lost events of its binlog',
    happened:
      'The server wrote an INCIDENT event: it could not log what it had committed (its error log says why, most often a full disk or a limit of a cache).',
    doThis:
      'Mend what the error log of the source names. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-324': {
    summary: 'The binlog holds a form that Teal does not read',
    happened:
      'An event of the binlog is of a kind that Teal cannot carry, such as a prepared transaction (XA), parts of JSON documents, or rows of a COMPRESSED column. The flow stopped before it; what it is is in the text.',
    doThis:
      "Change what makes such events (binlog_row_value_options='', no XA, no COMPRESSED columns but those that `mapping` drops) or leave the table out. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.",
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-325': {
    summary: 'The binlog does not say enough about rows',
    happened:
      'Rows were logged without the names of their columns or without some of their values: binlog_row_metadata or binlog_row_image is not FULL, for the server or for a session.',
    doThis:
      'Set binlog_row_metadata=FULL and binlog_row_image=FULL for the server and see that no session sets others. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-326': {
    summary: 'A table that cannot roll back was changed',
    happened:
      'Rows of a table of MyISAM, MEMORY, Aria or another engine without transactions were changed. The log then does not tell what came of it, and no copy of such a table is of one moment.',
    doThis:
      'Change the engine of the table to InnoDB, or leave it out (tables.exclude). While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-327': {
    summary: 'The source writes no binlog',
    happened: 'log_bin is off on the server: there is no log that changes could be read from.',
    doThis:
      'Start the server with log_bin, binlog_format=ROW, binlog_row_image=FULL and binlog_row_metadata=FULL; then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-328': {
    summary: 'The stream of the binlog was refused',
    happened: 'The server ended COM_BINLOG_DUMP or the stream after it with an error of its own (in the text).',
    doThis:
      'Read what it says; the account needs REPLICATION SLAVE and REPLICATION CLIENT. The error log of the source says more.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-329': {
    summary: 'Another reader of the binlog has taken over',
    happened:
      'A reader of the same name has connected to the source, which then lets the earlier one go. It is a later start of the same flow, or a second one that must not be.',
    doThis: 'Nothing at first: Teal tries again. If it repeats, look for a second worker of this flow.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-340': {
    summary: 'A recorded table was emptied or written anew',
    happened:
      'The table is another one in InnoDB than when its triggers began to record: TRUNCATE, DROP and EXCHANGE PARTITION, IMPORT TABLESPACE, OPTIMIZE TABLE, an ALTER TABLE that copies rows, or DROP TABLE did that. No trigger fires for any of them, so rows may be gone of which no record says so.',
    doThis:
      'Let nobody do that while a migration lives; DELETE is recorded. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-341': {
    summary: 'A recorded table has other columns or keys',
    happened:
      'Triggers of MySQL and MariaDB name the columns that they record, and polls those that they read. A column came, went or became another one, or a foreign key that changes or deletes rows did: what was written since is not in the record as it is in the table.',
    doThis:
      'Let nobody change the schema while a migration by triggers or polling lives. Where a column that they name is gone, writes to the table fail until the triggers are dropped, which `teal abort` does. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-342': {
    summary: 'A table is not found in InnoDB',
    happened:
      'The tables in the facts are to be recorded, and INNODB_TABLES (INNODB_SYS_TABLES on MariaDB) shows none of their name: TRUNCATE of one could not be noticed. Another engine holds it, or its name has letters that InnoDB writes in a way unknown to Teal.',
    doThis: 'Leave the table out (tables.exclude), or rename it to letters, digits and underscores.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-343': {
    summary: 'Another server writes to the source',
    happened:
      'A thread of the source applies what another server sends. Rows that come so, out of a log of rows, fire no trigger, and are in no record.',
    doThis:
      'Follow the server that clients write to, or make the source stand by itself. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-344': {
    summary: 'Numbers of changes do not rise any more',
    happened:
      'The order of recorded changes is told by uuid_short() of the source, which counts on from its clock when the server starts. It gives numbers now that are below those which are recorded: the clock was put back between two starts, or server_id was lowered.',
    doThis:
      'Set the clock of the source. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-500': {
    summary: 'Prepared transactions stand in the way of the cut',
    happened:
      'The side to be fenced holds transactions that were prepared (two-phase commit) and are neither committed nor rolled back. The fence was not raised.',
    doThis: 'Commit or roll back what `SELECT gid FROM pg_prepared_xacts` lists, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-502': {
    summary: 'The schema was changed while a cut began',
    happened:
      'Between the comparison of both schemas and the fence somebody changed a table, a type, a view or a function of the live side. The fence was rolled back and the cut given up: clients go on where they were, none of their statements failed.',
    doThis:
      'Make the same change on the other side (`teal status` tells what it lacks), see that nobody runs DDL now, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-503': {
    summary: 'Somebody could write past the fence',
    happened:
      'MySQL and MariaDB close a server with read_only, which does not hold for accounts with SUPER, CONNECTION_ADMIN or READ_ONLY ADMIN, nor for a replica that applies what it receives. There are such, beside Teal. The fence was not raised: clients go on where they were.',
    doThis:
      'End what the facts name (a session of a privileged account, a replica’s SQL thread), or take the privilege from the account, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-501': {
    summary: 'Another cut has decided this epoch',
    happened:
      'The owner row of this epoch names another cut. Two controllers have worked on one migration, or a journal was restored from a copy.',
    doThis: 'Stop every controller but one, run `teal status`, and report what it says.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-SYSTEMS-200': {
    summary: "PostgreSQL's client programs were not found",
    happened:
      'Teal reads the schema with pg_dump and pg_restore. They are not on PATH (nor in TEAL_PG_BIN), or are older than the source.',
    doThis:
      "Install the client programs of a major between blue's and green's (Debian: postgresql-client-18 from apt.postgresql.org; macOS: libpq), or set TEAL_PG_BIN to their folder.",
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-201': {
    summary: 'A client program of PostgreSQL failed',
    happened: 'pg_dump or pg_restore ended with an error. What it said is in the facts, without values.',
    doThis: 'Mend what it names (most often a privilege or a lock), then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-202': {
    summary: 'The kept schema cannot be read',
    happened:
      'The file in which Teal keeps the schema of the source is not as it was written: the archive of pg_dump does not have the entries that its own list says, so that Teal would have to guess where one statement ends and the next begins, or the file of a MySQL schema was changed.',
    doThis: 'Remove the file (in the facts) and run the command again; report it if it comes back.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-203': {
    summary: 'The target has an object of this name already',
    happened:
      "An object of the source's schema cannot be created because the target has one of that name which Teal did not make. Nothing of it was changed.",
    doThis: 'Drop or rename the object (in the facts) on the target, or exclude it from the migration.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-204': {
    summary: 'The target refuses a part of the schema',
    happened:
      "A statement that creates an object of the source's schema failed on the target. What was created before stays and will be found again.",
    doThis:
      'Read the SQLSTATE and the object in the facts. Usual causes: an extension or role that the target lacks, a feature that was removed between the majors, data that break a constraint.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-205': {
    summary: 'The target cannot have a part of the schema as the source has it',
    happened:
      'The two servers are of other versions or families: the target does not know a collation, a type or an option of the source, or took a definition and has something else. What it is is in the facts, object by object. Rows would be refused, or mean something else there.',
    doThis:
      'Change what is named on the source (ALTER TABLE … CONVERT TO CHARACTER SET … COLLATE … for a collation), leave the table out (tables.exclude), or take a target that knows it; then `teal abort` and `teal up`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-206': {
    summary: 'A definition of the source cannot be read',
    happened: 'What SHOW CREATE TABLE says is not of the form that MySQL and MariaDB write.',
    doThis: 'Report it with the version of the server; leave the table out (tables.exclude) meanwhile.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-211': {
    summary: 'The slot of a lost snapshot is in use',
    happened:
      'The slot exists, nobody holds its snapshot, and something reads from it: it cannot be replaced, and a copy cannot begin.',
    doThis: 'End what reads from the slot (its pid is in the facts), then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-212': {
    summary: 'A snapshot holder did not start',
    happened:
      'A process that was to hold the snapshot of the copy ended, or did not say in time that it holds it. The end of its log is in the facts.',
    doThis: 'Read what it said: a missing SELECT privilege, a lock, or the limit of connections are usual.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-401': {
    summary: 'A broker refused a request',
    happened:
      "A broker of Kafka answered with an error that Teal has no better name for. Its name in Kafka's protocol is in the facts.",
    doThis:
      'Look the name up in the manual ("Protocol Guide", Error Codes) and read the log of the broker at that time; what says NOT_AVAILABLE, NOT_COORDINATOR or NOT_LEADER passes by itself: run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-402': {
    summary: 'A broker is too old for a request',
    happened:
      'Teal and the broker have no version of a request in common: the broker is older than what Teal asks for.',
    doThis: 'Move from a cluster of Kafka 3.0 or later; an older one is upgraded first.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-650': {
    summary: 'Another mirror of this partition has taken over',
    happened:
      'The target no longer takes what this mirror writes: a later one has begun under the same transactional id, or a transaction of this one was open for longer than its limit (a process that stood still). What was not committed was undone on the target; nothing is there twice.',
    doThis:
      'Nothing, where another mirror runs: that one goes on. Otherwise start this one again; it goes on where the last commit ended.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-651': {
    summary: 'The map of offsets on the target cannot be read',
    happened:
      'What the topic of the map says of a partition is not what a mirror writes: a record is of an unknown version, damaged, or one between two others is missing. Something else wrote into the topic, or its cleanup.policy is not compact.',
    doThis:
      'Let only Teal write into the topic, with cleanup.policy=compact. The records that were mirrored are whole; the map of this partition is not: delete the topic on the target and its map, and mirror it anew.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-652': {
    summary: 'The source has no record any more where the mirror must go on',
    happened:
      'The offset that comes next is not in the log of the source: retention took the records before they were mirrored, somebody deleted them, or the log lost its end in an election of a replica that was behind.',
    doThis:
      'Compare the offsets in the facts with what the source has now. Raise retention on the source for as long as the mirror runs, delete the topic on the target and its map, and mirror it anew.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-653': {
    summary: 'A topic is not the one that was mirrored',
    happened:
      'The source or the target has a topic of this name, but with another id than the map of offsets says (it was deleted and made again) or with another number of partitions than on the other side.',
    doThis:
      'Make the topic on the target with as many partitions as the source has. Where one was made anew, delete the topic on the target and its map, and mirror it anew.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-654': {
    summary: 'The target would change the time of every record',
    happened:
      'The topic on the target has message.timestamp.type LogAppendTime: the broker puts its own time in place of that of the record. The transaction was given up, no record arrived so.',
    doThis: 'Set message.timestamp.type=CreateTime for the topic on the target while it is mirrored.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-660': {
    summary: 'A consumer group has members where its offsets are to be set',
    happened:
      'Kafka lets nobody set the offsets of a group that somebody reads with: its members would go on where they are, and set them again.',
    doThis:
      'Stop the consumers of the group on that side (the facts tell how many there are), wait until the group is empty, then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-661': {
    summary: 'The control topic of the migration cannot be read',
    happened:
      'The topic teal.NAME.control holds a record that this version of Teal did not write: somebody else wrote there, or a newer Teal. Tokens of cuts and who owns the records stand there, so nothing is decided without it.',
    doThis: 'Run the version of Teal that the migration was last run with, and let nobody else write into the topic.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-662': {
    summary: 'Teal would be refused together with the producers',
    happened:
      'Producers are kept out by a rule that denies WRITE to everybody but super users of the cluster (super.users), and the user of the address is none of them: the mirror could not write there either. The rule was taken back.',
    doThis:
      'Let the user of the address be in super.users on every broker of that cluster, then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-663': {
    summary: 'A cluster that was closed to producers did not come to rest',
    happened:
      'After producers were refused a partition still moved, or a transaction stayed open on it, for longer than a cut may wait. Without an authorizer records of a few bytes pass all the same. The cluster was opened again; nothing moved to the other side.',
    doThis:
      'Stop who writes there (the facts name topic and partition), or end the transaction that the message names, then cut again. With an authorizer on the cluster everybody but super users is refused.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-670': {
    summary: 'A snapshot can be taken neither under a lock nor without one',
    happened:
      'The account may not lock the server, or the lock was not had in time. Without one a snapshot needs a server that commits in the order of its binlog, and this one does not (binlog_order_commits is off). Nothing was read.',
    doThis:
      'SET GLOBAL binlog_order_commits = ON, or grant the account what `teal assess` names (RELOAD) where the server allows that; then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-671': {
    summary: 'No moment was found for a snapshot without a lock',
    happened:
      'The account may not lock the server, or the lock was not had in time. Each time that the sessions of the snapshot were begun without one, a table was changed meanwhile in a way that the binlog does not tell whole: the message says how, the facts say which table. Nothing was read.',
    doThis:
      'Run the command again at a time when that table is written less; give a table without a primary key one; or grant the account what `teal assess` names (RELOAD) where the server allows that. A table that need not move is left out by `tables.exclude`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-672': {
    summary: 'Green holds a record that is no copy of the next one of blue',
    happened:
      'Kafka Connect copies blue to green, and Teal compares each record as it comes. One of green is neither the next record of blue nor one that had come before: somebody else writes there, or records of blue were left out (retention may have taken them before they were copied). A log is not mended.',
    doThis:
      'Look at the record (the facts name topic, partition and offset). End who else writes on green, then run `teal abort` and `teal up`: green is made anew. Blue is not changed, and clients are on it.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYSTEMS-673': {
    summary: 'The connector was halted while it sent again what had come',
    happened:
      'A task of MirrorMaker 2 had gone back to an earlier place, and was halted for the cut before it had come to the end again: on green the newest record of a key may stand before an older one. Nothing was decided.',
    doThis: 'Nothing: it is let go on and halted again. A cut that was given up meanwhile can be asked for again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-680': {
    summary: 'A schema registry does not answer',
    happened:
      'A schema registry of the file (`schemaRegistry`) cannot be reached, does not answer in time, or says that it is too busy.',
    doThis: 'Look whether it runs and whether the address in the file leads to it, then run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-681': {
    summary: 'A schema registry refuses a request',
    happened:
      'A schema registry of the file refused a request, or answered in another form than the API that Confluent, Karapace and Redpanda have in common. The message has its own word.',
    doThis:
      'Look at user and password in its address, and at what that user may do: read all subjects on blue; on green also register schemas and set modes and compatibility.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-682': {
    summary: 'The schema registry of green has other schemas in the way',
    happened:
      'A version of a subject of blue, or an id of it, is another schema in the registry of green. Records of blue name their schemas by id: on green they would be read by another one. Nothing was copied.',
    doThis:
      'Delete those subjects from the registry of green for good (DELETE, then DELETE with ?permanent=true), or move to a registry that is empty; then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-SYSTEMS-683': {
    summary: 'The schema registry of green takes no ids from outside',
    happened:
      'The registry of green would not go into IMPORT mode for a subject, or gave a schema another id than blue has for it. Ids of blue can be kept in no other way.',
    doThis:
      'Let the user of the registry set modes (Confluent: mode.mutability=true), or use a registry with an IMPORT mode on green; else copy schemas by its own means, and leave `schemaRegistry` out of the file.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-700': {
    summary: 'Rows or tables span tenants',
    happened:
      'Both sides can take rows of their own tenants only where no row, key or table needs both: a table has no column of the tenant, a unique key does not hold it, or rows of one tenant lead to rows of another. Nothing was changed.',
    doThis:
      'The message names what was found. Add the column, list a table that all tenants only read in `canary.writes.shared`, put the column into the unique key, or mend the rows; else take `canary.writes` out of the file.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-701': {
    summary: 'A gate between the rows of tenants is missing',
    happened:
      'A trigger that keeps rows of tenants on their side is gone or disabled on a table. The transaction that needed it was rolled back.',
    doThis: 'Find out who drops or disables triggers named teal_*. Then run `teal up` again: it puts them back.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-702': {
    summary: 'A move of tenants is over already',
    happened: 'A statement of a move came when that move had been ended. It had no effect.',
    doThis: 'Run `teal up` again: it looks where the tenants are.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-703': {
    summary: 'A sequence has no room for two sides',
    happened:
      'It goes round, or fewer than two hundred thousand numbers are left in it, so green cannot give out others than blue.',
    doThis: 'Give the sequence a wider type, or take `canary.writes` out of the file.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-SYSTEMS-${number}`, ErrorEntry>;
