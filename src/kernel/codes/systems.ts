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
    doThis: 'Check user and password in the environment that the file names, and the pg_hba.conf of the server.',
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
    doThis: 'Set sslmode and sslrootcert in the address as the server needs them.',
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
      'PostgreSQL answered with an error that Teal has no better name for. Its SQLSTATE is in the facts; values are left out.',
    doThis:
      'Look the SQLSTATE up in the manual ("PostgreSQL Error Codes") and read the log of the server at that time.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-008': {
    summary: 'A lock was not had in time',
    happened:
      'Other sessions hold a lock that the statement needs. It was given up after lock_timeout, or because they waited for each other, and had no effect.',
    doThis:
      'Find the holders in pg_stat_activity (blocking pids are in the facts where known), wait for them or end them, then run the command again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYSTEMS-009': {
    summary: 'An address of a database cannot be read',
    happened: 'It is not a URL of the form postgres://user@host:port/database.',
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
      'Changes that were made without the publication are not in the stream. While blue is live: `teal abort`, then `teal up`, which copies again. While green is live: `teal finalise` when it is to stay; there is no way back.',
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
      'The archive that pg_dump wrote does not have the entries that its own list says, so Teal will not guess where one statement ends and the next begins.',
    doThis: 'Remove the archive (in the facts) and run the command again; report it if it comes back.',
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
} as const satisfies Record<`TEAL-SYSTEMS-${number}`, ErrorEntry>;
