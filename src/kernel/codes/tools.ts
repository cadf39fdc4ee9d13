import type { ErrorEntry } from './entry.ts';

export const toolsCodes = {
  'TEAL-TOOLS-001': {
    summary: 'A server could not be installed',
    happened: 'The package that holds the programs of a database server could not be fetched or unpacked.',
    doThis: 'Check that the package registry is reachable from this machine, then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TOOLS-002': {
    summary: 'A server did not start',
    happened: 'A database server that Teal starts for a test or a demonstration ended before it took connections.',
    doThis: 'Read the end of its log (in the facts): a port in use or a setting that it refuses are the usual causes.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TOOLS-003': {
    summary: 'There is no build of this server for this machine',
    happened:
      'The major version, or the pair of operating system and processor, is not among those that are published.',
    doThis:
      'Use PostgreSQL 14 to 18 on Linux or macOS, or point TEAL_TEST_PG_<major> at a server of your own; MariaDB 10.11 and 11.4 and MySQL 8.0 are for Linux on x64; Kafka needs a Java of at least 17.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-TOOLS-004': {
    summary: 'A download does not have the expected checksum',
    happened:
      'The bytes that arrived are not the bytes that this version of Teal was tested with; they were thrown away.',
    doThis: 'Run the command again; if it happens twice, ask who runs the package index what it serves.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TOOLS-005': {
    summary: 'A program ended with an error',
    happened: 'A program that Teal called ended with an exit code that says it did not do its work.',
    doThis: 'Read the end of what it printed (in the facts), mend the cause and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-TOOLS-${number}`, ErrorEntry>;
