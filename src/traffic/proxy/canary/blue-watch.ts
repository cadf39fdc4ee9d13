import { monotonicMs } from '../../../kernel/clock.ts';
import type { CanaryCourse } from './course.ts';

type Counting = Pick<CanaryCourse, 'book'>;

interface Asked {
  readonly run: Counting;
  readonly statement: string;
  readonly sentMs: number;
  /** What green has said to it before; empty when it gave no answer. */
  readonly refused?: string;
}

/** What one session asks of blue though green could have been asked: how long it takes, and whether blue answers what green has not. */
export class BlueWatch {
  readonly #refusesWrites: (code: string) => boolean;
  #wroteMs = monotonicMs();
  /** Of all that is in flight: not every unit is known to be a read. */
  #mayWrite = true;
  #asked: Asked | undefined;
  #hasFailed = false;

  /** `refusesWrites`: whether green says with it that what only seems to read would write: no mistake of green. */
  constructor(refusesWrites: (code: string) => boolean) {
    this.#refusesWrites = refusesWrites;
  }

  /** When blue last answered what may have written (monotonic time), as far as a canary was there. */
  get wroteMs(): number {
    return this.#wroteMs;
  }

  asks(run: Counting, statement: string, refused?: string): void {
    this.#hasFailed = false;
    this.#mayWrite = refused !== undefined && this.#refusesWrites(refused);
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

  ready(run: Counting): void {
    const nowMs = monotonicMs();
    if (this.#mayWrite) this.#wroteMs = nowMs;
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked === undefined || asked.run !== run || this.#hasFailed) return;
    const { statement, refused, sentMs } = asked;
    if (refused === undefined) run.book.blue(statement, nowMs - sentMs);
    // Without an answer it is counted already.
    else if (refused !== '' && !this.#refusesWrites(refused)) run.book.told(statement, refused);
  }
}
