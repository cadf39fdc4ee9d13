import { monotonicMs } from '../../kernel/clock.ts';

interface Kept<T> {
  readonly text: T | undefined;
  readonly readAtMs: number;
}

/** A changed password is seen by the proxy this much later at most; the backend itself never takes the old one. */
const freshMs = 1_000;
const keptLimit = 10_000;

/** The stored passwords of roles, read from the live side and kept for a moment; an old one is used only when the side cannot be asked. */
export class Verifiers<T = string> {
  readonly #read: (user: string) => Promise<T | undefined>;
  readonly #kept = new Map<string, Kept<T>>();

  constructor(read: (user: string) => Promise<T | undefined>) {
    this.#read = read;
  }

  async of(user: string): Promise<T | undefined> {
    const kept = this.#kept.get(user);
    if (kept !== undefined && monotonicMs() - kept.readAtMs < freshMs) return kept.text;
    try {
      const text = await this.#read(user);
      if (this.#kept.size >= keptLimit) this.#kept.clear();
      this.#kept.set(user, { text, readAtMs: monotonicMs() });
      return text;
    } catch (error) {
      if (kept === undefined) throw error;
      return kept.text;
    }
  }

  forget(user: string): void {
    this.#kept.delete(user);
  }
}
