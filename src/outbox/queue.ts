import { sleep } from '../kernel/clock.ts';
import type { OutboxEvent, OutboxStore, RelayHolder, Settled } from '../ports/outbox.ts';
import type { RelayLimits } from './limits.ts';

/**
 * Where a relay takes events from. What was taken is settled before more is taken; what was taken and not settled comes again, from this queue or from the next.
 */
export interface OutboxQueue extends AsyncDisposable {
  /** In the order in which they are to be delivered. None when there was nothing for a while. */
  take(stop: AbortSignal): Promise<readonly OutboxEvent[]>;
  settle(holder: RelayHolder, settled: readonly Settled[]): Promise<void>;
}

/** Between two looks at an empty outbox: it may end early. */
export type Pause = (ms: number, stop: AbortSignal) => Promise<void>;

/**
 * The table itself is the queue: a row that was delivered is deleted, so that nothing marks a place, and no transaction that commits late can be behind it. Letters that are asked for again come first.
 */
export function pollingQueue(store: OutboxStore, limits: RelayLimits, pause: Pause = sleep): OutboxQueue {
  const limit = { events: limits.batchEvents, bytes: limits.batchBytes };
  return {
    async take(stop) {
      const due = await store.dueLetters(limit);
      const taken = due.length > 0 ? due : await store.rows(limit);
      if (taken.length === 0) await pause(limits.pollMs, stop);
      return taken;
    },
    settle: async (holder, settled) => store.settle(holder, settled),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
