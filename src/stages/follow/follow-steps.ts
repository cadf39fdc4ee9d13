import { waitFor } from '../../kernel/clock.ts';
import { isErrorCode, isTealError, TealError } from '../../kernel/errors.ts';
import { flowSource, type Carrier, type Flow, type FlowState } from '../../ports/carrier.ts';
import { otherSide } from '../../model/catalog.ts';
import type { Probed, Step } from '../../ports/step.ts';

const startTimeoutMs = 60_000;
/** While a worker starts: one question on a socket of this machine. */
const askEveryMs = 10;
export const receiveStepId = 'copy:receive';

export function deployStepId(flow: Flow): string {
  return `follow:deploy-${flow}`;
}

/**
 * Starts to receive what blue commits while the copy runs, so that blue need not keep its log for as long as that (correctness.md §1.2.7). What is acknowledged to blue
 * is on Teal's own disk; nothing is applied until `follow:deploy-forward`.
 */
export function receiveStep(carrier: Carrier): Step {
  const probe = async (): Promise<Probed> => {
    const { now, spoolBytes } = await carrier.status('forward');
    const receives = now.state === 'running' || (now.state === 'waiting' && now.code === 'TEAL-CARRIERS-006');
    return receives ? { state: 'done', evidence: `${spoolBytes} bytes in the spool` } : { state: 'not done' };
  };
  return {
    id: receiveStepId,
    does: "starts to receive blue's changes: they wait in the spool on Teal's disk until the copy is there",
    locks: 'nothing',
    costs: "one session that reads blue's log, and disk for what blue writes while the copy runs",
    undone: 'the worker is stopped and its spool forgotten',
    probe,
    act: async ({ signal }) => {
      await carrier.deploy('forward', { begin: false });
      const what = 'the forward flow to receive';
      await waitFor({ what, timeoutMs: startTimeoutMs, everyMs: askEveryMs, signal }, async () => {
        const { now } = await carrier.status('forward');
        if (now.state === 'failed') throw failureOfFlow('forward', now);
        return (await probe()).state === 'done' ? true : undefined;
      });
    },
    undo: async () => carrier.retire('forward'),
  };
}

/** A flow that can never go on is told with its own code: what is to be done is another thing than to mend it, and the data may differ. */
export function failureOfFlow(flow: Flow, now: Extract<FlowState, { readonly reason: string }>): TealError {
  return (
    endOfFlow(flow, now) ??
    new TealError('TEAL-STAGES-120', `the ${flow} flow: ${now.reason}`, { flow, flowCode: now.code })
  );
}

/** The error of a flow that can never go on; undefined for every other state. */
export function endOfFlow(flow: Flow, now: FlowState): TealError | undefined {
  if (!('reason' in now) || !isErrorCode(now.code)) return undefined;
  const error = new TealError(now.code, now.reason.replace(`${now.code}: `, ''), { flow });
  return canNeverGoOn(error) ? error : undefined;
}

/** Of the error that a flow ended with. */
export function canNeverGoOn(error: unknown): error is TealError {
  return isTealError(error) && error.entry.retry === 'never';
}

/** Starts the worker of one flow. The reverse one begins in shadow: it reads and checks everything and applies nothing until an owner row tells it to. */
export function deployStep(flow: Flow, carrier: Carrier): Step {
  const source = flowSource(flow);
  const target = otherSide(source);
  return {
    id: deployStepId(flow),
    does:
      flow === 'forward'
        ? `lets the flow ${source} to ${target} apply: first what came while the copy ran, then every change of ${source} as it comes`
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
      const what = `the ${flow} flow to run`;
      const running = waitFor({ what, timeoutMs: startTimeoutMs, everyMs: askEveryMs, signal }, async () => {
        const { now } = await carrier.status(flow);
        if (now.state === 'failed') throw failureOfFlow(flow, now);
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
