import type { ErrorEntry } from './entry.ts';

export const syncCodes = {
  'TEAL-SYNC-001': {
    summary: 'The spool is damaged',
    happened:
      "A segment of the spool, which keeps received changes on Teal's disk, is missing or does not match its checksums in a place that was durable before.",
    doThis:
      'Check the disk of the state folder. What was acknowledged is no longer on the source: start the copy again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYNC-002': {
    summary: 'The spool cannot be written',
    happened:
      'The disk of the state folder refused a write: it is full, read-only or broken. Nothing was acknowledged.',
    doThis:
      'Make room on the disk of the state folder. Teal tries again by itself; the source keeps its log meanwhile.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-003': {
    summary: 'The spool was written by a newer Teal',
    happened: 'The state folder holds changes in a format that this version does not know.',
    doThis: 'Run the version that wrote it, or a newer one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-004': {
    summary: 'The spool begins after what the target holds',
    happened:
      'Between the last transaction on the target and the first one in the spool there is a hole: the target was restored from a backup, or segments were removed.',
    doThis: 'Start the copy again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYNC-005': {
    summary: 'The spool could not be made durable',
    happened:
      'The operating system reported that data written before may not have reached the disk. Nothing of it was acknowledged.',
    doThis:
      'Check the disk of the state folder and the log of the system, then run the command again: what was not acknowledged is sent again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-101': {
    summary: 'A table of the target does not fit the stream',
    happened:
      'The source changed the columns of a table, and the target has not. Teal stopped exactly before the transaction that needs them; nothing is lost.',
    doThis:
      'Make the same change on the target (the facts name table and column). Teal looks again and goes on by itself.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-102': {
    summary: 'The schema was changed on one side, and the other side lacks it',
    happened:
      'Somebody changed a table or type of the side that the flow reads from. Everything before that transaction is applied; Teal stopped exactly before it because the target lacks what it brought. Nothing is lost: changes are kept meanwhile.',
    doThis:
      'Run the same DDL on the target (the reason names what is missing). Teal looks again every second and goes on by itself. docs/guide/ddl.md tells what to do for each kind of change.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-110': {
    summary: 'A change did not affect exactly one row',
    happened:
      'An update or delete of the source found no row, or more than one, on the target. The target was changed by someone else, or was not copied whole. The transaction was rolled back and Teal stopped.',
    doThis:
      'Keep all other writers away from the target and run `teal verify` to see which rows differ; then copy the table again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYNC-111': {
    summary: 'A row of the source meets another row on the target',
    happened:
      'A unique index of the target refused a row that the source holds. The target was changed by someone else, or has an index that the source has not. The transaction was rolled back.',
    doThis:
      'Compare the indexes of both sides, keep other writers away from the target, run `teal verify`, then copy the table again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYNC-112': {
    summary: 'The target refused a transaction for now',
    happened:
      'A deadlock, a serialization failure, a lock that was not had in time or a cancelled statement on the target.',
    doThis: 'Nothing at first: Teal tries again. If it repeats, look for sessions that lock tables of the target.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-113': {
    summary: 'The schema of the target refuses a change',
    happened:
      'The target has no such column or enum label, or a constraint or type that does not take what the source holds. The transaction was rolled back; nothing is lost.',
    doThis: 'Bring the table of the target (in the facts) to the shape of the source. Teal tries again by itself.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-115': {
    summary: 'The stream must be read again',
    happened: 'Something interrupted a transaction that was too large to keep. It was rolled back on the target.',
    doThis: 'Nothing: Teal reads on from the position that the target holds.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-117': {
    summary: 'The stream of changes contradicts itself',
    happened:
      'A change came outside of a transaction, or without the values that say which row it is about. Nothing of its transaction was applied.',
    doThis: 'Check the replica identity of the table (in the facts) on the source, and report it with the facts.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-118': {
    summary: 'The target does not know this stream',
    happened: 'The row of progress for this stream is not on the target: it was never begun, or was removed.',
    doThis: 'Check that the address of the target is right. If it is, the copy has to begin again.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-SYNC-119': {
    summary: 'Another session applies this stream',
    happened:
      'The stream is being applied on the target by another session (which has its replication origin, or the lock of its name): two workers would apply every change twice.',
    doThis:
      'Nothing at first: an older session may be ending. If it stays, end the session whose number is in the facts, or which the list of sessions of the target shows as `teal apply`.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-130': {
    summary: 'A value has no form on the other side',
    happened:
      'A column holds a value that only its own system knows: a date such as 0000-00-00, an ENUM value outside of its labels, a zero byte in a text, or bytes that are no text in their character set. Nothing of its transaction or range was written.',
    doThis:
      'Correct the value on the source (the facts name table, column and kind), or say in the file what is to become of values of this kind. Then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-131': {
    summary: 'A table cannot be read under a snapshot',
    happened:
      'The storage engine of a table of the source keeps no old versions of rows: what is read of it is of the moment of reading, and would not fit the stream of changes. Nothing of it was copied.',
    doThis: 'Change its engine to InnoDB (`ALTER TABLE … ENGINE=InnoDB`), or exclude it from the migration.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-132': {
    summary: 'The source keeps no log of its changes',
    happened: 'The server has no binlog, so that a snapshot has no place from which changes could be followed.',
    doThis: 'Switch the binlog on (`log_bin`, with `binlog_format=ROW`), restart the server and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-133': {
    summary: 'A row is longer than the target takes at once',
    happened:
      'The text of one row is longer than `max_allowed_packet` of the target. Nothing of its range was written.',
    doThis: 'Raise `max_allowed_packet` of the target (at most 1 GiB) and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-134': {
    summary: 'A value of the source does not fit its column of the target',
    happened:
      'While rows were copied, the target refused a value that its type does not hold: a number beyond its range, a tinyint(1) that is neither 0 nor 1 for a boolean, a text that is too long or no JSON. Nothing of its range was written. The source was then asked for such a row: the facts name table, column, what it holds and the columns of the key. Where they name no column, that look took longer than a minute, failed, or found nothing.',
    doThis:
      'Run the statement in the fact `rows` on the source: it lists the keys of such rows. Correct the values there (`mend` is a statement for it), and run the command again. Or begin anew (`teal abort`) with another type for the column (`mapping.tables`, `columns`, `type`); `teal assess --profile` counts every such value beforehand.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-201': {
    summary: 'A table of the target holds rows that Teal did not copy',
    happened:
      'Before a copy the tables of the target must be empty. One holds rows, and no record of a copy explains them. Nothing was changed.',
    doThis:
      'Look at the table (in the facts). If its rows may go, empty it; if it must stay as it is, exclude it from the migration.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-202': {
    summary: 'A copy would be resumed under another snapshot',
    happened:
      'Rows that were copied under one snapshot and rows of another do not fit together: some would be missing, others twice. Teal stopped before reading.',
    doThis: 'Run `teal up` again: it takes a new snapshot (a new epoch) for what is not complete.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-203': {
    summary: 'The snapshot of the copy is lost',
    happened:
      'All that held the snapshot open (two processes on PostgreSQL, the sessions of `teal up` itself on MySQL and MariaDB) has ended, or lost its connection to the source. Tables that were not complete cannot be completed from it; Teal copies them anew from a later snapshot by itself, but a few times in a row only.',
    doThis:
      'Find out what ends the sessions of the snapshot (of PostgreSQL the logs of its holders are in the state folder) or restarts the source, then run `teal up` again: it goes on with the tables that are not complete.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-204': {
    summary: 'A table cannot travel in this format',
    happened: 'A server refused the binary form of a column of the table.',
    doThis: 'Nothing: Teal copies the table in text form.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-205': {
    summary: 'Source and target count different numbers of rows',
    happened:
      'A part of a table was read and written, and the two servers disagree about how many rows that were. It was rolled back on the target.',
    doThis:
      'Look for triggers that fire always (ENABLE ALWAYS) and rules on the table of the target, which swallow or add rows; remove them and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-206': {
    summary: 'Another copy has taken over',
    happened:
      'A later run of the same copy has begun on the target. This one stopped; what it had open was rolled back.',
    doThis: 'Nothing, when you started Teal again yourself. Otherwise see to it that one controller runs only.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-207': {
    summary: 'A copy ended without being complete',
    happened:
      'All parts were reported as copied, but the target, asked at the end, does not have the records of all of them: it lost commits that it had confirmed.',
    doThis:
      'Check fsync and full_page_writes on the target, and whether it was restored or failed over; then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SYNC-208': {
    summary: 'The stream begins after the copy',
    happened:
      'The replication slot is younger than the snapshot of a table that was copied: what was changed between the two is in neither. The flow has not begun, and nothing was applied.',
    doThis: 'Run `teal abort`, then `teal up`. Find out who dropped the slot, or which state folder was lost.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-SYNC-209': {
    summary: 'A session waits to change a table that is to be copied',
    happened:
      'TRUNCATE, ALTER TABLE or the like waited for the holders of the snapshot, and the copy waited behind it. Teal lets the snapshot go, so that the statement has its turn, and copies what was not complete from a later one by itself; but a few times in a row only.',
    doThis:
      'See that nobody runs such statements while rows are copied, then run `teal up` again: it goes on with the tables that are not complete.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-SYNC-${number}`, ErrorEntry>;
