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
  ask(signal: AbortSignal): Promise<GateAnswer>;
}
