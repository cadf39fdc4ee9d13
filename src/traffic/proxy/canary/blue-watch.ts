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
  #seenMs = monotonicMs();
  #asked: Asked | undefined;
  #hasFailed = false;

  /** When blue last answered anything (monotonic time), as far as a canary was there. */
  get seenMs(): number {
    return this.#seenMs;
  }

  asks(run: CanaryRun, statement: string, refused?: string): void {
    this.#hasFailed = false;
    this.#asked = { run, statement, sentMs: monotonicMs(), ...(refused === undefined ? {} : { refused }) };
  }

  asksOther(): void {
    this.#asked = undefined;
  }

  failed(): void {
    this.#hasFailed = true;
  }

  ready(run: CanaryRun): void {
    this.#seenMs = monotonicMs();
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked === undefined || asked.run !== run || this.#hasFailed) return;
    const { statement, refused, sentMs } = asked;
    if (refused === undefined) run.book.blue(statement, this.#seenMs - sentMs);
    // Without an answer it is counted already.
    else if (refused !== '' && refused !== readOnlySqlState) run.book.told(statement, refused);
  }
}
