import { monotonicMs, sleep } from '../../kernel/clock.ts';
import type { Carrier, FlowStatus } from '../../ports/carrier.ts';
import type { Step, StepContext } from '../../ports/step.ts';
import { rowsStepId } from '../copy/copy-steps.ts';
import { failureOfFlow } from './follow-steps.ts';

/** A flow that takes longer for one sign has not caught up. */
const caughtUpMs = 30_000;
const askEveryMs = 500;
const tellEveryMs = 1_000;
/** Tasks that failed are started again so often; whatever ended them more often does not pass. */
const restarts = 3;

/**
 * Where the flow itself brings the rows that are there before it brings what changes: waits until a sign that is written now has come through. What is in the copy was before it.
 */
export function throughStep(carrier: Carrier, told: Pick<Step, 'does' | 'locks' | 'costs'>): Step {
  return {
    id: rowsStepId,
    ...told,
    undone: 'the tables on green are dropped with their schema',
    probe: async ({ signal }) => {
      const limit = AbortSignal.timeout(2 * caughtUpMs);
      try {
        const { now } = await carrier.caughtUp('forward', AbortSignal.any([signal, limit]));
        if (now.state !== 'running') return { state: 'not done' };
        return { state: 'done', evidence: 'a sign that was written after the copy had begun is on green' };
      } catch (error) {
        signal.throwIfAborted();
        if (limit.aborted) return { state: 'not done' };
        throw error;
      }
    },
    act: async ({ signal, progress }) => {
      for (let failures = 0; ;) {
        const beganMs = monotonicMs();
        await using _ = telling(carrier, progress);
        const { now } = await carrier.caughtUp('forward', signal);
        if (now.state === 'running' && monotonicMs() - beganMs < caughtUpMs) return;
        if (now.state === 'failed') {
          failures += 1;
          if (failures > restarts) throw failureOfFlow('forward', now);
          await carrier.deploy('forward');
        }
        await sleep(askEveryMs, signal);
      }
    },
    undo: async () => undefined,
  };
}

/** What the flow is, once a second, until it is disposed of. */
function telling(carrier: Carrier, progress: StepContext['progress']): AsyncDisposable {
  const stop = new AbortController();
  const told = (async () => {
    while (!stop.signal.aborted) {
      // What cannot be asked now is asked again; the step itself finds out why.
      const status = await carrier.status('forward').catch(() => undefined);
      if (status !== undefined) progress({ text: textOf(status) });
      await sleep(tellEveryMs, stop.signal).catch(() => undefined);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await told;
    },
  };
}

function textOf({ now, retainedBytes = 0, lagMs }: FlowStatus): string {
  if ('reason' in now) return `the flow waits: ${now.reason}`;
  if (lagMs !== undefined) return `the flow catches up: ${(lagMs / 1_000).toFixed(0)} s to go`;
  return `the rows that are there come first; blue has kept ${(retainedBytes / 1e6).toFixed(0)} MB of its log meanwhile`;
}
