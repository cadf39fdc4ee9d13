import { monotonicMs } from '../../kernel/clock.ts';

/** So many failures at once, then one every so many milliseconds. */
interface Rate {
  readonly burst: number;
  readonly everyMs: number;
}

/** Of one role from one address: who guesses a password. */
const ofRole: Rate = { burst: 20, everyMs: 2_000 };
/** Of one address whatever the role: who goes through names. Wide, for a whole cluster may come from one address. */
const ofAddress: Rate = { burst: 200, everyMs: 250 };
const keptLimit = 20_000;

/** More failures than are allowed: the login is refused whatever the password, so that a refusal says nothing about it. */
export class TooManyFailures extends Error {}

export interface LoginAttempts {
  /** Right before a proof is looked at, in the same turn: however many arrive at once, only the allowed number is looked at. Throws `TooManyFailures`. */
  check(): void;
  failed(): void;
}

/**
 * Bounds how often passwords can be guessed. Only failures count, so any number of clients may come at once with the right one. Kept as one number a key, the
 * moment at which its failures are forgotten (the generic cell rate algorithm); at most `keptLimit` keys, the oldest go first.
 */
export class LoginLimits {
  readonly #forgottenAtMs = new Map<string, number>();
  readonly #onLimit: (user: string, address: string) => void;
  readonly #clock: () => number;

  /** `onLimit` is called when a limit is reached, not for each login that it refuses. */
  constructor(onLimit: (user: string, address: string) => void, clock: () => number = monotonicMs) {
    this.#onLimit = onLimit;
    this.#clock = clock;
  }

  attempts(user: string, address: string): LoginAttempts {
    const network = networkOf(address);
    const keys = [
      [`${network} ${user}`, ofRole],
      [network, ofAddress],
    ] as const;
    const exhausted = (): boolean => keys.some(([key, rate]) => this.#isExhausted(key, rate));
    return {
      check: () => {
        if (exhausted()) throw new TooManyFailures();
      },
      failed: () => {
        for (const [key, rate] of keys) this.#count(key, rate);
        if (exhausted()) this.#onLimit(user, address);
      },
    };
  }

  #isExhausted(key: string, { burst, everyMs }: Rate): boolean {
    return (this.#forgottenAtMs.get(key) ?? 0) + everyMs - this.#clock() > burst * everyMs;
  }

  #count(key: string, { everyMs }: Rate): void {
    const at = Math.max(this.#forgottenAtMs.get(key) ?? 0, this.#clock()) + everyMs;
    this.#forgottenAtMs.delete(key);
    this.#forgottenAtMs.set(key, at);
    if (this.#forgottenAtMs.size <= keptLimit) return;
    const [oldest] = this.#forgottenAtMs.keys();
    if (oldest !== undefined) this.#forgottenAtMs.delete(oldest);
  }
}

/** An IPv6 address stands for its /64: whoever has one has all of them. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string | undefined): readonly string[] => (text ?? '').split(':').filter((it) => it !== '');
  const [before, after] = [groups(head), groups(tail)];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
}
