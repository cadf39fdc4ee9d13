import { monotonicMs } from '../../../kernel/clock.ts';
import type { CanaryRun } from './canary.ts';

/** What only seems to read: green refuses it, and that is no mistake of green. */
export const readOnlySqlState = '25006';

interface Asked {
  readonly run: CanaryRun;
  readonly statement: string;
  readonly sentMs: number;
  /** What green has said to it before; empty when it gave no answer. */
  readonly refused?: string;
}

/** What one session asks of blue though green could have been asked: how long it takes, and whether blue answers what green has not. */
export class BlueWatch {
  #wroteMs = monotonicMs();
  /** Of all that is in flight: not every unit is known to be a read. */
  #mayWrite = true;
  #asked: Asked | undefined;
  #hasFailed = false;

  /** When blue last answered what may have written (monotonic time), as far as a canary was there. */
  get wroteMs(): number {
    return this.#wroteMs;
  }

  asks(run: CanaryRun, statement: string, refused?: string): void {
    this.#hasFailed = false;
    this.#mayWrite = refused === readOnlySqlState;
    this.#asked = { run, statement, sentMs: monotonicMs(), ...(refused === undefined ? {} : { refused }) };
  }

  /** Begin or end of a transaction that only reads. */
  asksNothing(): void {
    this.#mayWrite = false;
    this.#asked = undefined;
  }

  /** Anything else: it may write. */
  asksOther(): void {
    this.#mayWrite = true;
    this.#asked = undefined;
  }

  /** Another unit while one is in flight. */
  asksMore(): void {
    this.#mayWrite = true;
  }

  failed(): void {
    this.#hasFailed = true;
  }

  ready(run: CanaryRun): void {
    const nowMs = monotonicMs();
    if (this.#mayWrite) this.#wroteMs = nowMs;
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked === undefined || asked.run !== run || this.#hasFailed) return;
    const { statement, refused, sentMs } = asked;
    if (refused === undefined) run.book.blue(statement, nowMs - sentMs);
    // Without an answer it is counted already.
    else if (refused !== '' && refused !== readOnlySqlState) run.book.told(statement, refused);
  }
}
