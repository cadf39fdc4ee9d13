import { sleep } from '../kernel/clock.ts';
import { describeError, isTealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import type { OutboxEvent, OutboxTarget, Settled } from '../ports/outbox.ts';
import { aggregateKey } from './lanes.ts';
import { pauseAfter, type RelayLimits } from './limits.ts';
import type { Patience } from './patience.ts';

export interface LaneRun {
  readonly target: OutboxTarget;
  readonly limits: RelayLimits;
  readonly patience: Patience;
  /** Between two deliveries: what is under way is brought to its end, so that it need not be delivered again. */
  readonly stop: AbortSignal;
  readonly onFailure?: (failure: LaneFailure) => void;
}

export interface LaneFailure {
  readonly event: string;
  readonly attempt: number;
  readonly error: unknown;
}

export interface LaneResult {
  readonly settled: readonly Settled[];
  /** Why it ended before its end. */
  readonly ended?: unknown;
}

/**
 * Delivers events in their order. One that fails for good, or too often, is dead, and the later ones of its aggregate stay behind it; those of others go on. Several that fail together are tried one by
 * one: nobody knows which of them it was.
 */
export async function deliverLane(events: readonly OutboxEvent[], run: LaneRun): Promise<LaneResult> {
  const lane = new Lane(run);
  try {
    await lane.deliver(events);
    return { settled: lane.settled };
  } catch (ended) {
    return { settled: lane.settled, ended };
  }
}

class Lane {
  readonly settled: Settled[] = [];
  readonly #run: LaneRun;
  readonly #blocked = new Set<string>();

  constructor(run: LaneRun) {
    this.#run = run;
  }

  async deliver(events: readonly OutboxEvent[]): Promise<void> {
    const most = this.#run.target.mostAtOnce;
    for (let at = 0; at < events.length; at += most) await this.#deliverTogether(events.slice(at, at + most));
  }

  async #deliverTogether(events: readonly OutboxEvent[]): Promise<void> {
    const free = events.filter((event) => !this.#blocked.has(aggregateKey(event)));
    const failed = free.length === 0 ? undefined : await this.#try(free, 1);
    if (failed === undefined) {
      this.settled.push(
        ...events.map((event): Settled => ({ outcome: free.includes(event) ? 'delivered' : 'behind', event })),
      );
      return;
    }
    for (const event of events) {
      if (this.#blocked.has(aggregateKey(event))) this.settled.push({ outcome: 'behind', event });
      else await this.#deliverOne(event, free.length === 1 ? failed : undefined);
    }
  }

  async #deliverOne(event: OutboxEvent, before: unknown): Promise<void> {
    const { limits, stop } = this.#run;
    let error = before;
    for (let attempt = error === undefined ? 0 : 1; ; attempt += 1) {
      if (error !== undefined) {
        if (isTealError(error, 'TEAL-OUTBOX-010') || attempt >= limits.attempts) {
          this.#blocked.add(aggregateKey(event));
          this.settled.push({ outcome: 'dead', event, attempts: attempt, reason: redact(describeError(error)) });
          return;
        }
        await sleep(pauseAfter(attempt, limits), stop);
      }
      error = await this.#try([event], attempt + 1);
      if (error === undefined) {
        this.settled.push({ outcome: 'delivered', event });
        return;
      }
    }
  }

  /** The failure that the events are to blame for, if any. While the receiver is away it waits. */
  async #try(events: readonly OutboxEvent[], attempt: number): Promise<unknown> {
    const { target, patience, stop, onFailure } = this.#run;
    for (;;) {
      stop.throwIfAborted();
      try {
        await target.deliver(events);
        patience.back();
        return undefined;
      } catch (error) {
        onFailure?.({ event: events[0]?.id ?? '', attempt, error });
        if (!isTealError(error)) throw error;
        if (error.code !== 'TEAL-OUTBOX-012') {
          patience.back();
          return error;
        }
        await sleep(patience.away(error), stop);
      }
    }
  }
}
