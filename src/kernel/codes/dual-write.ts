import type { ErrorEntry } from './entry.ts';

export const dualWriteCodes = {
  'TEAL-DUALWRITE-001': {
    summary: 'The table cannot be reconciled row by row',
    happened:
      'A table that is to be reconciled is not on both sides, has no key by which a row of one side is found on the other, or its sides differ in more rows than are looked at one by one.',
    doThis:
      'Give the table a primary key on both sides; copy a table anew that differs in very many rows. `keep` says how many are looked at.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-DUALWRITE-002': {
    summary: 'The second write of a change has failed',
    happened:
      'The function of the application that writes a change to the second system threw, or did not end in time. The change is written down and will be tried again, until it is a dead letter.',
    doThis: 'Read the log of the application for the id of the change; the status of the dual write counts what waits.',
    retry: 'auto',
    dataMayDiffer: 'yes',
  },
  'TEAL-DUALWRITE-003': {
    summary: 'Records of this application cannot be written to two clusters',
    happened:
      'A topic that was not named when the producer was opened, or a record that names a partition that the topic has not.',
    doThis: 'Name the topic in `topics`. Nothing of this call was sent to either cluster.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-DUALWRITE-010': {
    summary: 'Columns of the second system write equal values otherwise',
    happened:
      'Between MySQL or MariaDB and PostgreSQL rows are compared by the texts of their values. A column has a type on PostgreSQL in which equal values have other texts than in the one that Teal makes of that of MySQL: jsonb for JSON, say, or a moment without a zone for one with it. Every row would differ, before a repair and after it.',
    doThis:
      'The facts name the columns: the type that is there, and the one that can be compared (docs/reference/mysql-types.md). Change the column, or reconcile without its table.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
} as const satisfies Record<`TEAL-DUALWRITE-${number}`, ErrorEntry>;
