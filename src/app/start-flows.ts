import { waitFor } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import type { MigrationState } from '../journal/state.ts';
import type { Carrier, Flow } from '../ports/carrier.ts';
import { deployStepId, receiveStepId } from '../stages/follow/follow-steps.ts';

const connectTimeoutMs = 60_000;

/** Starts the flows that a migration has and that do not run: a step that is done is not done again. Whoever needs one that cannot run says so. */
export async function startFlows(carrier: Carrier, state: MigrationState, signal: AbortSignal): Promise<void> {
  if (state.life.phase === 'finalised') return;
  const isDone = (step: string): boolean => state.steps[step]?.state === 'done';
  const flows = (['forward', 'reverse'] as const).filter((flow) => isDone(deployStepId(flow)));
  await Promise.all(flows.map(async (flow) => startFlow(carrier, flow, signal)));
  // In mid-copy: what it receives is wanted, and it must not apply yet.
  if (isDone(receiveStepId) && !isDone(deployStepId('forward'))) await carrier.deploy('forward', { begin: false });
}

async function startFlow(carrier: Carrier, flow: Flow, signal: AbortSignal): Promise<void> {
  await carrier.deploy(flow);
  try {
    await waitFor({ what: `the ${flow} flow to connect`, timeoutMs: connectTimeoutMs, signal }, async () => {
      const { now } = await carrier.status(flow);
      return now.state === 'waiting' && now.code === 'TEAL-CARRIERS-005' ? undefined : true;
    });
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
  }
}
