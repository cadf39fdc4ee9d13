import { assert, must } from '../kernel/assert.ts';
import { describeError, isTealError, TealError, type ErrorCode } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import { hasBegun } from '../journal/fold.ts';
import type { Journal } from '../journal/journal.ts';
import type { Probed, Step, StepContext, StepFacts, StepProgress } from '../ports/step.ts';

/** What a person or a library's user hears of a run. */
export type StepEvent =
  | { readonly kind: 'step started'; readonly step: string; readonly does: string }
  | { readonly kind: 'step progress'; readonly step: string; readonly progress: StepProgress }
  | { readonly kind: 'step done'; readonly step: string; readonly evidence: string; readonly found: boolean }
  | { readonly kind: 'step failed'; readonly step: string; readonly code: string; readonly message: string }
  | { readonly kind: 'step undone'; readonly step: string };

export interface StepRun {
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly onEvent: (event: StepEvent) => void;
  /** Looks also at steps that the journal has as done, and does again what is not there any more. Default: the journal is enough. */
  readonly reprobe?: boolean;
}

/**
 * Runs steps in order, or beside one another where `after` lets them: what the journal has as done is passed over; the rest is probed, intended, acted, probed, recorded. "act returned"
 * is never believed. A failure is journalled and thrown; what runs beside it is asked to stop and waited for. Running the same steps again goes on from what is true outside.
 *
 * Crash order: the intent is on disk before `act`, so whatever a crash leaves outside has a record that leads to it. Failpoints stand at each edge:
 * `step:<id>:before` (intended, nothing done), `:acted` (done, not recorded), `:journalled`.
 *
 * Errors: the step's own when it is one of Teal's, else TEAL-ENGINE-001; -002 no effect, -003 the probe failed.
 */
export async function runSteps(steps: readonly Step[], run: StepRun): Promise<void> {
  assertOrder(steps);
  const failed = new AbortController();
  const all: StepRun = { ...run, signal: AbortSignal.any([run.signal, failed.signal]) };
  const ends = new Map<string, Promise<void>>();
  for (const [at, step] of steps.entries()) {
    const before = step.after ?? steps.slice(0, at).map(({ id }) => id);
    const end = runAfter(
      before.map((id) => must(ends.get(id), 'the end of an earlier step', { step: id })),
      step,
      all,
    );
    ends.set(
      step.id,
      end.catch((error: unknown) => failed.abort(error)),
    );
  }
  await Promise.all(ends.values());
  if (failed.signal.aborted) throw failed.signal.reason;
}

async function runAfter(before: readonly Promise<void>[], step: Step, run: StepRun): Promise<void> {
  await Promise.all(before);
  run.signal.throwIfAborted();
  if (run.reprobe === true || run.journal.state.steps[step.id]?.state !== 'done') await runStep(step, run);
}

/** Undoes what was begun of these steps, last first. What was never begun is left alone. Errors: the step's own, else TEAL-ENGINE-004. */
export async function undoSteps(steps: readonly Step[], run: StepRun): Promise<void> {
  for (const step of steps.toReversed()) {
    if (hasBegun(run.journal.state.steps[step.id])) await undoStep(step, run);
  }
}

/** Two steps of one id would take each other's records for their own; one that came after a later one would be undone too late. */
function assertOrder(steps: readonly Step[]): void {
  const seen = new Set<string>();
  for (const { id, after = [] } of steps) {
    assert(!seen.has(id), 'steps have ids of their own', { step: id });
    for (const earlier of after) assert(seen.has(earlier), 'a step comes after earlier ones', { step: id, earlier });
    seen.add(id);
  }
}

async function runStep(step: Step, run: StepRun): Promise<void> {
  const { journal, onEvent } = run;
  const context = contextOf(step, run);
  onEvent({ kind: 'step started', step: step.id, does: step.does });
  const begun = hasBegun(journal.state.steps[step.id]);
  const before = await guarded(step, 'probe', 'TEAL-ENGINE-003', run, async () => step.probe(context));
  if (before.state === 'done') {
    // Known and still there: nothing new to record, and the facts that `act` returned are kept.
    if (journal.state.steps[step.id]?.state === 'done') return;
    recordDone(step, run, before, undefined, !begun);
    return;
  }
  const remembered =
    begun || step.remember === undefined
      ? undefined
      : await guarded(step, 'probe', 'TEAL-ENGINE-003', run, async () => step.remember?.(context));
  journal.append({
    type: 'stepIntended',
    step: step.id,
    ...(remembered === undefined ? {} : { before: { ...remembered } }),
  });
  failpoint(`step:${step.id}:before`);
  const facts = await guarded(step, 'act', 'TEAL-ENGINE-001', run, async () => step.act(contextOf(step, run)));
  failpoint(`step:${step.id}:acted`);
  const after = await guarded(step, 'probe', 'TEAL-ENGINE-003', run, async () => step.probe(contextOf(step, run)));
  if (after.state !== 'done') {
    const error = new TealError('TEAL-ENGINE-002', `${step.id} has ended and is ${after.state}`, { step: step.id });
    throw recordFailure(step, 'act', error, run);
  }
  recordDone(step, run, after, facts ?? undefined, false);
}

async function undoStep(step: Step, run: StepRun): Promise<void> {
  run.journal.append({ type: 'stepUndoIntended', step: step.id });
  failpoint(`undo:${step.id}:before`);
  await guarded(step, 'undo', 'TEAL-ENGINE-004', run, async () => step.undo(contextOf(step, run)));
  failpoint(`undo:${step.id}:acted`);
  run.journal.append({ type: 'stepUndone', step: step.id });
  failpoint(`undo:${step.id}:journalled`);
  run.onEvent({ kind: 'step undone', step: step.id });
}

function recordDone(
  step: Step,
  run: StepRun,
  probed: Extract<Probed, { state: 'done' }>,
  acted: StepFacts | undefined,
  found: boolean,
): void {
  // Nothing waits for it: the next intent has it synced, and a step whose end is not known is probed.
  run.journal.appendUnsynced({
    type: 'stepDone',
    step: step.id,
    found,
    evidence: probed.evidence,
    facts: { ...acted, ...probed.facts },
  });
  failpoint(`step:${step.id}:journalled`);
  run.onEvent({ kind: 'step done', step: step.id, evidence: probed.evidence, found });
}

function contextOf(step: Step, run: StepRun): StepContext {
  const { steps } = run.journal.state;
  const own = steps[step.id];
  return {
    signal: run.signal,
    progress: (progress) => run.onEvent({ kind: 'step progress', step: step.id, progress }),
    facts: (id) => {
      const other = run.journal.state.steps[id];
      return other?.state === 'done' ? other.facts : undefined;
    },
    before: own === undefined || own.state === 'undone' ? undefined : own.before,
  };
}

async function guarded<T>(
  step: Step,
  doing: 'probe' | 'act' | 'undo',
  code: ErrorCode,
  run: StepRun,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Asked to stop: the journal has the intent, and that is all there is to say.
    if (run.signal.aborted) throw error;
    const told = isTealError(error)
      ? error
      : new TealError(code, `${step.id}: ${describeError(error)}`, { step: step.id }, error);
    throw recordFailure(step, doing, told, run);
  }
}

function recordFailure(step: Step, doing: 'probe' | 'act' | 'undo', error: TealError, run: StepRun): TealError {
  const failure = { code: error.code, message: describeError(error).slice(0, 4_000) };
  run.journal.append({ type: 'stepFailed', step: step.id, doing, failure });
  run.onEvent({ kind: 'step failed', step: step.id, ...failure });
  return error;
}
