import { addLatencies, type Latencies } from '../model/latencies.ts';

/** How an answer of green differs from that of blue. `order`: the same rows, though the statement says how they are sorted. */
export type DifferenceKind = 'error' | 'columns' | 'count' | 'rows' | 'order';

/** What became of reads that were asked of both sides. */
export interface ShadowCounts {
  readonly compared: number;
  readonly equal: number;
  /** Differed because green had not applied yet what blue had, or because the rows were being changed: equal when both were asked again. */
  readonly lag: number;
  /** Blue, asked again, answered something else each time: the statement itself does. */
  readonly volatile: number;
  /** Blue answered the same before and after, green had applied all of that, and answered something else. */
  readonly real: number;
  /** Differed, and it could not be told why in the time there is. */
  readonly unsettled: number;
  /** Green gave no answer in its time, or could not be reached. */
  readonly unanswered: number;
}

/** One example of a real difference. No value of a row, no literal of a statement. */
export interface ShadowExample {
  readonly kind: DifferenceKind;
  readonly blue: string;
  readonly green: string;
  readonly atIso: string;
}

/** All reads that are the same but for their literals and parameters. */
export interface StatementTally extends ShadowCounts {
  /** With `?` for every literal and parameter. */
  readonly statement: string;
  readonly example?: ShadowExample;
  readonly latencies: { readonly blue: Latencies; readonly green: Latencies };
}

export interface ShadowTally extends ShadowCounts {
  /** Of all reads, 0 to 1. 0: nothing is compared. */
  readonly share: number;
  /** How long it has been going on, in milliseconds. */
  readonly watchedMs: number;
  /** Reads that were left out because too many waited already. */
  readonly shed: number;
  /** Statements of the share that were not asked of green, by why. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Clients whose session is not understood well enough to be repeated elsewhere, at this moment. */
  readonly sessionsLeftOut: number;
  readonly statements: readonly StatementTally[];
}

/** Reads of clients, asked of green too and compared; no client notices. */
export interface ShadowReads {
  /** Begins anew: what was counted before is forgotten. */
  begin(share: number): Promise<void>;
  /** What was counted stays to be read. Not an error where nothing was begun. */
  end(): Promise<void>;
  tally(): Promise<ShadowTally>;
}

export const noCounts: ShadowCounts = Object.freeze({
  compared: 0,
  equal: 0,
  lag: 0,
  volatile: 0,
  real: 0,
  unsettled: 0,
  unanswered: 0,
});

/** What several processes have counted, as one: watched for as long as the one that has watched the shortest. */
export function addTallies(tallies: readonly ShadowTally[]): ShadowTally {
  const statements = Map.groupBy(
    tallies.flatMap((tally) => tally.statements),
    ({ statement }) => statement,
  );
  const skipped: Record<string, number> = {};
  for (const tally of tallies) {
    for (const [why, count] of Object.entries(tally.skipped)) skipped[why] = (skipped[why] ?? 0) + count;
  }
  return {
    ...addCounts(tallies),
    share: Math.min(...tallies.map(({ share }) => share)),
    watchedMs: Math.min(...tallies.map(({ watchedMs }) => watchedMs)),
    shed: tallies.reduce((sum, { shed }) => sum + shed, 0),
    sessionsLeftOut: tallies.reduce((sum, tally) => sum + tally.sessionsLeftOut, 0),
    skipped,
    statements: [...statements.values()].map(addStatements).toSorted(worstFirst),
  };
}

function addStatements(same: readonly StatementTally[]): StatementTally {
  const example = same.find((tally) => tally.example !== undefined)?.example;
  return {
    ...addCounts(same),
    statement: same[0]?.statement ?? '',
    ...(example === undefined ? {} : { example }),
    latencies: {
      blue: addLatencies(same.map(({ latencies }) => latencies.blue)),
      green: addLatencies(same.map(({ latencies }) => latencies.green)),
    },
  };
}

function addCounts(all: readonly ShadowCounts[]): ShadowCounts {
  const names = Object.keys(noCounts) as readonly (keyof ShadowCounts)[];
  return Object.fromEntries(
    names.map((name) => [name, all.reduce((sum, it) => sum + it[name], 0)]),
  ) as unknown as ShadowCounts;
}

/** Real differences first, then what gave no answer, then what was compared most. */
export function worstFirst(a: ShadowCounts, b: ShadowCounts): number {
  return b.real - a.real || b.unanswered - a.unanswered || b.compared - a.compared;
}
