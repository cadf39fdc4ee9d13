import { monotonicMs } from '../../kernel/clock.ts';
import { FailureLimits, networkOf, type FailureRate } from '../../kernel/failure-limits.ts';

/** Of one role from one address: who guesses a password. */
const ofRole: FailureRate = { burst: 20, everyMs: 2_000 };
/** Of one address whatever the role: who goes through names. Wide, for a whole cluster may come from one address. */
const ofAddress: FailureRate = { burst: 200, everyMs: 250 };

/** More failures than are allowed: the login is refused whatever the password, so that a refusal says nothing about it. */
export class TooManyFailures extends Error {}

export interface LoginAttempts {
  /** Right before a proof is looked at, in the same turn: however many arrive at once, only the allowed number is looked at. Throws `TooManyFailures`. */
  check(): void;
  failed(): void;
}

/** Bounds how often passwords can be guessed. Only failures count, so any number of clients may come at once with the right one. */
export class LoginLimits {
  readonly #failures: FailureLimits;
  readonly #onLimit: (user: string, address: string) => void;
  readonly #tell: (user: string, address: string) => void;

  /** `onLimit` is called when a limit is reached, not for each login that it refuses; `tell` for each failure, for others to count it too. */
  constructor(
    onLimit: (user: string, address: string) => void,
    clock: () => number = monotonicMs,
    tell: (user: string, address: string) => void = () => undefined,
  ) {
    this.#onLimit = onLimit;
    this.#tell = tell;
    this.#failures = new FailureLimits(clock);
  }

  attempts(user: string, address: string): LoginAttempts {
    const keys = keysOf(user, address);
    const exhausted = (): boolean => keys.some(([key, rate]) => this.#failures.isExhausted(key, rate));
    return {
      check: () => {
        if (exhausted()) throw new TooManyFailures();
      },
      failed: () => {
        this.count(user, address);
        this.#tell(user, address);
        if (exhausted()) this.#onLimit(user, address);
      },
    };
  }

  /** A failure that happened elsewhere. */
  count(user: string, address: string): void {
    for (const [key, rate] of keysOf(user, address)) this.#failures.count(key, rate);
  }
}

function keysOf(user: string, address: string): readonly (readonly [key: string, rate: FailureRate])[] {
  const network = networkOf(address);
  return [
    [`${network} ${user}`, ofRole],
    [network, ofAddress],
  ];
}
