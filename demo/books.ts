import { monotonicMs, isoNow, nowMs } from '../src/kernel/clock.ts';
import { describeError } from '../src/kernel/errors.ts';

/**
 * What one client was told. A write that was acknowledged to it must be on the live side at the end, exactly once; one that failed must not be there; one without an answer may be
 * either.
 */
export interface Books {
  readonly client: number;
  /** What the acknowledged writes have done, by kind. */
  readonly done: Readonly<Record<Deed, number>>;
  /** What those without an answer may have done. */
  readonly maybe: Readonly<Record<Deed, number>>;
  /** Highest sequence number tried. Every one up to it was acknowledged unless it is listed below. */
  readonly tried: number;
  readonly failed: readonly number[];
  readonly unanswered: readonly number[];
}

/** Rows that writes add, change or take, each visible in a count or a sum of its table: a write that was applied twice shows in one of them. */
export const deeds = Object.freeze(['orders', 'items', 'payments', 'revisions', 'forgotten'] as const);
export type Deed = (typeof deeds)[number];
export type Deeds = Readonly<Partial<Record<Deed, number>>>;

export interface SlowCall {
  readonly startedMs: number;
  readonly tookMs: number;
}

/** Why clients that follow the cut themselves have done a write, or asked a question, again: nothing of it had happened, or its token told. */
export type Again = Readonly<Record<'refused' | 'deadlock' | 'lost', number>>;

export interface ClientsReport {
  readonly queries: number;
  readonly failures: readonly { readonly at: string; readonly what: string }[];
  readonly slow: readonly SlowCall[];
  readonly books: readonly Books[];
  /** Absent where clients are held by a proxy, and never do anything again. */
  readonly again?: Again;
}

/** Whether a write that ended with an error is known not to have happened. */
export type IsKnown = (error: unknown) => boolean;

const slowMs = 5;
const maxFailuresKept = 200;

/** One client's bookkeeping: numbers of its writes, what became of them, and what took long. */
export class BookKeeper {
  readonly #client: number;
  readonly #isKnown: IsKnown;
  readonly #failed: number[] = [];
  readonly #unanswered: number[] = [];
  readonly #done = noDeeds();
  readonly #maybe = noDeeds();
  #seq = 0;
  #queries = 0;
  readonly #failures: { at: string; what: string }[] = [];
  readonly #slow: SlowCall[] = [];

  constructor(client: number, isKnown: IsKnown) {
    this.#client = client;
    this.#isKnown = isKnown;
  }

  /** `work` answers what it has done, if that is not `most`. */
  async writing(most: Deeds, work: (seq: number) => Promise<Deeds | void>): Promise<void> {
    this.#seq += 1;
    const seq = this.#seq;
    try {
      add(this.#done, (await work(seq)) ?? most);
    } catch (error) {
      const isKnown = this.#isKnown(error);
      (isKnown ? this.#failed : this.#unanswered).push(seq);
      if (!isKnown) add(this.#maybe, most);
      throw error;
    }
  }

  /** One thing that somebody waits for. */
  async timed<T>(work: () => Promise<T>): Promise<T> {
    const startedMs = nowMs();
    const start = monotonicMs();
    try {
      return await work();
    } finally {
      const tookMs = monotonicMs() - start;
      if (tookMs >= slowMs) this.#slow.push({ startedMs, tookMs });
    }
  }

  count(): void {
    this.#queries += 1;
  }

  fail(error: unknown): void {
    if (this.#failures.length < maxFailuresKept) this.#failures.push({ at: isoNow(), what: describeError(error) });
  }

  get report(): ClientsReport {
    const books = {
      client: this.#client,
      done: this.#done,
      maybe: this.#maybe,
      tried: this.#seq,
      failed: this.#failed,
      unanswered: this.#unanswered,
    };
    return { queries: this.#queries, failures: this.#failures, slow: this.#slow, books: [books] };
  }
}

export function mergeReports(reports: readonly ClientsReport[]): ClientsReport {
  return {
    queries: reports.reduce((sum, { queries }) => sum + queries, 0),
    failures: reports.flatMap(({ failures }) => failures),
    slow: reports.flatMap(({ slow }) => slow),
    books: reports.flatMap(({ books }) => books),
  };
}

function noDeeds(): Record<Deed, number> {
  return { orders: 0, items: 0, payments: 0, revisions: 0, forgotten: 0 };
}

function add(to: Record<Deed, number>, more: Deeds): void {
  for (const deed of deeds) to[deed] += more[deed] ?? 0;
}
