import type { ErrorEntry } from './entry.ts';

export const appCodes = {
  'TEAL-APP-001': {
    summary: 'Blockers stand in the way',
    happened:
      'Before the first change both systems are assessed, and something that would make the migration fail or lose data was found. Nothing was changed.',
    doThis: 'Run `teal assess`: it tells each blocker with the statement that mends it. Then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-002': {
    summary: 'A process of the migration dies again and again',
    happened:
      'A flow or the proxy was found dead and started anew more than eight times within ten minutes. The supervisor does not start it any more; everything else goes on.',
    doThis:
      'Read the end of its log in the state folder (`carrier-forward/worker.log`, `carrier-reverse/worker.log`, `proxy/log`), mend the cause and run `teal up`: it starts it and counts anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-003': {
    summary: 'The supervisor could not be started',
    happened:
      'The process that starts a flow or the proxy again when it dies has ended at once, or did not answer in time.',
    doThis: 'Read its log (`supervisor/log` in the state folder), mend the cause and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-004': {
    summary: 'The migration has ended',
    happened: 'It was finalised: its flows are gone, so that nothing can be compared or accepted any more.',
    doThis: '`teal status` and `teal report` tell what was. For another migration give another name in the file.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-APP-${number}`, ErrorEntry>;
