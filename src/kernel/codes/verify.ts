import type { ErrorEntry } from './entry.ts';

export const verifyCodes = {
  'TEAL-VERIFY-001': {
    summary: 'A table to verify is not known',
    happened: 'A table that this migration manages is on neither side, or was named wrongly. Nothing was compared.',
    doThis: 'Check the names (in the facts) against both sides, then verify again.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-VERIFY-002': {
    summary: 'The two sides could not be held at one position',
    happened:
      'The carrier did not stand still at the position of the snapshot until the other side was read: it went past it, or its lease ran out first. No result was made.',
    doThis: 'Verify again; if it repeats, raise the lease, or look at what makes connections to the other side slow.',
    retry: 'auto',
    dataMayDiffer: 'unknown',
  },
  'TEAL-VERIFY-003': {
    summary: 'A table was rewritten or emptied while it was verified',
    happened:
      'TRUNCATE, VACUUM FULL, CLUSTER or an ALTER TABLE gave the table new storage after the snapshot was taken. Through the snapshot it would look empty or shuffled.',
    doThis: 'Verify this table again when the change is done on both sides.',
    retry: 'auto',
    dataMayDiffer: 'unknown',
  },
  'TEAL-VERIFY-004': {
    summary: 'A certificate cannot be trusted',
    happened:
      'The text is not a certificate of a known version, or it was changed after it was made: its own sum does not fit.',
    doThis: 'Verify again and keep the new certificate; find out who changed the old one.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-VERIFY-005': {
    summary: 'A repair did not meet the row that it was made for',
    happened:
      'A change of the repair affected no row, or more than one: the repaired side is not as it was when it was compared. Nothing was changed.',
    doThis: 'Verify again to see the differences as they are now, then repair again.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-VERIFY-006': {
    summary: 'The differences are too many to repair row by row',
    happened: 'More rows differ than a repair may hold. Nothing was changed.',
    doThis: 'Find the cause first; then copy the table again, or raise the limit.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-VERIFY-007': {
    summary: 'What differs between two clusters of Kafka cannot be repaired',
    happened:
      'A log only grows: a record that is missing, or one too many, has no place any more between those that are there. Nothing was changed.',
    doThis:
      'The certificate names the topics and where they differ. While blue is live, `teal abort` deletes the topics that Teal has made on green, and `teal up` mirrors them anew. Find whoever wrote on the side that is not live first.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-VERIFY-020': {
    summary: 'The kept SQL that repairs cannot be read',
    happened:
      'Of the newest comparison SQL that makes some of its rows equal was kept in `differences/repair.json` of the state folder, and that file is not one that Teal writes. The certificate is what it was.',
    doThis: 'Verify again: the file is written anew, or goes where both sides are equal.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-VERIFY-010': {
    summary: 'The kept causes of differences cannot be read',
    happened:
      'The file beside a certificate that says why rows differ (`differences/` of the state folder) is damaged, or of a newer Teal. The certificate is not touched by it.',
    doThis: 'Verify again: the newest comparison is the one that counts. Or run the version of Teal that wrote it.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
} as const satisfies Record<`TEAL-VERIFY-${number}`, ErrorEntry>;
