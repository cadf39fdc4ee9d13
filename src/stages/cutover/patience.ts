import { monotonicMs, within } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';

/** How long a cut waits for the answer of a side where going on without it would be wrong, and for a commit of a fence. */
const answerMs = 30_000;

/** How long clients have been waiting. Lives in memory on purpose: a controller that was killed never goes on with a cut that is not decided. */
export class PauseClock {
  readonly #maxPauseMs: number;
  #startedMs: number | undefined;

  constructor(maxPauseMs: number) {
    this.#maxPauseMs = maxPauseMs;
  }

  /** They have been waiting for so long already; before it the router made itself ready, which cost them nothing. */
  start(waitedMs: number): void {
    this.#startedMs = monotonicMs() - waitedMs;
  }

  get leftMs(): number {
    if (this.#startedMs === undefined) return 0;
    return this.#maxPauseMs - (monotonicMs() - this.#startedMs);
  }

  /** Throws TEAL-STAGES-102 once clients have waited too long. */
  check(doing: string): void {
    if (this.leftMs <= 0) throw this.#tooLong(doing);
  }

  /**
   * For what may be left off at any moment without harm. At the end of the clients' patience the signal is aborted and TEAL-STAGES-102 thrown, whether or not
   * the work ends: whom it asks may be silent.
   */
  async within<T>(doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.check(doing);
    return within(this.leftMs, () => this.#tooLong(doing), work);
  }

  #tooLong(doing: string): TealError {
    return new TealError('TEAL-STAGES-102', `no time was left for: ${doing}`, { maxPauseMs: this.#maxPauseMs });
  }
}

/** For what the clients' patience must not cut short. Errors: TEAL-STAGES-109, and the signal is aborted, when nothing came in half a minute. */
export async function answered<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return within(
    answerMs,
    () => new TealError('TEAL-STAGES-109', `no answer in ${answerMs / 1_000} s: ${what}`, { answerMs }),
    work,
  );
}
