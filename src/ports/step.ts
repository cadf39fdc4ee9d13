/** What a step sees of the run that it is part of. */
export interface StepContext {
  readonly signal: AbortSignal;
  /** Tells a person what goes on: counts, rates, positions; never a row's values. */
  progress(report: StepProgress): void;
}

export interface StepProgress {
  /** One line, present tense. */
  readonly text: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: 'rows' | 'bytes' | 'tables' | 'items';
}

/** What `probe` found outside. */
export type Probed =
  | { readonly state: 'done'; readonly evidence: string }
  | { readonly state: 'not done' }
  /** Part of it is there; `act` must be able to go on from it. */
  | { readonly state: 'partly'; readonly evidence: string };

/** Values that one step hands to later ones through the journal: strings and numbers only, never a secret or a row's value. */
export type StepFacts = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The smallest thing that is journalled, probed and undone.
 *
 * The runner journals the intent, calls `act`, then `probe`, and journals the result; it never trusts that `act` returned. After a crash it probes first.
 * `act` may be called again after it was interrupted at any place, and must then lead to the same end. `undo` puts back what was there before `act`;
 * it may be called for a step that was never begun, or begun and not finished, and twice.
 */
export interface Step {
  /** Stable, derived from what it does: `prepare.publication`, `cut.fence`. */
  readonly id: string;
  /** What it does to which system, one sentence, for the plan. */
  readonly does: string;
  /** What it locks, and for how long at most; `nothing` when nothing. */
  readonly locks: string;
  /** What it costs: time, disk, WAL, load; from the assessment. */
  readonly costs: string;
  /** How it is undone, one sentence; or why it cannot be. */
  readonly undone: string;
  readonly probe: (context: StepContext) => Promise<Probed>;
  readonly act: (context: StepContext) => Promise<StepFacts | void>;
  readonly undo: (context: StepContext) => Promise<void>;
}
