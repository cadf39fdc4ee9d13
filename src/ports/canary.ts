import { addLatencies, type Latencies } from '../model/latencies.ts';

/** Reads that are the same but for their literals and parameters, and that green can answer. */
export interface CanaryStatement {
  /** With `?` for every literal and parameter. */
  readonly statement: string;
  /** Those that blue has answered since the canary began. */
  readonly blue: Latencies;
  /** Those that green has answered, or not within its time, since the share was set. */
  readonly green: Latencies;
  /** Green answered with an error, and blue then without one. */
  readonly errors: number;
  /** SQLSTATE of the last of them. */
  readonly lastError?: string;
  /** Green gave no answer in its time, or its connection was lost. */
  readonly unanswered: number;
}

/** What became of reads of clients that are in the share, since it was set. */
export interface CanaryTally {
  /** Of sessions, 0 to 1. 0: every read goes to blue. */
  readonly share: number;
  /** Since the share was set, in milliseconds. */
  readonly heldMs: number;
  /** Sessions of the share whose reads go to green at the moment. */
  readonly sessions: number;
  /** Sessions of the share whose state is not on green (yet). */
  readonly waiting: number;
  /** Answered by green. */
  readonly reads: number;
  readonly errors: number;
  readonly unanswered: number;
  /** Answered by blue, for green had not applied yet what the session last wrote. */
  readonly behind: number;
  /** Answered by blue, for the session's state was not on green. */
  readonly notReady: number;
  /** Answered by blue, for green's answer has types that its client would not know. */
  readonly leftOut: number;
  readonly statements: readonly CanaryStatement[];
}

/** Reads of clients that are answered by green, while somebody watches. */
export interface CanaryReads {
  /**
   * Sets the share, for so long: past it every read goes to blue again, unless it is set once more. The same share again goes on as it is; another one begins to count anew. `by`: a setting; sessions that gave the same
   * value of it when they connected are drawn together. Absent: each by itself.
   */
  set(share: number, leaseMs: number, by?: string): Promise<CanaryTally>;
  /** Every read goes to blue from here on; one under way of which nothing was passed on is asked of blue instead. Not an error where nothing was begun. */
  end(): Promise<void>;
  tally(): Promise<CanaryTally>;
}

export const noCanary: CanaryTally = Object.freeze({
  share: 0,
  heldMs: 0,
  sessions: 0,
  waiting: 0,
  reads: 0,
  errors: 0,
  unanswered: 0,
  behind: 0,
  notReady: 0,
  leftOut: 0,
  statements: [],
});

const summed = ['sessions', 'waiting', 'reads', 'errors', 'unanswered', 'behind', 'notReady', 'leftOut'] as const;

/** What several processes have counted, as one: with the least share, and held for as long as by the one that has held it the shortest. */
export function addCanaries(tallies: readonly CanaryTally[]): CanaryTally {
  const sums = Object.fromEntries(summed.map((name) => [name, tallies.reduce((sum, it) => sum + it[name], 0)]));
  const statements = Map.groupBy(
    tallies.flatMap((tally) => tally.statements),
    ({ statement }) => statement,
  );
  return {
    ...noCanary,
    ...sums,
    share: Math.min(...tallies.map(({ share }) => share)),
    heldMs: Math.min(...tallies.map(({ heldMs }) => heldMs)),
    statements: [...statements.values()].map(addStatements),
  };
}

function addStatements(same: readonly CanaryStatement[]): CanaryStatement {
  const lastError = same.find((it) => it.lastError !== undefined)?.lastError;
  return {
    statement: same[0]?.statement ?? '',
    blue: addLatencies(same.map(({ blue }) => blue)),
    green: addLatencies(same.map(({ green }) => green)),
    errors: same.reduce((sum, { errors }) => sum + errors, 0),
    ...(lastError === undefined ? {} : { lastError }),
    unanswered: same.reduce((sum, { unanswered }) => sum + unanswered, 0),
  };
}
