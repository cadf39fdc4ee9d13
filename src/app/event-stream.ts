import type { MigrationEvent } from './events.ts';

/** Events that wait for a reader; past it the oldest is forgotten and counted, so that a program that does not read holds nobody up and fills no memory. */
export const eventsKept = 10_000;

/** A bounded queue with one reader. Never makes the writer wait. */
export class EventStream {
  readonly #waiting: MigrationEvent[] = [];
  #wake: (() => void) | undefined;
  #end: { readonly error?: unknown } | undefined;
  #dropped = 0;

  /** How many events were forgotten because nobody had read them. */
  get dropped(): number {
    return this.#dropped;
  }

  push(event: MigrationEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > eventsKept) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#wake?.();
  }

  /** Without an error the reader's loop ends; with one it throws it. */
  end(error?: { readonly error: unknown }): void {
    this.#end = error ?? {};
    this.#wake?.();
  }

  /** What has not been read yet, then what comes. For one reader: two would share the events between them. */
  async *read(): AsyncGenerator<MigrationEvent, void, undefined> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        yield next;
      } else if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      } else {
        const woken = Promise.withResolvers<void>();
        this.#wake = woken.resolve;
        await woken.promise;
      }
    }
  }
}
