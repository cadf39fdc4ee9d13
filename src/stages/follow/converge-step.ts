import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { failureOfFlow } from './follow-steps.ts';
import type { Position } from '../../model/position.ts';
import type { Carrier, FlowStatus } from '../../ports/carrier.ts';
import type { Step, StepContext } from '../../ports/step.ts';

const askEveryMs = 500;
/** The heartbeat moves a flow that has nothing else to do: one that stands still for so long does so for a reason. */
const stillMs = 10 * 60_000;

/**
 * Waits until the flow has come to the newest snapshot of the copy. A copy that lost its snapshot leaves tables of different places of blue's log: until then green is
 * no state that blue ever had, and nothing that looks at two tables together (foreign keys, views, the flow back) may count on it.
 * `position`: of that snapshot; undefined when nothing was copied.
 */
export function convergeStep(carrier: Carrier, position: (context: StepContext) => Position | undefined): Step {
  const look = async (context: StepContext): Promise<{ readonly status: FlowStatus; readonly isThere: boolean }> => {
    const wanted = position(context);
    const status = await carrier.status('forward');
    return { status, isThere: wanted === undefined || status.applied >= wanted };
  };
  return {
    id: 'follow:converge',
    does: 'waits until the flow has come to the newest snapshot of the copy: from there on green is always a state that blue had',
    locks: 'nothing',
    costs: 'nothing, unless the copy lost its snapshot: then the time in which the flow catches up with it',
    undone: 'not needed',
    probe: async (context) => {
      const { status, isThere } = await look(context);
      return isThere ? { state: 'done', evidence: `green is at ${status.applied}` } : { state: 'not done' };
    },
    act: async (context) => {
      let applied: Position | undefined;
      let movedMs = monotonicMs();
      for (;;) {
        const { status, isThere } = await look(context);
        if (isThere) return;
        if (status.applied !== applied) movedMs = monotonicMs();
        applied = status.applied;
        refuseStandstill(status, monotonicMs() - movedMs);
        context.progress({ text: describe(status) });
        await sleep(askEveryMs, context.signal);
      }
    },
    undo: async () => undefined,
  };
}

function refuseStandstill({ now }: FlowStatus, forMs: number): void {
  if (now.state === 'failed') {
    throw failureOfFlow('forward', now);
  }
  if (forMs > stillMs) {
    const why = now.state === 'waiting' ? now.reason : now.state;
    throw new TealError('TEAL-STAGES-120', `the forward flow stands still: ${why}`, { flow: 'forward' });
  }
}

function describe(status: FlowStatus): string {
  const { now, lagBytes } = status;
  if (now.state === 'waiting') return `the flow waits: ${now.reason}`;
  return `the flow catches up with the copy: ${(lagBytes / 1e6).toFixed(0)} MB to go`;
}
