import type { ErrorEntry } from './entry.ts';

export const journalCodes = {
  'TEAL-JOURNAL-001': {
    summary: 'The journal has been altered',
    happened:
      'Every record of the journal carries a digest of itself and of all records before it. From the record in the facts on, the digests do not match what is written.',
    doThis:
      'Restore the state directory from a copy, or keep it for an audit and start a new one: `teal up` asks both databases what is true and goes on from there.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-JOURNAL-002': {
    summary: 'The journal was written by a newer Teal',
    happened: 'The format number in the file is above the one that this version can read. Nothing was changed.',
    doThis: 'Run the version of Teal that wrote it, or a newer one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-003': {
    summary: 'Another controller holds this migration',
    happened:
      'A journal has one writer at a time, and the process in the facts is it. When that process ends, however it ends, the place is free: at once where the journal is in files, within seconds where it is in PostgreSQL. For the recovery of a cut, which the supervisor starts, a command has waited 30 s.',
    doThis:
      'Use the running one (`teal status` may read beside it), or stop it first: its process id and machine are in the facts. `teal up --standby` waits and takes over when it ends.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-004': {
    summary: 'An event does not follow from what the journal says',
    happened: 'Teal was about to record something that cannot come after what is recorded already. It was not written.',
    doThis: 'Report it with the facts: this is a defect of Teal. What was done so far is in the journal.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-JOURNAL-005': {
    summary: 'The journal cannot be opened',
    happened: 'The file is damaged, is not a journal of Teal, or may not be read or written by this user.',
    doThis:
      'Check the owner and the rights of the state directory and that its disk is healthy and local: locks of network file systems do not hold.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-006': {
    summary: 'A record of the journal is not one that this version knows',
    happened:
      'The record is whole (its digest is right), and its type or its fields are not among those of this version.',
    doThis: 'Run the version of Teal that wrote it, or a newer one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-007': {
    summary: 'The journal could not be written',
    happened:
      'The disk is full or refused the write. The event is not recorded, and what it would have announced was not begun.',
    doThis:
      'Make room on the disk of the state directory, then run the command again; it goes on from the last record.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-008': {
    summary: 'There is no journal here',
    happened:
      'The state directory holds no journal: this migration was never started from here, or the directory is another one.',
    doThis: 'Start it with `teal up`, or name the right state directory (`stateDir` in the file).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-020': {
    summary: 'Another controller leads now',
    happened:
      'This process had lost its session with the PostgreSQL that holds the journal, and another controller has taken over meanwhile. The database refused what this one wanted to write: what it would have announced was not begun. What it had begun before is in the journal, and the one that leads goes on from there.',
    doThis:
      'Nothing: the migration goes on under the controller that `teal status` names. Look why this one lost the server (network, a paused machine, a restart).',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-021': {
    summary: 'The server of the journal does not answer',
    happened:
      'The journal is in PostgreSQL, and this server could not be reached, or did not answer in time. A controller stops then, as by Ctrl-C: another one may lead already. Flows and proxy go on. Whether a record that was just being written is there is known when the server answers again: whoever comes next reads it.',
    doThis:
      'The cause is in the message. When the server answers again run the command once more: it goes on from the last record. A controller that waits with `teal up --standby` does so by itself.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-JOURNAL-022': {
    summary: 'The journal cannot be kept in this database',
    happened:
      'The address (`--journal`, TEAL_JOURNAL) is none of PostgreSQL, the login or a statement was refused, or the database is not in UTF8. Nothing was begun.',
    doThis:
      'The cause is in the message. Give a database in UTF8 whose user may create a schema in it, or owns the one that the address names (`?schema=…`; `teal_journal` without it), directly or through a pooler that pools sessions. It should be neither blue nor green.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-JOURNAL-${number}`, ErrorEntry>;
