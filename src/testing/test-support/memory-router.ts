import { EventEmitter, once } from 'node:events';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { RouterWorld } from '../router-contract.ts';

/** Each breaks the promise that it stands beside in contracts.test.ts. */
export type RouterFault =
  | 'does not know where it points'
  | 'holds once'
  | 'stays where it is'
  | 'believes whoever tells it'
  | 'holds nobody'
  | 'is drained at once';

export function memoryRouterWorld(fault?: RouterFault): RouterWorld {
  const events = new EventEmitter();
  let owner: { readonly side: Side; readonly epoch: number } = { side: 'blue', epoch: 0 };
  let pointed = owner;
  let isHolding = false;
  let inFlight = 0;
  return {
    router: {
      read: async () => ({
        mode: isHolding ? 'holding' : 'running',
        pointsTo: fault === 'does not know where it points' ? 'unknown' : pointed.side,
        epoch: pointed.epoch,
        clients: 1,
        inFlight,
        pinned: [],
      }),
      async hold({ drainMs }) {
        if (isHolding && fault === 'holds once') throw new Error('it holds already');
        isHolding = true;
        if (fault === 'is drained at once' || (await drained(() => inFlight === 0, drainMs)))
          return { drained: true, clients: 1, waitedMs: 0 };
        return { drained: false, inFlight, pinned: [], busy: [], waitedMs: drainMs };
      },
      async point(side, epoch) {
        if (fault === 'stays where it is') return;
        if (fault !== 'believes whoever tells it' && (owner.side !== side || owner.epoch !== epoch))
          throw new Error('the owner row says otherwise');
        pointed = { side, epoch };
      },
      async release() {
        isHolding = false;
        events.emit('released');
      },
    },
    decide: async (side, epoch) => {
      owner = { side, epoch };
    },
    async ask() {
      if (isHolding && fault !== 'holds nobody') await once(events, 'released');
      return pointed.side;
    },
    async begin() {
      inFlight += 1;
      return async () => {
        inFlight -= 1;
      };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function drained(isSo: () => boolean, timeoutMs: number): Promise<boolean> {
  try {
    return await waitFor({ what: 'transactions to end', timeoutMs, everyMs: 1 }, () => isSo() || undefined);
  } catch (error) {
    if (isTealError(error, 'TEAL-KERNEL-002')) return false;
    throw error;
  }
}
