import type { Side } from '../model/catalog.ts';

/** Generators of numbers (sequences, auto-increment), which no log carries. */
export interface Sequences {
  /**
   * Moves every generator of `to` past all that `from` has given out, plus a headroom; never backwards. Call it while `from` is fenced. Idempotent.
   * A number that was given counts, whatever became of its transaction. Returns how many were looked at and how many were moved. An abort of `signal` ends it at once with the signal's
   * reason, also where a side does not answer.
   */
  handOver(from: Side, to: Side, signal?: AbortSignal): Promise<{ readonly sequences: number; readonly moved: number }>;
  /** How many generators of `to` could still give out a number that `from` has given. 0 after a hand-over. */
  behind(from: Side, to: Side, signal?: AbortSignal): Promise<number>;
}
