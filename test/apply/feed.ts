import type { StreamEvent } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { EventSource } from '../../src/sync/event-source.ts';

/** An event source that a test fills by hand. */
export class Feed implements EventSource {
  readonly #batches: (readonly StreamEvent[])[] = [];
  #arrived = Promise.withResolvers<void>();
  readonly trims: Position[] = [];
  #isAsked = false;

  /** True when whoever reads has taken everything, is done with it and asks for more. */
  get isDrained(): boolean {
    return this.#isAsked && this.#batches.length === 0;
  }

  push(events: readonly StreamEvent[]): void {
    if (events.length === 0) return;
    this.#batches.push(events);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  async next(signal: AbortSignal): Promise<readonly StreamEvent[]> {
    for (;;) {
      signal.throwIfAborted();
      const batch = this.#batches.shift();
      this.#isAsked = batch === undefined;
      if (batch !== undefined) return batch;
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.race([this.#arrived.promise, aborted]);
    }
  }

  hasMore(): boolean {
    return this.#batches.length > 0;
  }

  trimmed(position: Position): void {
    this.trims.push(position);
  }
}
