import { monotonicMs } from './clock.ts';

/** So many failures at once, then one every so many milliseconds. */
export interface FailureRate {
  readonly burst: number;
  readonly everyMs: number;
}

const keptLimit = 20_000;

/**
 * Bounds how often something may fail, by key. Kept as one number a key, the moment at which its failures are forgotten (the generic cell rate algorithm); at most
 * `keptLimit` keys, the oldest go first.
 */
export class FailureLimits {
  readonly #forgottenAtMs = new Map<string, number>();
  readonly #clock: () => number;

  constructor(clock: () => number = monotonicMs) {
    this.#clock = clock;
  }

  isExhausted(key: string, { burst, everyMs }: FailureRate): boolean {
    return (this.#forgottenAtMs.get(key) ?? 0) + everyMs - this.#clock() > burst * everyMs;
  }

  count(key: string, { everyMs }: FailureRate): void {
    const at = Math.max(this.#forgottenAtMs.get(key) ?? 0, this.#clock()) + everyMs;
    this.#forgottenAtMs.delete(key);
    this.#forgottenAtMs.set(key, at);
    if (this.#forgottenAtMs.size <= keptLimit) return;
    const [oldest] = this.#forgottenAtMs.keys();
    if (oldest !== undefined) this.#forgottenAtMs.delete(oldest);
  }
}

/** Whom failures from an address are counted for. An IPv6 address stands for its /64: whoever has one has all of them. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string | undefined): readonly string[] => (text ?? '').split(':').filter((it) => it !== '');
  const [before, after] = [groups(head), groups(tail)];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
}
