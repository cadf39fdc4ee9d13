import type { GateWorld } from '../gate-contract.ts';

/** Each breaks the promise that it stands beside in contracts.test.ts. */
export type GateFault = 'asks nothing' | 'says yes at once' | 'says yes once' | 'throws where it cannot tell';

export function memoryGateWorld(fault?: GateFault): GateWorld {
  let isSo = fault === 'says yes at once';
  let isBroken = false;
  return {
    gate: {
      id: 'gate',
      asks: fault === 'asks nothing' ? '' : 'is it so?',
      person: false,
      async ask() {
        if (isBroken && fault === 'throws where it cannot tell') throw new Error('the program is gone');
        if (isBroken) return { answer: 'cannot tell', evidence: 'the program is gone' };
        const answer = isSo ? 'yes' : 'no';
        if (fault === 'says yes once') isSo = false;
        return { answer, evidence: answer };
      },
    },
    makeYes: async () => {
      isSo = true;
    },
    breakIt: async () => {
      isBroken = true;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
