import { monotonicMs, sleep } from '../kernel/clock.ts';
import type { LogBatch, OutboxEvent, OutboxLog, OutboxStore, RelayHolder, Settled } from '../ports/outbox.ts';
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

/**
 * The log is the queue: it brings events in the order of commits, and a place in it is kept, in the transaction that writes down how their delivery has ended. Letters are no part of it: they are looked
 * for from time to time, and come first.
 */
export function logQueue(store: OutboxStore, log: OutboxLog, limits: RelayLimits): OutboxQueue {
  const limit = { events: limits.batchEvents, bytes: limits.batchBytes };
  let taken: LogBatch | undefined;
  let nextLook = 0;
  return {
    async take(stop) {
      taken = undefined;
      if (monotonicMs() >= nextLook) {
        const due = await store.dueLetters(limit);
        if (due.length > 0) return due;
        nextLook = monotonicMs() + limits.letterLookMs;
      }
      taken = await log.take(limit, Math.max(1, nextLook - monotonicMs()), stop);
      return taken.events;
    },
    async settle(holder, settled) {
      const count = taken === undefined ? 0 : settledInFront(taken.events, settled);
      const place = count === 0 ? undefined : taken?.placeAfter(count);
      await store.settle(holder, settled, place);
      if (place !== undefined) log.settledUpTo(place);
    },
    [Symbol.asyncDispose]: async () => log[Symbol.asyncDispose](),
  };
}

/** How many of the first events are settled without a gap: a relay that ends early may leave some of each lane. */
export function settledInFront(events: readonly OutboxEvent[], settled: readonly Settled[]): number {
  const done = new Set(settled.map(({ event }) => event));
  const gap = events.findIndex((event) => !done.has(event));
  return gap === -1 ? events.length : gap;
}
