import type { ErrorEntry } from './entry.ts';

export const stagesCodes = {
  'TEAL-STAGES-100': {
    summary: 'Transactions did not end in time for the cut',
    happened:
      'Clients were asked to wait at a boundary, but some transactions that were already running did not end within the drain limit. The cut was given up: nobody was cancelled, what waited goes on where it was.',
    doThis:
      'Find the long transaction (`teal status` names the clients), or give it more time with `cutover.drain`; then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-101': {
    summary: 'Sessions hold state that cannot move',
    happened:
      'Some sessions hold a temporary table, a WITH HOLD cursor or a session advisory lock, which live in one server only. The cut was given up: nothing was closed, what waited goes on where it was.',
    doThis: 'Let these clients drop that state or disconnect, or set `traffic.pinned: close`; then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-102': {
    summary: 'Clients would have waited too long',
    happened:
      'The cut was not decided within `cutover.maxPause`. It was given up: the fence is down again and what waited goes on where it was.',
    doThis: 'Look which step took long (`teal status`), mend it or raise `cutover.maxPause`; then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-103': {
    summary: 'Somebody else has written on the side that is to become live',
    happened:
      'Transactions that Teal did not make have changed managed tables on the side that takes no writes yet. The cut was given up before anything moved.',
    doThis:
      'Find the writer (a job, a person, a second replication) and stop it, then compare and repair with `teal verify --fix`, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-STAGES-104': {
    summary: 'The way back is not ready',
    happened:
      'The flow that would carry the writes back after the cut does not run. The cut was given up before anything moved: without it there is no rollback.',
    doThis: 'Look at `teal status` for what the flow waits for, mend it, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-STAGES-${number}`, ErrorEntry>;
