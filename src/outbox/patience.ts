import { monotonicMs } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { pauseAfter, type RelayLimits } from './limits.ts';

/**
 * Counts how long something has been away, over all who ask for it. Nothing but time bounds the attempts: that a receiver is down says nothing about the events that wait for it.
 */
export class Patience {
  readonly #limits: RelayLimits;
  readonly #clock: () => number;
  #awaySinceMs: number | undefined;
  #failures = 0;

  constructor(limits: RelayLimits, clock: () => number = monotonicMs) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Undefined while nothing is away. */
  get awayForMs(): number | undefined {
    return this.#awaySinceMs === undefined ? undefined : this.#clock() - this.#awaySinceMs;
  }

  back(): void {
    this.#awaySinceMs = undefined;
    this.#failures = 0;
  }

  /** The pause before the next attempt. TEAL-OUTBOX-003 when there is to be none. */
  away(cause: unknown): number {
    this.#awaySinceMs ??= this.#clock();
    this.#failures += 1;
    const awayMs = Math.round(this.#clock() - this.#awaySinceMs);
    if (awayMs >= this.#limits.patienceMs) {
      throw new TealError('TEAL-OUTBOX-003', 'away for too long', { awayMs }, cause);
    }
    return pauseAfter(this.#failures, this.#limits);
  }
}
