import type { ErrorEntry } from './entry.ts';

export const engineCodes = {
  'TEAL-ENGINE-001': {
    summary: 'A step failed',
    happened:
      'The step in the facts was begun and ended with an error. It may have done nothing, a part, or all of its work; the journal says that it was begun.',
    doThis:
      'Mend what the cause says, then run the same command again: the step looks first at what is there and goes on from it.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-ENGINE-002': {
    summary: 'A step did not have its effect',
    happened:
      'The step ended without an error, and the look at the outside world afterwards did not find what it should have done.',
    doThis:
      'See whether somebody or something takes the change back at the same time (another tool, an event trigger, a policy), then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-ENGINE-003': {
    summary: 'A step could not look at what is there',
    happened:
      'Before it acts a step asks the outside world whether it has happened already. The question ended with an error; nothing was changed.',
    doThis: 'Check that both systems can be reached, then run the same command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-ENGINE-004': {
    summary: 'A step could not be undone',
    happened:
      'Undoing the step in the facts ended with an error. Steps after it are undone, it and those before it are not.',
    doThis: 'Mend what the cause says, then run the same command again: it goes on with this step.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-ENGINE-005': {
    summary: 'A gate could not be asked',
    happened:
      'The question that guards the next stage ended with an error instead of an answer. The stage was not begun.',
    doThis: 'Mend what the cause says, then run the same command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-ENGINE-${number}`, ErrorEntry>;
