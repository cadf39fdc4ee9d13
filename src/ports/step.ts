/** What a step sees of the run that it is part of. */
export interface StepContext {
  readonly signal: AbortSignal;
  /** Tells a person what goes on: counts, rates, positions; never a row's values. */
  readonly progress: (report: StepProgress) => void;
  /** Facts that an earlier step of this run handed on, as the journal holds them; undefined when that step is not done. */
  readonly facts: (stepId: string) => StepFacts | undefined;
  /**
   * What `remember` read before the first `act`, as the journal holds it: the same after a crash, and in `undo`.
   * Undefined when the step has no `remember`, or was found done before Teal had touched anything: there is then nothing to put back.
   */
  readonly before: StepFacts | undefined;
}

export interface StepProgress {
  /** One line, present tense. */
  readonly text: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: 'rows' | 'bytes' | 'tables' | 'items';
  /** What is worked on at this moment, each with how much of it is done, 0 to 1. As many as there are workers. */
  readonly parts?: readonly { readonly name: string; readonly share: number }[];
  /** Of the whole; absent until enough was seen to say. */
  readonly secondsLeft?: number;
}

/** What `probe` found outside. */
export type Probed =
  /**
   * `facts` are merged over those that `act` returned. Facts that a later step needs belong here: what `act` returned is lost
   * when the process dies between the act and its record.
   */
  | { readonly state: 'done'; readonly evidence: string; readonly facts?: StepFacts }
  | { readonly state: 'not done' }
  /** Part of it is there; `act` must be able to go on from it. */
  | { readonly state: 'partly'; readonly evidence: string };

/** Values that one step hands to later ones through the journal: strings and numbers only, never a secret or a row's value. */
export type StepFacts = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The smallest thing that is journalled, probed and undone.
 *
 * The runner calls `remember`, journals the intent with what it read, calls `act`, then `probe`, and journals the result; it never trusts
 * that `act` returned. After a crash it probes first. `act` may be called again after it was interrupted at any place, and must then lead to
 * the same end. `undo` puts back what was there before `act`; it may be called for a step that was begun and not finished, and twice.
 */
export interface Step {
  /** Stable, derived from what it does: `prepare.publication`, `cut.fence`. */
  readonly id: string;
  /**
   * Earlier steps of the same list that must be done before this one begins; what else comes before it may still run. Default: all of them. Undone is always in the opposite order of
   * the list.
   */
  readonly after?: readonly string[];
  /** What it does to which system, one sentence, for the plan. */
  readonly does: string;
  /** What it locks, and for how long at most; `nothing` when nothing. */
  readonly locks: string;
  /** What it costs: time, disk, WAL, load; from the assessment. */
  readonly costs: string;
  /** How it is undone, one sentence; or why it cannot be. */
  readonly undone: string;
  /** Reads outside, changes nothing. */
  readonly probe: (context: StepContext) => Promise<Probed>;
  /**
   * Reads what `act` is about to overwrite and `undo` must put back. Called once, before the first `act`; only steps that overwrite something need it
   * (one that only adds can find what it added by name).
   */
  readonly remember?: (context: StepContext) => Promise<StepFacts>;
  readonly act: (context: StepContext) => Promise<StepFacts | void>;
  readonly undo: (context: StepContext) => Promise<void>;
}
