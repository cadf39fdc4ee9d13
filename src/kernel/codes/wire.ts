import type { ErrorEntry } from './entry.ts';

export const wireCodes = {
  'TEAL-WIRE-001': {
    summary: 'A malformed message arrived',
    happened:
      'The peer sent bytes that its protocol does not allow at this place. The connection was closed and nothing of the message was used.',
    doThis:
      'Check that the address is a PostgreSQL server of a supported version and that nothing between rewrites the stream; then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-WIRE-002': {
    summary: 'A message is longer than the limit',
    happened:
      'The peer announced a message that is longer than Teal accepts at this place. The connection was closed before reading it.',
    doThis: 'Find the row or value of that size (see the facts); raise the limit if it is legitimate.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-WIRE-${number}`, ErrorEntry>;
