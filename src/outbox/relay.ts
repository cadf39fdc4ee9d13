import { monotonicMs, sleep } from '../kernel/clock.ts';
import { isTealError, TealError } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import { isProcessThere } from '../kernel/process-there.ts';
import type { OutboxEvent, OutboxStore, OutboxTarget, RelayHolder, Settled } from '../ports/outbox.ts';
import { deliverLane, type LaneFailure } from './deliver-lane.ts';
import { aggregateKey, aggregatesOf, lanesOf } from './lanes.ts';
import type { RelayLimits } from './limits.ts';
import { Patience } from './patience.ts';
import type { OutboxQueue } from './queue.ts';

export interface RelayOptions {
  readonly store: OutboxStore;
  /** Opened when the lease is had, closed before it is given up. */
  readonly openQueue: () => OutboxQueue;
  readonly target: OutboxTarget;
  readonly holder: RelayHolder;
  readonly limits: RelayLimits;
  /** Ends the relay: what is being delivered is brought to its end and settled. */
  readonly stop: AbortSignal;
  readonly tell: (event: RelayEvent) => void;
}

export type RelayEvent =
  | { readonly kind: 'standing by'; readonly host: string; readonly pid: number }
  | { readonly kind: 'relaying'; readonly place: string }
  | {
      readonly kind: 'settled';
      readonly delivered: number;
      readonly dead: number;
      readonly behind: number;
      readonly ms: number;
    }
  | ({ readonly kind: 'delivery failed' } & LaneFailure)
  | { readonly kind: 'source away'; readonly error: unknown }
  | { readonly kind: 'lost the lease' };

/** Everything was delivered and nothing is settled yet: the whole batch will be delivered again. */
export const beforeSettling = 'outbox.relay.before-settling';

/**
 * Takes, delivers and settles, until it is stopped. Order: an event is delivered before the next of its aggregate is begun, and a batch is settled before the next is taken; so whatever ends the relay, the
 * next begins with what was not settled, and the first deliveries of an aggregate's events are always in order. Errors: TEAL-OUTBOX-003, and what trying again does not help.
 */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { stop, tell } = options;
  while (!stop.aborted) {
    try {
      await standBy(options);
      await serve(options);
    } catch (error) {
      if (stop.aborted) return;
      if (!isTealError(error, 'TEAL-OUTBOX-004')) throw error;
      tell({ kind: 'lost the lease' });
    }
  }
}

/** Until the lease is this relay's: a second relay waits beside the first, and goes on when that ends. */
async function standBy({ store, holder, limits, stop, tell }: RelayOptions): Promise<void> {
  const patience = new Patience(limits);
  let told: string | undefined;
  for (let gone: string | undefined; ;) {
    const lease = await repeated(patience, stop, tell, async () => store.lease(holder, limits.leaseMs, gone));
    if (lease.state === 'mine') return;
    const { by } = lease;
    gone = by.host === holder.host && (by.pid === holder.pid || !isProcessThere(by.pid)) ? by.name : undefined;
    if (gone !== undefined) continue;
    if (told !== by.name) tell({ kind: 'standing by', host: by.host, pid: by.pid });
    told = by.name;
    await sleep(Math.min(Math.max(lease.forMs, 50), limits.leaseMs), stop);
  }
}

async function serve(options: RelayOptions): Promise<void> {
  const { store, holder, limits, target, tell, openQueue } = options;
  const lost = new AbortController();
  const stop = AbortSignal.any([options.stop, lost.signal]);
  const keeping = keepLease(options, lost);
  tell({ kind: 'relaying', place: target.place });
  try {
    await using queue = openQueue();
    const patience = { source: new Patience(limits), target: new Patience(limits) };
    const run = {
      target,
      limits,
      patience: patience.target,
      stop,
      onFailure: (failure: LaneFailure) => tell({ kind: 'delivery failed', ...failure }),
    };
    while (!stop.aborted) {
      const begun = monotonicMs();
      const taken = await repeated(patience.source, stop, tell, async () => queue.take(stop));
      if (taken.length === 0) continue;
      const { waiting, free } = await repeated(patience.source, stop, tell, async () => divide(store, taken));
      const results = await Promise.all(lanesOf(free, target.lanes).map(async (lane) => deliverLane(lane, run)));
      failpoint(beforeSettling);
      const settled = [...results.flatMap((each) => each.settled), ...waiting];
      // Also when it is to end: what was delivered need not be delivered again.
      await repeated(patience.source, lost.signal, tell, async () => queue.settle(holder, settled));
      tell({ kind: 'settled', ...countsOf(settled), ms: Math.round(monotonicMs() - begun) });
      const ended = results.find((each) => each.ended !== undefined)?.ended;
      if (ended !== undefined) throw ended;
    }
    lost.signal.throwIfAborted();
  } finally {
    const isLost = lost.signal.aborted;
    lost.abort();
    await keeping;
    if (!isLost) await giveUp(options);
  }
}

/** Whoever stands by need not wait for the lease to end. Where this fails it does. */
async function giveUp({ store, holder, tell }: RelayOptions): Promise<void> {
  try {
    await store.lease(holder, 0);
  } catch (error) {
    tell({ kind: 'source away', error });
  }
}

/** What comes later for an aggregate that has a letter is not tried, nor is what nobody could read. */
async function divide(
  store: OutboxStore,
  taken: readonly OutboxEvent[],
): Promise<{ readonly waiting: readonly Settled[]; readonly free: readonly OutboxEvent[] }> {
  const fresh = taken.filter(({ from }) => from === 'outbox');
  const held = new Set((fresh.length === 0 ? [] : await store.held(aggregatesOf(fresh))).map(aggregateKey));
  const isFree = (event: OutboxEvent): boolean =>
    event.unreadable === undefined && (event.from === 'letters' || !held.has(aggregateKey(event)));
  return {
    free: taken.filter(isFree),
    waiting: taken.filter((event) => !isFree(event)).map(withoutTrying),
  };
}

function withoutTrying(event: OutboxEvent): Settled {
  const { unreadable } = event;
  return unreadable === undefined
    ? { outcome: 'behind', event }
    : { outcome: 'dead', event, attempts: 0, reason: `TEAL-OUTBOX-062: ${unreadable}` };
}

function countsOf(settled: readonly Settled[]): Record<Settled['outcome'], number> {
  const count = (wanted: Settled['outcome']): number => settled.filter(({ outcome }) => outcome === wanted).length;
  return { delivered: count('delivered'), dead: count('dead'), behind: count('behind') };
}

/** Prolongs the lease until the signal; aborts it with TEAL-OUTBOX-004 when the lease is another's. That the database is away for a while is the business of whoever asks it for work. */
async function keepLease({ store, holder, limits }: RelayOptions, lost: AbortController): Promise<void> {
  while (!lost.signal.aborted) {
    try {
      await sleep(limits.leaseMs / 3, lost.signal);
      const lease = await store.lease(holder, limits.leaseMs);
      if (lease.state === 'taken') lost.abort(leaseLost(lease.by));
    } catch (error) {
      if (!lost.signal.aborted && !mayPass(error)) lost.abort(error);
    }
  }
}

/** What a relay says that finds its lease in other hands. */
export function leaseLost({ host, pid }: Pick<RelayHolder, 'host' | 'pid'>): TealError {
  return new TealError('TEAL-OUTBOX-004', `the relay of process ${pid} on ${host} has the lease`, { host, pid });
}

async function repeated<T>(
  patience: Patience,
  stop: AbortSignal,
  tell: RelayOptions['tell'],
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    stop.throwIfAborted();
    try {
      const done = await work();
      patience.back();
      return done;
    } catch (error) {
      stop.throwIfAborted();
      if (!mayPass(error)) throw error;
      tell({ kind: 'source away', error });
      await sleep(patience.away(error), stop);
    }
  }
}

/** Only what its own entry calls so: anything else is told at once. */
function mayPass(error: unknown): boolean {
  return isTealError(error) && error.entry.retry === 'auto' && error.code !== 'TEAL-OUTBOX-004';
}
