import { addLatencies, LatencyCounter, percentileMs, type Latencies } from './latencies.ts';

/** What one statement, without its values, has cost so far. Plain, so that it can be kept and added up. */
export interface StatementLoad {
  /** With `?` for every literal and parameter. */
  readonly statement: string;
  readonly count: number;
  /** By SQLSTATE; of MySQL and MariaDB by number. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latencies: Latencies;
}

/** Statements beyond these are counted together. */
const keptStatements = 500;
export const otherStatements = '(other statements)';

/** Counts statements with their latencies and errors. Bounded. */
export class LoadCounter {
  readonly #byStatement = new Map<string, { errors: Map<string, number>; latencies: LatencyCounter; count: number }>();

  /** `error`: SQLSTATE, where it failed. */
  add(statement: string, ms: number, error?: string): void {
    const of = this.#of(statement);
    of.count += 1;
    of.latencies.add(ms);
    if (error !== undefined) of.errors.set(error, (of.errors.get(error) ?? 0) + 1);
  }

  /** Those that took the most time of all first, by their counts and medians. */
  get statements(): readonly StatementLoad[] {
    return [...this.#byStatement]
      .map(([statement, { errors, latencies, count }]) => ({
        statement,
        count,
        errors: Object.fromEntries(errors),
        latencies: latencies.counts,
      }))
      .toSorted((a, b) => weightOf(b) - weightOf(a));
  }

  #of(statement: string): { errors: Map<string, number>; latencies: LatencyCounter; count: number } {
    const isKept = this.#byStatement.size < keptStatements || this.#byStatement.has(statement);
    const name = isKept ? statement : otherStatements;
    const known = this.#byStatement.get(name) ?? { errors: new Map(), latencies: new LatencyCounter(), count: 0 };
    this.#byStatement.set(name, known);
    return known;
  }
}

function weightOf({ count, latencies }: StatementLoad): number {
  return count * (percentileMs(latencies, 0.5) ?? 0);
}

export interface Percentiles {
  readonly count: number;
  /** Milliseconds; absent where nothing was measured. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
}

export function percentilesOf(count: number, latencies: Latencies): Percentiles {
  const at = (share: number): number => Number((percentileMs(latencies, share) ?? 0).toPrecision(3));
  return count === 0 ? { count } : { count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

export function percentilesOfAll(loads: readonly StatementLoad[]): Percentiles {
  const count = loads.reduce((sum, load) => sum + load.count, 0);
  return percentilesOf(count, addLatencies(loads.map(({ latencies }) => latencies)));
}

/** One statement before and after. */
export interface ComparedLoad {
  readonly statement: string;
  readonly before: Percentiles;
  readonly after: Percentiles;
  /** Errors by SQLSTATE, as far as they came more often than before for as many statements. */
  readonly newErrors: Readonly<Record<string, number>>;
  /** One in twenty takes more than `slowerThan` times as long, and a millisecond more. Said where both were measured often enough. */
  readonly slower: boolean;
}

export const comparedAtLeast = 20;

/** By statement, of those that are in `after`: what is worse first. `mayFail`: codes that are no error of what is measured. */
export function compareLoads(
  before: readonly StatementLoad[],
  after: readonly StatementLoad[],
  slowerThan: number,
  mayFail: ReadonlySet<string> = new Set(),
): readonly ComparedLoad[] {
  const known = new Map(before.map((load) => [load.statement, load]));
  return after
    .map(({ statement, count, errors, latencies }) => {
      const was = known.get(statement);
      const [here, there] = [percentilesOf(was?.count ?? 0, was?.latencies ?? {}), percentilesOf(count, latencies)];
      const grown = Object.entries(errors).flatMap(([code, times]) => {
        const expected = was === undefined ? 0 : Math.ceil(((was.errors[code] ?? 0) / was.count) * count);
        const more = times - expected;
        return more > 0 && !mayFail.has(code) ? [[code, more] as const] : [];
      });
      const [p95Before, p95After] = [here.p95Ms ?? 0, there.p95Ms ?? 0];
      const isMeasured = Math.min(here.count, there.count) >= comparedAtLeast;
      return {
        statement,
        before: here,
        after: there,
        newErrors: Object.fromEntries(grown),
        slower: isMeasured && p95After > slowerThan * p95Before && p95After - p95Before > 1,
      };
    })
    .toSorted((a, b) => badness(b) - badness(a));
}

/** In a few words; empty when nothing is. */
export function whatIsWorse(compared: readonly ComparedLoad[]): readonly string[] {
  const failing = compared.filter(({ newErrors }) => Object.keys(newErrors).length > 0).length;
  const slower = compared.filter((it) => it.slower).length;
  const told = (count: number, one: string, many: string): string[] =>
    count === 0 ? [] : [count === 1 ? `one statement ${one}` : `${count} statements ${many}`];
  return [...told(failing, 'fails more often', 'fail more often'), ...told(slower, 'is slower', 'are slower')];
}

function badness({ newErrors, slower, after }: ComparedLoad): number {
  const failures = Object.values(newErrors).reduce((sum, times) => sum + times, 0);
  return (failures > 0 ? 2e15 : 0) + (slower ? 1e15 : 0) + after.count * (after.p50Ms ?? 0);
}
