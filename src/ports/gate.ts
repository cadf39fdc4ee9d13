export type GateAnswer =
  | { readonly answer: 'yes'; readonly evidence: string }
  | { readonly answer: 'no'; readonly evidence: string }
  | { readonly answer: 'not yet'; readonly evidence: string }
  | { readonly answer: 'cannot tell'; readonly evidence: string };

/** A question that must be answered yes before the next stage. */
export interface Gate {
  readonly id: string;
  /** The question, for people. */
  readonly asks: string;
  /** True when only a person can answer: the run stops there and says what to type. */
  readonly person: boolean;
  /** How long to leave between two askings, in milliseconds; default 500. More for a server that other people need too. */
  readonly everyMs?: number;
  /**
   * True where a yes may be over by the time that later gates have answered (a window, a metric), and asking costs little. Such a gate is asked once more when all have
   * said yes, so that what it says holds when the cut begins.
   */
  readonly momentary?: boolean;
  ask(signal: AbortSignal): Promise<GateAnswer>;
}
