import type { ErrorEntry } from './entry.ts';

export const cliCodes = {
  'TEAL-CLI-001': {
    summary: 'An address is missing',
    happened:
      'The command needs the addresses of both systems, and one of them is neither in the environment nor on the command line.',
    doThis: 'Set BLUE_URL and GREEN_URL (postgres://user:password@host:port/database), or give --blue and --green.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CLI-002': {
    summary: 'A file could not be written',
    happened: 'The file is there already, or this user may not write it.',
    doThis: 'Choose another name (--file, --out), or give --force where the command has it.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CLI-003': {
    summary: 'A destructive command was not confirmed',
    happened: 'The command ends something that cannot be had back, and nobody has said yes. Nothing was done.',
    doThis: 'Type what it asks for, or give --yes where nobody sits at the terminal.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-CLI-${number}`, ErrorEntry>;
