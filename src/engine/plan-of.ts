import type { Gate } from '../ports/gate.ts';
import type { Step } from '../ports/step.ts';
import type { Plan, PlannedStage, PlannedStep } from '../plan/plan.ts';

/** What `planOf` reads of a stage. Stages of the lifecycle are such. */
export interface PlannableStage {
  readonly id: string;
  readonly title: string;
  readonly steps: readonly Step[];
  readonly gates?: readonly Gate[];
}

/**
 * The plan of the very steps that a run would be given. Reads their texts and calls nothing, so that what is printed is what is run, and printing
 * touches no system.
 */
export function planOf(head: Omit<Plan, 'stages'>, stages: readonly PlannableStage[]): Plan {
  return Object.freeze({ ...head, stages: stages.map(plannedStage) });
}

function plannedStage({ id, title, steps, gates = [] }: PlannableStage): PlannedStage {
  return {
    id,
    title,
    gates: gates.map((gate) => ({ id: gate.id, asks: gate.asks, person: gate.person })),
    steps: steps.map(plannedStep),
  };
}

function plannedStep({ id, does, locks, costs, undone }: Step): PlannedStep {
  return { id, does, locks, costs, undone };
}
