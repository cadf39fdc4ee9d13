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
      'A journal has one writer at a time, and the process in the facts is it. The operating system takes the lock back when that process ends, however it ends. For the recovery of a cut, which the supervisor starts, a command has waited 30 s.',
    doThis:
      'Use the running one (`teal status` may read beside it), or stop it first: its process id and machine are in the facts.',
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
} as const satisfies Record<`TEAL-JOURNAL-${number}`, ErrorEntry>;
