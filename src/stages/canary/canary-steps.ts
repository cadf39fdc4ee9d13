import { must } from '../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { CanaryReads, CanaryTally } from '../../ports/canary.ts';
import type { Gate } from '../../ports/gate.ts';
import type { Step, StepContext } from '../../ports/step.ts';
import type { CanarySpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';
import type { Stage } from '../lifecycle/stages.ts';
import { reasonOf } from '../soak/health.ts';
import { judgeCanary, percentText, type CanaryJudgement } from './judge.ts';
import { Recent } from './recent.ts';
import { Questions } from './questions.ts';
import { tenantSteps, type CanaryOrder, type TenantPorts } from './tenant-steps.ts';

export type { CanaryOrder };

export interface CanaryPorts {
  readonly reads: CanaryReads;
  readonly questions: readonly Gate[];
  readonly order: () => CanaryOrder | undefined;
  /** It was done. */
  readonly obeyed: () => void;
  /** Where rows of tenants can be written on green, and their sessions go there. */
  readonly tenants?: Omit<TenantPorts, 'questions' | 'order' | 'obeyed'>;
}

const lookEveryMs = 1_000;
/** A controller that is gone judges nobody: every read is blue's again then. */
export const canaryLeaseMs = 15_000;
/** A proxy that has died is started again by its supervisor. */
const proxyPatienceMs = 60_000;

/** None where the file asks for none. */
export function canaryStages(spec: CanarySpec | undefined, ports: CanaryPorts | undefined): readonly Stage[] {
  if (spec === undefined) return [];
  const given = must(ports, 'a proxy that moves reads');
  const reads = spec.shares.map((share) => holdStep(share, spec, given));
  const steps = [...(reads.length === 0 ? [] : [...reads, endStep(given)]), ...writeSteps(spec, given)];
  return [{ id: 'canary', title: 'Canary', steps }];
}

function writeSteps(spec: CanarySpec, ports: CanaryPorts): readonly Step[] {
  if (spec.writes === undefined) return [];
  return tenantSteps(spec, spec.writes, { ...must(ports.tenants, 'tenants that can be moved'), ...ports });
}

function holdStep(share: number, spec: CanarySpec, ports: CanaryPorts): Step {
  const { reads } = ports;
  const asked = spec.revertOn.length === 0 ? '' : ` and ${spec.revertOn.length} questions are answered with yes`;
  return {
    id: `canary:${percentText(share)}`,
    does: `has green answer what ${whoOf(share, spec.by)} read, once it has applied what they last wrote; goes on after ${formatDuration(spec.holdMs)} where green fails at most ${percentText(spec.maxErrors)} of the reads, is not slower than blue${asked}, and otherwise leaves every read to blue within seconds`,
    locks: 'what a SELECT locks on green, while each read runs: no rows',
    costs: 'time; a connection to green for each of these sessions; green answers their reads in place of blue',
    undone: 'every read goes to blue',
    probe: async () => {
      const judged = judgeCanary(await reads.tally(), share, spec);
      return judged.verdict === 'held' ? { state: 'done', evidence: judged.evidence } : { state: 'not done' };
    },
    act: async (context) => hold(share, spec, ports, context),
    undo: async () => end(reads),
  };
}

function endStep({ reads }: CanaryPorts): Step {
  return {
    id: 'canary:end',
    does: 'has every read go to blue again until the cut: nobody judges green from here on',
    locks: 'nothing',
    costs: 'nothing',
    undone: 'not needed',
    probe: async () =>
      (await reads.tally()).share === 0 ? { state: 'done', evidence: 'none' } : { state: 'not done' },
    act: async () => end(reads),
    undo: async () => undefined,
  };
}

/** A proxy that is gone sends nothing to green. */
async function end(reads: CanaryReads): Promise<void> {
  try {
    await reads.end();
  } catch (error) {
    if (!isTealError(error, 'TEAL-TRAFFIC-005')) throw error;
  }
}

function whoOf(share: number, by: string | undefined): string {
  const part = percentText(share);
  return by === undefined ? `${part} of sessions` : `the sessions of ${part} of the values of ${by}`;
}

async function hold(share: number, spec: CanarySpec, ports: CanaryPorts, context: StepContext): Promise<void> {
  await using questions = new Questions(ports.questions, spec);
  try {
    await watch(share, spec, ports, questions, context);
  } catch (error) {
    // Whatever it was: nobody judges any more.
    await end(ports.reads);
    throw error;
  }
}

async function watch(
  share: number,
  spec: CanarySpec,
  ports: CanaryPorts,
  questions: Questions,
  { signal, progress }: StepContext,
): Promise<void> {
  const recent = new Recent();
  let answeredMs = monotonicMs();
  for (;;) {
    const order = ports.order();
    if (order === 'abort') {
      ports.obeyed();
      throw new TealError('TEAL-STAGES-162', `at ${percentText(share)} of sessions`, { share });
    }
    if (order === 'pause') {
      await end(ports.reads);
      progress({ text: `paused before ${percentText(share)}: every read goes to blue; teal canary resume` });
    } else {
      const tally = await setOf(share, spec.by, ports.reads, monotonicMs() - answeredMs);
      if (tally !== undefined) answeredMs = monotonicMs();
      if (tally === undefined) progress({ text: 'the proxy does not answer; every read goes to blue' });
      else {
        const judged = judgeCanary(tally, share, spec, recent.of(tally));
        if (isHeld(judged, share, questions)) return;
        progress({ text: judged.evidence, done: Math.min(tally.heldMs, spec.holdMs), total: spec.holdMs });
        failpoint('canary.watch');
      }
    }
    await sleep(lookEveryMs, signal);
  }
}

/** Sets the share, or says that somebody still watches. Undefined while the proxy is being started again: it begins with no share, and the step anew. */
async function setOf(
  share: number,
  by: string | undefined,
  reads: CanaryReads,
  silentMs: number,
): Promise<CanaryTally | undefined> {
  try {
    return await reads.set(share, canaryLeaseMs, by);
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005') && silentMs < proxyPatienceMs) return undefined;
    throw error;
  }
}

/** Errors: TEAL-STAGES-160 what green answers says no, -161 a question does. */
function isHeld({ verdict, evidence }: CanaryJudgement, share: number, questions: Questions): boolean {
  const at = `at ${percentText(share)} of sessions`;
  if (verdict === 'bad') throw new TealError('TEAL-STAGES-160', `${at} ${evidence}`, { share });
  const ill = questions.failed;
  if (ill !== undefined) throw new TealError('TEAL-STAGES-161', `${at} ${reasonOf(ill)}`, { share });
  return verdict === 'held' && questions.areWell;
}
