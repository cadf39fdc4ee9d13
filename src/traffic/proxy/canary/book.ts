import { monotonicMs } from '../../../kernel/clock.ts';
import { LatencyCounter, percentileMs } from '../../../model/latencies.ts';
import { noCanary, type CanaryTally } from '../../../ports/canary.ts';
import { otherStatements } from '../shadow/counts.ts';

/** Statements beyond these are counted together. */
const keptStatements = 200;
/** Reads, before it is said how long they usually take. */
const usualAtLeast = 20;

class StatementBook {
  readonly blue = new LatencyCounter();
  green = new LatencyCounter();
  /** Of those of green: what it has not answered says nothing of how long an answer takes. */
  answered = new LatencyCounter();
  errors = 0;
  unanswered = 0;
  lastError: string | undefined;
}

export type Passed = 'notReady' | 'behind' | 'leftOut';

/** What became of the reads that green could answer, by statement. Bounded. */
export class CanaryBook {
  readonly #byStatement = new Map<string, StatementBook>();
  readonly #passed: Record<Passed, number> = { notReady: 0, behind: 0, leftOut: 0 };
  #reads = 0;
  #sinceMs = monotonicMs();

  /** Another share: of green all is counted anew. */
  begin(): void {
    this.#sinceMs = monotonicMs();
    this.#reads = 0;
    Object.assign(this.#passed, { notReady: 0, behind: 0, leftOut: 0 });
    for (const of of this.#byStatement.values()) {
      of.green = new LatencyCounter();
      of.answered = new LatencyCounter();
      of.errors = 0;
      of.unanswered = 0;
      of.lastError = undefined;
    }
  }

  /** Went to blue instead. */
  passed(why: Passed): void {
    this.#passed[why] += 1;
  }

  blue(statement: string, ms: number): void {
    this.#of(statement).blue.add(ms);
  }

  green(statement: string, ms: number): void {
    this.#reads += 1;
    const of = this.#of(statement);
    of.green.add(ms);
    of.answered.add(ms);
  }

  /** Green said this, and blue has no such error, or the client was told it already. */
  told(statement: string, sqlState: string): void {
    const of = this.#of(statement);
    of.errors += 1;
    of.lastError = sqlState;
  }

  /** After so long; it would have taken longer. */
  unanswered(statement: string, ms: number): void {
    const of = this.#of(statement);
    of.unanswered += 1;
    of.green.add(ms);
  }

  /** In which 99 of 100 such reads were answered, by blue where enough were, or else by green; undefined where too few were by either. */
  usualMs(statement: string): number | undefined {
    const of = this.#byStatement.get(statement);
    const sides = of === undefined ? [] : [of.blue.counts, of.answered.counts];
    const enough = sides.find((counts) => Object.values(counts).reduce((sum, count) => sum + count, 0) >= usualAtLeast);
    return enough === undefined ? undefined : percentileMs(enough, 0.99);
  }

  tally(share: number): CanaryTally {
    const books = [...this.#byStatement];
    const sum = (of: 'errors' | 'unanswered'): number => books.reduce((total, [, book]) => total + book[of], 0);
    return {
      ...noCanary,
      ...this.#passed,
      share,
      heldMs: monotonicMs() - this.#sinceMs,
      reads: this.#reads,
      errors: sum('errors'),
      unanswered: sum('unanswered'),
      statements: books.map(([statement, { blue, green, errors, unanswered, lastError }]) => ({
        statement,
        blue: blue.counts,
        green: green.counts,
        errors,
        unanswered,
        ...(lastError === undefined ? {} : { lastError }),
      })),
    };
  }

  #of(statement: string): StatementBook {
    const isKept = this.#byStatement.size < keptStatements || this.#byStatement.has(statement);
    const name = isKept ? statement : otherStatements;
    const known = this.#byStatement.get(name);
    if (known !== undefined) return known;
    const made = new StatementBook();
    this.#byStatement.set(name, made);
    return made;
  }
}
