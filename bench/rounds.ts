import type { Arena, Bound, Contender, Reading, Target } from './benchmark.ts';

/** A figure of one contender over all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Measured {
  readonly contender: string;
  readonly role: Contender['role'];
  /** One a round, in their order. */
  readonly readings: readonly Reading[];
  /** Why there are no more of them. */
  readonly failed?: string;
}

export interface Verdict {
  readonly target: Target;
  /** Of the medians of all rounds; undefined when one of the two was not measured. */
  readonly value: number | undefined;
  /** Median of the ratios in each round: what a machine does that slows down in the middle disturbs it less. Without `against` as `value`. */
  readonly byRound: number | undefined;
  readonly first: boolean;
  readonly goal: boolean;
}

/** Each round begins with the one that was second in the round before, so that none always comes after the same one. Rounds count from 1. */
export function turned<T>(all: readonly T[], round: number): readonly T[] {
  return all.map((_, at) => all[(at + round - 1) % all.length] as T);
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly describeError: (error: unknown) => string;
  /** Called after each round of each contender. */
  readonly tell: (contender: string, round: number, outcome: Reading | string) => void;
}

/** A B, B A, A B …: one that fails is left out of the rounds that follow, and says why. */
export async function runRounds(arena: Arena, options: RoundsOptions): Promise<readonly Measured[]> {
  const measured = arena.contenders.map(({ name, role, round }) => ({
    contender: name,
    role,
    run: round,
    readings: [] as Reading[],
    failed: undefined as string | undefined,
  }));
  for (let round = 1; round <= options.rounds; round += 1) {
    await arena.beforeRound?.(round);
    for (const each of turned(measured, round)) {
      if (each.failed !== undefined) continue;
      try {
        const reading = await each.run(round);
        each.readings.push(reading);
        options.tell(each.contender, round, reading);
      } catch (error) {
        each.failed = options.describeError(error);
        options.tell(each.contender, round, each.failed);
      }
    }
  }
  return measured.map(({ contender, role, readings, failed }) =>
    failed === undefined ? { contender, role, readings } : { contender, role, readings, failed },
  );
}

/** All figures of a reading under one roof: `seconds`, `cpu`, `cpu blue` …, and its own. */
export function figuresOf(reading: Reading): Readonly<Record<string, number>> {
  const each = Object.entries(reading.cpu);
  const cpu =
    each.length === 0
      ? {}
      : {
          cpu: each.reduce((sum, [, seconds]) => sum + seconds, 0),
          ...Object.fromEntries(each.map(([whose, seconds]) => [`cpu ${whose}`, seconds])),
        };
  return { seconds: reading.seconds, ...cpu, ...reading.figures };
}

/** Of figures that every reading has. */
export function spreadsOf(readings: readonly Reading[]): Readonly<Record<string, Spread>> {
  const all = readings.map(figuresOf);
  const names = Object.keys(all[0] ?? {}).filter((name) => all.every((figures) => name in figures));
  return Object.fromEntries(names.map((name) => [name, spreadOf(all.map((figures) => figures[name] ?? 0))]));
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [below, above] = [sorted[Math.ceil(middle) - 1] ?? Number.NaN, sorted[Math.floor(middle)] ?? Number.NaN];
  return (below + above) / 2;
}

/** The value below or at which `share` (0 to 1) of all values are; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** How a cost grows with a size, from two measurements: 1 as fast as it, 2 as its square. */
export function exponent(
  small: { readonly size: number; readonly cost: number },
  large: { readonly size: number; readonly cost: number },
): number {
  return Math.log(large.cost / small.cost) / Math.log(large.size / small.size);
}

export function judge(target: Target, all: readonly Measured[]): Verdict {
  const mine = all.find(({ contender }) => contender === (target.of ?? 'Teal'))?.readings ?? [];
  const value = spreadsOf(mine)[target.figure]?.median;
  if (target.against === undefined) return verdict(target, value, value);
  const theirs = all.find(({ contender }) => contender === target.against)?.readings ?? [];
  const other = spreadsOf(theirs)[target.figure]?.median;
  const ratio = value === undefined || other === undefined ? undefined : value / other;
  return verdict(target, ratio, ratio === undefined ? undefined : ratioByRound(target.figure, mine, theirs));
}

function ratioByRound(figure: string, mine: readonly Reading[], theirs: readonly Reading[]): number {
  const ratios = mine.slice(0, theirs.length).map((reading, round) => {
    const other = theirs[round];
    return (figuresOf(reading)[figure] ?? Number.NaN) / (other === undefined ? 1 : (figuresOf(other)[figure] ?? 1));
  });
  return median(ratios);
}

function verdict(target: Target, value: number | undefined, byRound: number | undefined): Verdict {
  return { target, value, byRound, first: holds(value, target.first), goal: holds(value, target.goal) };
}

function holds(value: number | undefined, bound: Bound | undefined): boolean {
  if (value === undefined || bound === undefined) return false;
  const limit = Number(bound.slice(3));
  return bound.startsWith('<=') ? value <= limit : value >= limit;
}
