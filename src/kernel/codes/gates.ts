import type { ErrorEntry } from './entry.ts';

/** A gate throws none of these at its user: it answers "cannot tell", with the error in its evidence. */
export const gatesCodes = {
  'TEAL-GATES-001': {
    summary: 'A question over HTTP has no answer',
    happened:
      'The server of a gate could not be reached, could not prove who it is (TLS), did not answer whole in time, answered more than is read (1 MB), or redirected, which is not followed. The gate cannot tell, and is asked again.',
    doThis:
      'Put the same question by hand from this machine. A certificate of an authority of your own is named by `ca` beside the gate; the time by `timeout`.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-GATES-002': {
    summary: 'The answer over HTTP is not one that can be compared',
    happened:
      'The server of a gate answered something else than was asked for: another status, no JSON, nothing at the pointer, no value or more than one, a value that is not a number, or one that is older than it may be. The gate cannot tell, and is asked again.',
    doThis:
      'Put the query to the server by hand and change it until it gives one fresh number, with `or vector(0)` where a series may not be there yet; docs/guide/gates.md has examples.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-GATES-003': {
    summary: 'The calendar of a freeze cannot be read',
    happened:
      'The file that `freeze` names is not there, is longer than is read (1 MB), or says something that Teal does not understand; the place is in the message. Nobody can say whether a cut may begin, so none does.',
    doThis: 'Mend the file; it is read again at every asking. docs/guide/gates.md tells its format.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-GATES-040': {
    summary: 'What was told of alerts cannot be read',
    happened:
      'The file `alerts.json` of the state folder, in which `teal serve` keeps what monitoring tells it, is there and is not one that this version has written, or may not be read. The gate cannot tell, and is asked again.',
    doThis:
      'Look at the file and its owner. It may be deleted: what fires is told again within the repeat interval of your monitoring.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-GATES-${number}`, ErrorEntry>;
