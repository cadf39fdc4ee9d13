import { monotonicMs } from '../../kernel/clock.ts';
import type { Side } from '../../model/catalog.ts';

interface Kept<T> {
  readonly text: T | undefined;
  readonly readAtMs: number;
}

/** A changed password is seen by the proxy this much later at most; the backend itself never takes the old one. */
const freshMs = 1_000;
const keptLimit = 10_000;

/**
 * How roles prove their passwords, read from the live side and kept for a moment; an old one is used only when the side cannot be asked. What one side has said tells nothing of the
 * other, whose accounts may prove themselves in another way: right after a cut nobody is judged by the side that was left.
 */
export class Verifiers<T = string> {
  readonly #live: () => Side;
  readonly #read: (side: Side, user: string) => Promise<T | undefined>;
  readonly #kept = { blue: new Map<string, Kept<T>>(), green: new Map<string, Kept<T>>() };

  constructor(live: () => Side, read: (side: Side, user: string) => Promise<T | undefined>) {
    this.#live = live;
    this.#read = read;
  }

  async of(user: string): Promise<T | undefined> {
    const side = this.#live();
    const ofSide = this.#kept[side];
    const kept = ofSide.get(user);
    if (kept !== undefined && monotonicMs() - kept.readAtMs < freshMs) return kept.text;
    try {
      const text = await this.#read(side, user);
      if (ofSide.size >= keptLimit) ofSide.clear();
      ofSide.set(user, { text, readAtMs: monotonicMs() });
      return text;
    } catch (error) {
      if (kept === undefined) throw error;
      return kept.text;
    }
  }

  forget(user: string): void {
    this.#kept.blue.delete(user);
    this.#kept.green.delete(user);
  }
}
