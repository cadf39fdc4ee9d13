import type { ErrorEntry } from './entry.ts';

export const outboxCodes = {
  'TEAL-OUTBOX-001': {
    summary: 'The outbox is not there, or has not the columns that a relay needs',
    happened:
      'A table of the outbox is missing, or the outbox lacks a column or has it with another type. The message tells which.',
    doThis:
      'Run `teal outbox init` with the same --table: it makes what is missing. Of an outbox that was there before, add the columns with the statement of docs/guide/outbox.md.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-OUTBOX-002': {
    summary: 'The command line of the outbox has a mistake',
    happened:
      'An address, a table or another option of `teal outbox` cannot be read, or two of them do not go together.',
    doThis: 'Mend what the message names; `teal outbox --help` tells the options.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-OUTBOX-003': {
    summary: 'The receiver or the database was away for too long',
    happened:
      'The relay has tried for as long as it may (--patience), and was taken nothing off, or could not ask its own database. It has ended. What was not delivered is in the outbox as before; nothing became a dead letter because of this.',
    doThis: 'Mend what the cause tells and start the relay again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-OUTBOX-004': {
    summary: 'Another relay has taken this outbox over',
    happened:
      'The lease of this relay ran out, as it was stopped or cut off from its database for too long, and another has taken it. What this one delivered last will be delivered again, under the same ids.',
    doThis: 'Do nothing: the relay waits, and goes on when the other one has ended.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-OUTBOX-010': {
    summary: 'The receiver refuses an event',
    happened:
      'The receiver said of one event that it will never take it (by an HTTP status as 400 or 422, or as too large for its topic). The event is a dead letter, and what came later for its aggregate waits behind it.',
    doThis:
      'Look at it with `teal outbox letters`, mend the receiver and run `teal outbox retry`, or throw it away with `teal outbox discard`.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-OUTBOX-011': {
    summary: 'An event was not delivered, or nobody knows whether it was',
    happened:
      'The receiver failed over an event, or did not answer in time. It is tried again, so often as --attempts says, and is a dead letter then.',
    doThis: 'Read the log of the receiver for the id of the event. Run `teal outbox retry` when it is mended.',
    retry: 'auto',
    dataMayDiffer: 'unknown',
  },
  'TEAL-OUTBOX-012': {
    summary: 'The receiver takes nothing now',
    happened:
      'The receiver cannot be reached, does not know the address, refuses who asks, or says that it is too busy. That is not because of one event: the relay waits and tries again, and nothing becomes a dead letter.',
    doThis: 'Look whether the receiver runs, and whether address and secret of the relay are right.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-OUTBOX-060': {
    summary: 'The log of the outbox does not go back to where the relay has come',
    happened:
      'The slot by which the relay follows the outbox is gone, was given up by the server (max_slot_wal_keep_size), or is of another server, as after a restore or a move. Events that were not delivered and are in the table are not lost; messages, and rows that the application has deleted itself, are.',
    doThis:
      'Run `teal outbox unfollow` and start the relay again: it delivers what is in the table and follows a new log from then on. Look for events that the application wrote meanwhile without leaving a row.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-OUTBOX-061': {
    summary: 'The log leaves the outbox out',
    happened:
      'The publication by which the relay follows the outbox does not have the table: it was taken out, or the table was dropped and made anew. What was written since then is in the table, and not in what the log tells.',
    doThis:
      'Run `teal outbox unfollow` and start the relay again: it delivers what is in the table and follows a new log.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-OUTBOX-062': {
    summary: 'A message of the log is no event',
    happened:
      'A message under the name of the outbox (pg_logical_emit_message) is no JSON object of the texts id, aggregatetype, aggregateid, type and payload, or one of them is too long. It is a dead letter; nothing waits behind it.',
    doThis: 'Mend the application that writes it, and throw the letter away with `teal outbox discard`.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-OUTBOX-063': {
    summary: 'The outbox is followed by its log',
    happened:
      'A relay by polling was started for an outbox that has a slot. The slot keeps the log on the server until a relay reads it, and would bring what the polling has delivered once more.',
    doThis: 'Start the relay with `--by log`, or run `teal outbox unfollow` first.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-OUTBOX-064': {
    summary: 'A relay of this outbox runs',
    happened: 'The slot of the outbox was to be dropped while a relay has the lease.',
    doThis: 'End the relay, wait ten seconds where it was killed, and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-OUTBOX-${number}`, ErrorEntry>;
