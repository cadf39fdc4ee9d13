/** What will happen, before any of it does: plain values, in the order of happening. `teal plan --json` prints them as they are. */
export interface Plan {
  readonly migration: string;
  readonly blue: string;
  readonly green: string;
  readonly stages: readonly PlannedStage[];
  /** What a person should know before saying yes. Those that stop the migration come first. */
  readonly hazards: readonly Hazard[];
}

export interface PlannedStage {
  readonly id: string;
  readonly title: string;
  /** Asked before the stage begins; each must say yes. */
  readonly gates: readonly PlannedGate[];
  readonly steps: readonly PlannedStep[];
}

/** A step without its power to act. The texts are the step's own, so that the plan names what the journal will record. */
export interface PlannedStep {
  readonly id: string;
  readonly does: string;
  readonly locks: string;
  readonly costs: string;
  readonly undone: string;
}

export interface PlannedGate {
  readonly id: string;
  readonly asks: string;
  readonly person: boolean;
}

export interface Hazard {
  readonly severity: 'stops' | 'warns';
  /** What is the matter, one sentence. */
  readonly what: string;
  /** What to do about it, one sentence. */
  readonly doThis: string;
}

/** The ids of all steps in order: what a run of this plan will journal. */
export function stepIds(plan: Plan): readonly string[] {
  return plan.stages.flatMap((stage) => stage.steps.map((step) => step.id));
}
