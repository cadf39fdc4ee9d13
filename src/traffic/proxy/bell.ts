import { sleep } from '../../kernel/clock.ts';

/** Whether the work ended in time. Where it did not it goes on, and how it ends is nobody's concern any more. Rejects as the work does. */
export async function endsWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(Math.max(0, timeoutMs), timer.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

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
