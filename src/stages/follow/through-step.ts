import { sleep } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { Carrier, FlowStatus } from '../../ports/carrier.ts';
import type { Step } from '../../ports/step.ts';
import { rowsStepId } from '../copy/copy-steps.ts';
import { failureOfFlow } from './follow-steps.ts';

/** How long a look waits: a flow that keeps up needs less. */
const lookMs = 10_000;
const askEveryMs = 500;
/** Tasks that failed are started again so often; whatever ended them more often does not pass. */
const restarts = 3;

/**
 * Where the flow itself brings the rows that are there before it brings what changes: waits until a sign that is written now has come through. What is in the copy was before it.
 */
export function throughStep(carrier: Carrier, told: Pick<Step, 'does' | 'locks' | 'costs'>): Step {
  const look = async (signal: AbortSignal): Promise<FlowStatus | undefined> => {
    const limit = AbortSignal.timeout(lookMs);
    try {
      return await carrier.caughtUp('forward', AbortSignal.any([signal, limit]));
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted || isTealError(error, 'TEAL-KERNEL-002')) return undefined;
      throw error;
    }
  };
  return {
    id: rowsStepId,
    ...told,
    undone: 'the tables on green are dropped with their schema',
    probe: async ({ signal }) => {
      const status = await look(signal);
      return status?.now.state === 'running'
        ? { state: 'done', evidence: 'a sign that was written after the copy had begun is on green' }
        : { state: 'not done' };
    },
    act: async ({ signal, progress }) => {
      let failures = 0;
      for (;;) {
        const seen = await look(signal);
        if (seen?.now.state === 'running') return;
        const status = seen ?? (await carrier.status('forward'));
        const { now } = status;
        if (now.state === 'failed') {
          failures += 1;
          if (failures > restarts) throw failureOfFlow('forward', now);
          await carrier.deploy('forward');
        }
        progress({ text: textOf(status) });
        await sleep(askEveryMs, signal);
      }
    },
    undo: async () => undefined,
  };
}

function textOf({ now, retainedBytes = 0 }: FlowStatus): string {
  if ('reason' in now) return `the flow waits: ${now.reason}`;
  return `the rows that are there come first; blue has kept ${(retainedBytes / 1e6).toFixed(0)} MB of its log meanwhile`;
}
