import { waitFor } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { flowSource, type Carrier, type Flow } from '../../ports/carrier.ts';
import { otherSide } from '../../model/catalog.ts';
import type { Step } from '../../ports/step.ts';

const startTimeoutMs = 60_000;

export function deployStepId(flow: Flow): string {
  return `follow:deploy-${flow}`;
}

/** Starts the worker of one flow. The reverse one begins in shadow: it reads and checks everything and applies nothing until an owner row tells it to. */
export function deployStep(flow: Flow, carrier: Carrier): Step {
  const source = flowSource(flow);
  const target = otherSide(source);
  return {
    id: deployStepId(flow),
    does:
      flow === 'forward'
        ? `starts the flow ${source} to ${target}: every change of ${source} is applied to ${target}`
        : `starts the flow ${source} to ${target} in shadow: it proves that the way back works, and would see a stray write on ${source}`,
    locks: 'nothing',
    costs: `one session that reads the log of ${source}, one that writes on ${target}; the spool on Teal's disk`,
    undone: 'the worker is stopped and its spool forgotten',
    probe: async () => {
      const { now } = await carrier.status(flow);
      return now.state === 'running' ? { state: 'done', evidence: 'the worker runs' } : { state: 'not done' };
    },
    act: async ({ signal, progress }) => {
      await carrier.deploy(flow);
      let why = '';
      const running = waitFor({ what: `the ${flow} flow to run`, timeoutMs: startTimeoutMs, signal }, async () => {
        const { now } = await carrier.status(flow);
        if (now.state === 'failed') {
          throw new TealError('TEAL-STAGES-120', `the ${flow} flow: ${now.reason}`, { flow, flowCode: now.code });
        }
        if (now.state === 'waiting') {
          why = now.reason;
          progress({ text: `the ${flow} flow waits: ${why}` });
        }
        return now.state === 'running' ? true : undefined;
      });
      await running.catch((error: unknown) => {
        if (why === '' || !isTealError(error, 'TEAL-KERNEL-002')) throw error;
        throw new TealError('TEAL-STAGES-120', `the ${flow} flow waits: ${why}`, { flow }, error);
      });
    },
    undo: async () => carrier.retire(flow),
  };
}
