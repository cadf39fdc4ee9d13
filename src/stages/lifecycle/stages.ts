import type { Journal } from '../../journal/journal.ts';
import type { Step } from '../../ports/step.ts';
import { runSteps, undoSteps, type StepRun } from '../../engine/run-steps.ts';

export type StageId = 'prepare' | 'copy' | 'follow' | 'shadow' | 'canary';

/** A part of the lifecycle that is done once and stands until it is undone. */
export interface Stage {
  readonly id: StageId;
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface StagesRun extends StepRun {
  readonly onStage: (stage: Stage, state: 'started' | 'finished' | 'undone') => void;
}

/** Runs what is not finished, in order. */
export async function runStages(stages: readonly Stage[], run: StagesRun): Promise<void> {
  for (const stage of stages) {
    if (isFinished(run.journal, stage)) continue;
    run.journal.append({ type: 'stageStarted', stage: stage.id });
    run.onStage(stage, 'started');
    await runSteps(stage.steps, run);
    run.journal.append({ type: 'stageFinished', stage: stage.id });
    run.onStage(stage, 'finished');
  }
}

/** Undoes all of it, last stage first. What was never begun is left alone. */
export async function undoStages(stages: readonly Stage[], run: StagesRun): Promise<void> {
  for (const stage of stages.toReversed()) {
    await undoSteps(stage.steps, run);
    const state = run.journal.state.stages[stage.id]?.state;
    if (state === undefined || state === 'undone') continue;
    run.journal.append({ type: 'stageUndone', stage: stage.id });
    run.onStage(stage, 'undone');
  }
}

export function isFinished(journal: Journal, stage: Pick<Stage, 'id'>): boolean {
  return journal.state.stages[stage.id]?.state === 'finished';
}
