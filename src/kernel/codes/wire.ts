import type { ErrorEntry } from './entry.ts';

export const wireCodes = {
  'TEAL-WIRE-001': {
    summary: 'A malformed message arrived',
    happened:
      'The peer sent bytes that its protocol does not allow at this place. The connection was closed and nothing of the message was used.',
    doThis:
      'Check that the address is a server of the kind that was meant, of a supported version, and that nothing between rewrites the stream; then run the command again.',
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
  'TEAL-WIRE-003': {
    summary: 'A change arrived damaged',
    happened:
      'The checksum of an event of the binlog does not fit what arrived: it was changed on its way or on the disk of the server. Nothing of it was used.',
    doThis:
      'Read the same binlog with the server’s own mysqlbinlog --verify-binlog-checksum. Where that succeeds run the command again; where it fails the file is damaged and the copy must begin anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-WIRE-004': {
    summary: 'A batch of Kafka’s records arrived damaged',
    happened:
      'The checksum of a batch of records does not fit what arrived: it was changed on its way or on the disk of the broker. Nothing of it was used.',
    doThis:
      'Look at the disk of the broker that leads the partition: `kafka-dump-log.sh --files …` names the batch. Where another replica has it whole, make that one the leader; then start again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-WIRE-005': {
    summary: 'Records of Kafka are of an older message format',
    happened:
      'A batch is of message format 0 or 1, which brokers wrote before 0.11 and where log.message.format.version said so. Teal reads format 2 alone.',
    doThis:
      'Wait until retention has taken those segments away, or let a consumer and a producer write the topic anew on the old cluster. Nothing was mirrored wrongly.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-WIRE-006': {
    summary: 'An answer of DNS is not proven to come from its server',
    happened:
      'The answer has no signature by the key of `traffic.key` (TSIG), or one that does not fit, is of another time, or says that the server does not take the key. Nothing of it was used.',
    doThis:
      'Compare name, algorithm and secret with those in the configuration of the server (`tsig-keygen` prints them), and the clocks of both machines. The log of the server says what it has against a request.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-WIRE-${number}`, ErrorEntry>;
