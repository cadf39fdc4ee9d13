import type { Teal } from './teal.ts';

export const movedFigure = 'MB/s moved';

export const megabytesPerSecond = (bytes: number, seconds: number): number => bytes / 1e6 / seconds;

/** Where the time of Teal's copy went, by what its steps do. `bytes`: of the rows that moved. */
export function figuresOfSteps(bytes: number, started: Teal): Readonly<Record<string, number>> {
  const took = started.stepSeconds();
  const sum = (wanted: (step: string) => boolean): number =>
    Object.entries(took).reduce((all, [step, seconds]) => (wanted(step) ? all + seconds : all), 0);
  const rows = took['copy:rows'] ?? Number.NaN;
  return {
    [movedFigure]: megabytesPerSecond(bytes, rows),
    'before the first step, s': started.firstStepSeconds(),
    'prepare, s': sum((step) => step.startsWith('prepare:')),
    'snapshot, s': sum((step) => /^copy:(first-position|snapshot|receive|release)/.test(step)),
    'rows, s': rows,
    'indexes and statistics, s': sum((step) => step === 'copy:keys' || step === 'copy:analyse'),
    'follow, s': sum((step) => step.startsWith('follow:')),
  };
}

/** Resolves when everything is there: rows, indexes, statistics, constraints; and the flow has come to the end of the copy. */
export async function copied(started: Teal): Promise<void> {
  await Promise.race([started.stepDone('follow:rest'), started.ask('up')]);
}
