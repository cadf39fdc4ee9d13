import { describeError, isTealError, TealError } from '../../kernel/errors.ts';
import { must } from '../../kernel/assert.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import { runSteps, undoSteps, type StepRun } from '../../engine/run-steps.ts';
import { hasBegun } from '../../journal/fold.ts';
import { liveSide, type OpenCut } from '../../journal/state.ts';
import type { FenceState } from '../../ports/fence.ts';
import type { SchemaMark } from '../../ports/schemas.ts';
import type { Step } from '../../ports/step.ts';
import { cutSteps, decideStepId, untilThen, type Cut, type CutLimits, type CutPorts } from './cut-steps.ts';
import { recover, type Recovery } from './decide.ts';
import { checkGuardrails, letCatchUp } from './guardrails.ts';
import { answered } from './patience.ts';

export interface CutRun extends StepRun {
  /** Of a log: the next cut is about these alone, which `from` owns. Absent: about all that the live side owns. */
  readonly part?: { readonly from: Side; readonly topics: readonly string[] };
  /** About the same. */
  readonly ports: CutPorts;
  readonly limits: CutLimits;
}

export interface CutOutcome {
  readonly cut: string;
  readonly from: Side;
  readonly to: Side;
  /** See `Cut`. */
  readonly topics?: readonly string[];
  /** From the moment clients were asked to wait, or their writes could be refused, until they went on; undefined when a crash lay between. */
  readonly pauseMs: number | undefined;
  /** TEAL-STAGES-110: ownership has moved, and the side that lost it will not get what is written from now on. */
  readonly noWayBack?: TealError;
}

/**
 * Moves ownership to the other side. Before the decision any failure takes everything back (TEAL-STAGES-1xx or the step's own error is thrown, clients go on
 * where they were); after it the only way is forward, and running it again goes on. See `CutOutcome.noWayBack`.
 */
export async function cutOver(run: CutRun): Promise<CutOutcome> {
  const cut = nextCut(run);
  await letCatchUp(cut, run.ports.carrier, run.limits, run.signal);
  const schema = await checkGuardrails(cut, run.ports, run.limits, (digest) =>
    Object.hasOwn(run.journal.state.approvals, schemaApproval(digest)),
  );
  run.journal.append({
    type: 'cutIntended',
    cut: cut.name,
    epoch: cut.epoch,
    from: cut.from,
    to: cut.to,
    pauseLimitMs: run.limits.maxPauseMs,
    drainLimitMs: run.limits.drainMs,
    ...(cut.topics === undefined ? {} : { topics: [...cut.topics] }),
  });
  return attempt(cut, run, schema);
}

/** Under what a person's yes to a list of differences between the schemas is in the journal. */
export function schemaApproval(digest: string): string {
  return `schema:${digest}`;
}

/**
 * For a controller that starts and finds a cut open in its journal: the owner row decides (correctness.md §3.4). Returns the outcome when the cut
 * was finished, undefined when it was taken back or none was open.
 */
export async function recoverCut(run: CutRun): Promise<CutOutcome | undefined> {
  const { life } = run.journal.state;
  if (life.phase !== 'cutting' && life.phase !== 'crossing') return undefined;
  const cut = cutOf(life.cut);
  const found = await whatHappened(cut, run);
  switch (found.go) {
    case 'forward':
      return finish(cut, run);
    case 'back':
      if (life.phase === 'crossing')
        throw contradiction(`the journal has the decision and the systems do not: ${found.why}`);
      await takeBack(cut, run, new TealError('TEAL-STAGES-105', found.why, { cut: cut.name }));
      return undefined;
    case 'stop':
      throw contradiction(found.why);
  }
}

function contradiction(why: string): TealError {
  return new TealError('TEAL-STAGES-106', why);
}

function nextCut(run: CutRun): Cut {
  const { state } = run.journal;
  const from = run.part?.from ?? liveSide(state);
  const topics = run.part === undefined ? {} : { topics: run.part.topics };
  const epoch = state.epoch + 1;
  const attempts = state.cuts.filter((past) => past.epoch === epoch).length;
  return { name: `e${epoch}a${attempts + 1}`, epoch, from, to: otherSide(from), ...topics };
}

function cutOf(open: OpenCut): Cut {
  const { cut: name, epoch, from, to, topics } = open;
  return { name, epoch, from, to, ...(topics === undefined ? {} : { topics }) };
}

async function attempt(cut: Cut, run: CutRun, schema: SchemaMark): Promise<CutOutcome> {
  const steps = cutSteps(cut, run.ports, run.limits, schema);
  try {
    await runSteps(untilDecision(cut, steps), run);
  } catch (error) {
    // Nobody but this controller writes this epoch's owner row: there is none, and the gaining side, which may be silent, need not be asked.
    if (!hasBegun(run.journal.state.steps[decideStepId(cut)])) {
      await takeBack(cut, run, error);
      throw error;
    }
    // The decision may have been written although its answer was lost: only the owner row knows.
    const found = await whatHappened(cut, run);
    if (found.go === 'stop') throw contradiction(found.why);
    if (found.go === 'back') {
      await takeBack(cut, run, error);
      throw error;
    }
  }
  return finish(cut, run, steps);
}

function untilDecision(cut: Cut, steps: readonly Step[]): readonly Step[] {
  return steps.slice(0, steps.findIndex((step) => step.id === decideStepId(cut)) + 1);
}

/** Errors: TEAL-STAGES-109 where a side is silent. What became of the cut is not known then, and all stays as it is. */
async function whatHappened(cut: Cut, run: CutRun): Promise<Recovery> {
  const look = async (side: Side): Promise<FenceState> =>
    answered(`what became of cut ${cut.name} on ${side}; ${untilThen(run.ports)} that is known`, async (signal) =>
      run.ports.fences[side].probe(signal),
    );
  const [losing, gaining] = await Promise.all([look(cut.from), look(cut.to)]);
  return recover({ cut: cut.name, epoch: cut.epoch, losing, gaining });
}

async function takeBack(cut: Cut, run: CutRun, reason: unknown): Promise<void> {
  await undoSteps(untilDecision(cut, cutSteps(cut, run.ports, run.limits)), run);
  run.journal.append({
    type: 'cutAborted',
    cut: cut.name,
    reason: describeError(reason).slice(0, 4_000),
    code: isTealError(reason) ? reason.code : 'TEAL-ENGINE-001',
  });
}

async function finish(cut: Cut, run: CutRun, steps = cutSteps(cut, run.ports, run.limits)): Promise<CutOutcome> {
  const { journal } = run;
  if (journal.state.life.phase === 'cutting') {
    const { owner } = await answered(`the owner row on ${cut.to}`, async (signal) =>
      run.ports.fences[cut.to].written(signal),
    );
    // The owner row says it, and the next intent has it synced.
    journal.appendUnsynced({
      type: 'cutDecided',
      cut: cut.name,
      position: `epoch ${must(owner, 'the owner row').epoch}`,
    });
  }
  const noWayBack = await wayBackLost(async () => runSteps(afterDecision(cut, steps), run));
  const pauseMs = pauseOf(cut, run);
  const facts = {
    ...(pauseMs === undefined ? {} : { pauseMs }),
    ...(run.ports.router.holdsClients === false ? { held: false } : {}),
    ...(noWayBack === undefined ? {} : { noWayBack: String(noWayBack.facts['flowCode']) }),
  };
  journal.append({ type: 'cutFinished', cut: cut.name, facts });
  const { name, from, to, topics } = cut;
  const about = topics === undefined ? {} : { topics };
  return { cut: name, from, to, ...about, pauseMs, ...(noWayBack === undefined ? {} : { noWayBack }) };
}

/** The last step of a cut waits for the flow back. One that can never go on leaves no cut open: the clients have gone on, and to end the migration is all that is left. */
async function wayBackLost(steps: () => Promise<void>): Promise<TealError | undefined> {
  try {
    await steps();
    return undefined;
  } catch (error) {
    if (isTealError(error, 'TEAL-STAGES-110')) return error;
    throw error;
  }
}

function afterDecision(cut: Cut, steps: readonly Step[]): readonly Step[] {
  return steps.slice(steps.findIndex((step) => step.id === decideStepId(cut)) + 1);
}

/** By the journal's own clock: the intent to hold until the release was seen. */
function pauseOf(cut: Cut, run: CutRun): number | undefined {
  const records = run.journal.records();
  const at = (type: 'stepIntended' | 'stepDone', what: string): number | undefined => {
    const record = records.findLast(({ event }) => event.type === type && event.step === `cut:${cut.name}:${what}`);
    return record === undefined ? undefined : Date.parse(record.at);
  };
  const [held, released] = [at('stepIntended', 'hold'), at('stepDone', 'release')];
  return held === undefined || released === undefined ? undefined : Math.max(0, released - held);
}
