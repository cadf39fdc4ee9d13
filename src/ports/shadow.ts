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

/** Of reads, or of writes. */
export interface Tally extends ShadowCounts {
  /** Of all, 0 to 1. 0: nothing is compared. */
  readonly share: number;
  /** Left out because too many waited already. */
  readonly shed: number;
  /** Statements of the share that were not asked of green, by why; of writes, transactions. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly statements: readonly StatementTally[];
}

/** Of reads; those of writes are within it. */
export interface ShadowTally extends Tally {
  /** How long it has been going on, in milliseconds. */
  readonly watchedMs: number;
  /** Clients whose session is not understood well enough to be repeated elsewhere, at this moment. */
  readonly sessionsLeftOut: number;
  /** As it was asked for. */
  readonly scratch?: string;
  /**
   * Statements that blue has accepted. `real`: green refused it twice, the second time with all of blue's changes applied, and not because of any row; or twenty times, and took it never. `lag`: green took it then, or has the row
   * already. `unsettled`: it refused, or wrote another number of rows, and the rows may be why. `volatile` is always 0.
   */
  readonly writes: Tally;
}

export interface ShadowOrder {
  /** Of what clients read, 0 to 1. */
  readonly reads: number;
  /** Of the transactions in which they write, 0 to 1. */
  readonly writes: number;
  /** A database of green's server where writes are tried, and committed; absent: on green, where they are rolled back. */
  readonly scratch?: string | undefined;
}

export const nothingAsked: ShadowOrder = Object.freeze({ reads: 0, writes: 0 });

export function asksNothing({ reads, writes }: ShadowOrder): boolean {
  return reads === 0 && writes === 0;
}

/** Statements of clients, put to green too and compared; no client notices. */
export interface ShadowReads {
  /** Begins anew: what was counted before is forgotten. */
  begin(shares: ShadowOrder): Promise<void>;
  /** What was counted stays to be read. Not an error where nothing was begun. */
  end(): Promise<void>;
  tally(): Promise<ShadowTally>;
}

/**
 * Lets through the fence of a side those transactions that nothing can commit, and no other: with a row in `teal.doomed`, which fails each COMMIT of the transaction that wrote it, so that whoever sees
 * a row of it sees its own.
 */
export interface DoomedWrites {
  /** On a closed side alone. Idempotent. */
  admit(): Promise<void>;
  isAdmitted(): Promise<boolean>;
  /**
   * Moves generators of numbers ahead of those of the side that is followed: what a row is given that is rolled back is not given back, and is not to be the number of a row that comes. To be
   * repeated while the other side goes on.
   */
  leadSequences(): Promise<void>;
  /** The fence is as it was. Idempotent; nothing where the side is open by now. */
  dismiss(): Promise<void>;
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

/** The counts alone, of whatever has them. */
export function countsOf({ compared, equal, lag, volatile, real, unsettled, unanswered }: ShadowCounts): ShadowCounts {
  return { compared, equal, lag, volatile, real, unsettled, unanswered };
}

export const noTally: Tally = Object.freeze({ ...noCounts, share: 0, shed: 0, skipped: {}, statements: [] });

/** What several processes have counted, as one: watched for as long as the one that has watched the shortest. */
export function addTallies(tallies: readonly ShadowTally[]): ShadowTally {
  const scratch = tallies.find((tally) => tally.scratch !== undefined)?.scratch;
  return {
    ...addTally(tallies),
    watchedMs: Math.min(...tallies.map(({ watchedMs }) => watchedMs)),
    sessionsLeftOut: tallies.reduce((sum, tally) => sum + tally.sessionsLeftOut, 0),
    ...(scratch === undefined ? {} : { scratch }),
    writes: addTally(tallies.map(({ writes }) => writes)),
  };
}

function addTally(tallies: readonly Tally[]): Tally {
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
    shed: tallies.reduce((sum, { shed }) => sum + shed, 0),
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

/** Real differences first, then what gave no answer or could not be told, then what was compared most. */
export function worstFirst(a: ShadowCounts, b: ShadowCounts): number {
  return b.real - a.real || b.unanswered - a.unanswered || b.unsettled - a.unsettled || b.compared - a.compared;
}
