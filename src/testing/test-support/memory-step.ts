import type { StepWorld } from '../step-contract.ts';

/** Each breaks the promise that it stands beside in contracts.test.ts. */
export type StepFault =
  | 'tells nobody anything'
  | 'changes what it looks at'
  | 'does twice what it is to do once'
  | 'undoes everything'
  | 'undoes only what it has done'
  | 'can be done once'
  | 'does not go on';

export interface MemoryStepWorld extends StepWorld {
  /** What is there of an act that was ended in the middle. */
  readonly actHalf: () => void;
}

/** A step of two halves beside something that was there before. */
export function memoryStepWorld(fault?: StepFault): MemoryStepWorld {
  let outside: readonly string[] = ['mine'];
  let acts = 0;
  const add = (what: string): void => {
    if (!outside.includes(what) || fault === 'does twice what it is to do once') outside = [...outside, what];
  };
  return {
    actHalf: () => add('half'),
    look: async () => outside,
    step: {
      id: 'step',
      does: fault === 'tells nobody anything' ? '' : 'adds two halves',
      locks: 'nothing',
      costs: 'nothing',
      undone: 'both halves are taken away',
      async probe() {
        if (fault === 'changes what it looks at') add('a look');
        const [half, other] = [outside.includes('half'), outside.includes('other half')];
        if (half && other) return { state: 'done', evidence: 'both are there' };
        return half || other ? { state: 'partly', evidence: 'one is there' } : { state: 'not done' };
      },
      async act() {
        acts += 1;
        if (fault === 'does not go on' && outside.includes('half') && !outside.includes('other half')) return;
        if (fault === 'can be done once' && acts > 1) return;
        add('half');
        add('other half');
      },
      async undo() {
        if (fault === 'undoes only what it has done' && acts === 0) throw new Error('nothing was done');
        outside = fault === 'undoes everything' ? [] : outside.filter((each) => !each.endsWith('half'));
      },
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
