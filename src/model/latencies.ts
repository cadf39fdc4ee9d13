/**
 * How often a duration was seen, in classes that grow by a quarter of a power of two: a percentile is off by a fifth at most, and whatever is measured takes a hundred numbers.
 * Plain, so that what several processes have measured can be added up: class and count, classes that were never seen left out.
 */
export type Latencies = Readonly<Record<string, number>>;

const perOctave = 4;
/** Of 0.01 ms and everything below it. */
const firstMs = 0.01;
/** Of three hours and everything above. */
const lastClass = 120;

function classOf(ms: number): number {
  if (!(ms > firstMs)) return 0;
  return Math.min(lastClass, Math.ceil(Math.log2(ms / firstMs) * perOctave));
}

export class LatencyCounter {
  readonly #counts = new Map<number, number>();

  add(ms: number): void {
    const at = classOf(ms);
    this.#counts.set(at, (this.#counts.get(at) ?? 0) + 1);
  }

  get counts(): Latencies {
    return Object.fromEntries([...this.#counts].map(([at, count]) => [String(at), count]));
  }
}

/** All that was seen by any of them. */
export function addLatencies(all: readonly Latencies[]): Latencies {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [at, count] of Object.entries(counts)) sum[at] = (sum[at] ?? 0) + count;
  return sum;
}

/** The upper end of the class in which the given share of all (0 to 1) has been seen, in milliseconds; undefined where nothing was. */
export function percentileMs(counts: Latencies, share: number): number | undefined {
  const classes = Object.entries(counts)
    .map(([at, count]) => ({ at: Number(at), count }))
    .toSorted((a, b) => a.at - b.at);
  const all = classes.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { at, count } of classes) {
    seen += count;
    if (seen >= all * share) return firstMs * 2 ** (at / perOctave);
  }
  return undefined;
}
