import { sleep } from '../../../kernel/clock.ts';

/** Which mirrors have come to where a cut has them end, and what one of them failed with. */
export class Ended {
  readonly #keys = new Set<string>();
  #failure: { readonly error: unknown } | undefined;
  #isNews = false;
  #wake: (() => void) | undefined;

  /** `key`: `keyOf` its partition. */
  add(key: string): void {
    this.#keys.add(key);
    this.#tell();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#tell();
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Resolves after so long, or when something was told since the last call; throws what a mirror failed with. For one who waits at a time. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isNews) {
      // A promise of this wait alone: one that lives as long as the mirrors would keep every wait for it.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await Promise.race([promise, sleep(ms, signal)]);
    }
    this.#isNews = false;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #tell(): void {
    this.#isNews = true;
    this.#wake?.();
  }
}
