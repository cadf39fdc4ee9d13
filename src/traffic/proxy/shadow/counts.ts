import { isoNow } from '../../../kernel/clock.ts';
import { LatencyCounter } from '../../../model/latencies.ts';
import { noCounts, worstFirst, type ShadowCounts, type ShadowExample, type Tally } from '../../../ports/shadow.ts';
import type { SkipReason } from './skip-reason.ts';
import type { WriteVerdict } from './settle-write.ts';
import type { Verdict } from './settle.ts';

/** Statements beyond these are counted together. */
const keptStatements = 200;
export const otherStatements = '(other statements)';
/** A statement that was found so often to say something else each time is asked no more: each finding costs blue some reads. */
const volatileAtMost = 3;
const realAtMost = 20;
/** Rows explain one refusal of a write, and not that green has never taken the statement, in as many tries. */
const refusedAlways = 20;

type Counts = { -readonly [Name in keyof ShadowCounts]: ShadowCounts[Name] };

class StatementCounts {
  readonly counts: Counts = { ...noCounts };
  readonly blue = new LatencyCounter();
  readonly green = new LatencyCounter();
  example: ShadowExample | undefined;
}

type Found = Verdict | WriteVerdict | { readonly verdict: 'equal' };

/** What was found since shadow reads began, by statement. Bounded. */
export class ShadowBook {
  readonly #counts: Counts = { ...noCounts };
  readonly #byStatement = new Map<string, StatementCounts>();
  readonly #skipped = new Map<SkipReason, number>();
  #shed = 0;

  skip(why: SkipReason): void {
    this.#skipped.set(why, (this.#skipped.get(why) ?? 0) + 1);
  }

  shed(): void {
    this.#shed += 1;
  }

  /** Why the statement need not be asked again, if it need not. */
  whyKnown(statement: string): SkipReason | undefined {
    const counts = this.#byStatement.get(statement)?.counts;
    if (counts === undefined) return undefined;
    if (counts.volatile >= volatileAtMost && counts.volatile > counts.equal) return 'found volatile before';
    return counts.real >= realAtMost ? 'found different before' : undefined;
  }

  latencies(statement: string, blueMs: number, greenMs: number): void {
    const of = this.#of(statement);
    of.blue.add(blueMs);
    of.green.add(greenMs);
  }

  note(statement: string, found: Found): void {
    const of = this.#of(statement);
    const verdict = isAlwaysRefused(of.counts, found) ? 'real' : found.verdict;
    for (const counts of [this.#counts, of.counts]) {
      counts[verdict] += 1;
      if (verdict !== 'unanswered') counts.compared += 1;
    }
    if (!('difference' in found) || found.difference === undefined) return;
    // One of what is real says more than one of what is not known.
    const isFirst = of.example === undefined || (verdict === 'real' && of.counts.real === 1);
    if (isFirst) of.example = { ...found.difference, atIso: isoNow() };
  }

  counted(share: number): Tally {
    return {
      ...this.#counts,
      share,
      shed: this.#shed,
      skipped: Object.fromEntries(this.#skipped),
      statements: [...this.#byStatement]
        .map(([statement, { counts, example, blue, green }]) => ({
          ...counts,
          statement,
          ...(example === undefined ? {} : { example }),
          latencies: { blue: blue.counts, green: green.counts },
        }))
        .toSorted(worstFirst),
    };
  }

  #of(statement: string): StatementCounts {
    const name =
      this.#byStatement.size < keptStatements || this.#byStatement.has(statement) ? statement : otherStatements;
    const known = this.#byStatement.get(name);
    if (known !== undefined) return known;
    const made = new StatementCounts();
    this.#byStatement.set(name, made);
    return made;
  }
}

function isAlwaysRefused({ equal, lag, unsettled }: ShadowCounts, found: Found): boolean {
  if (found.verdict !== 'unsettled' || !('difference' in found) || found.difference?.kind !== 'error') return false;
  return equal === 0 && lag === 0 && unsettled >= refusedAlways - 1;
}
