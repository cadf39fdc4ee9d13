import { sleep } from '../../kernel/clock.ts';

/** Wakes those who wait for something that changes often; each looks for itself whether it is what it waits for. */
export class Bell {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    const rung = this.#rung;
    this.#rung = Promise.withResolvers<void>();
    rung.resolve();
  }

  /** Until the next ring, or until the time is over. */
  async heard(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    try {
      await Promise.race([this.#rung.promise, sleep(timeoutMs, timer.signal).catch(() => undefined)]);
    } finally {
      timer.abort();
    }
  }
}
