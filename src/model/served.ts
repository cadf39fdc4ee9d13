import { addLatencies, LatencyCounter, type Latencies } from './latencies.ts';

/** What clients were served by one side, since the counting began. Plain, so that it can be added up, kept, and taken from one another. */
export interface Served {
  /** Statements, or what is answered together. */
  readonly answers: number;
  /** Answers that were errors by the class of their code (`40`, `57`), and what had no answer: `lost` sessions, `unreachable` backends. */
  readonly failures: Readonly<Record<string, number>>;
  /** Of answers, from the moment at which they could be worked on. */
  readonly latencies: Latencies;
}

export const nothingServed: Served = Object.freeze({ answers: 0, failures: {}, latencies: {} });

/** Classes of codes that are counted on their own. A server has some forty. */
const classesAtMost = 60;

export class ServedCounter {
  readonly #failures = new Map<string, number>();
  readonly #latencies = new LatencyCounter();
  #answers = 0;

  answered(ms: number): void {
    this.#answers += 1;
    this.#latencies.add(ms);
  }

  /** `what`: the class of an error's code, `lost`, or `unreachable`. */
  failed(what: string): void {
    const name = this.#failures.has(what) || this.#failures.size < classesAtMost ? what : 'other';
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1);
  }

  get counts(): Served {
    return {
      answers: this.#answers,
      failures: Object.fromEntries(this.#failures),
      latencies: this.#latencies.counts,
    };
  }
}

export function addServed(all: readonly Served[]): Served {
  return {
    answers: all.reduce((sum, { answers }) => sum + answers, 0),
    failures: addLatencies(all.map(({ failures }) => failures)),
    latencies: addLatencies(all.map(({ latencies }) => latencies)),
  };
}

/** What was served between two looks; undefined when the counting has begun anew meanwhile. */
export function servedSince(later: Served, earlier: Served): Served | undefined {
  const failures = difference(later.failures, earlier.failures);
  const latencies = difference(later.latencies, earlier.latencies);
  const answers = later.answers - earlier.answers;
  return failures === undefined || latencies === undefined || answers < 0
    ? undefined
    : { answers, failures, latencies };
}

function difference(
  later: Readonly<Record<string, number>>,
  earlier: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> | undefined {
  if (Object.entries(earlier).some(([name, count]) => (later[name] ?? 0) < count)) return undefined;
  return Object.fromEntries(Object.entries(later).map(([name, count]) => [name, count - (earlier[name] ?? 0)]));
}

/** Of all that was asked, what failed: 0 to 1. */
export function failureShare({ answers, failures }: Served): number {
  const all = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const unanswered = (failures['lost'] ?? 0) + (failures['unreachable'] ?? 0);
  return all === 0 ? 0 : all / (answers + unanswered);
}
