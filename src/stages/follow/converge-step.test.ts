import { expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { Carrier, FlowState, FlowStatus } from '../../ports/carrier.ts';
import type { StepContext } from '../../ports/step.ts';
import { convergeStep } from './converge-step.ts';

const at = (place: number): Position => asPosition(String(place).padStart(4, '0'));
const context = {
  signal: new AbortController().signal,
  progress: () => undefined,
  facts: () => undefined,
  before: undefined,
} as StepContext;

/** A flow that gets on a little with every look. */
function carrierAt(places: readonly number[], now: FlowState = { state: 'running' }): Carrier {
  let looks = 0;
  const status = async (): Promise<FlowStatus> => {
    const place = places[Math.min(looks, places.length - 1)] ?? 0;
    looks += 1;
    return { now, applied: at(place), lagBytes: 0 } as FlowStatus;
  };
  return { status } as unknown as Carrier;
}

test('waits until the flow is at the newest snapshot of the copy, or beyond', async () => {
  const step = convergeStep(carrierAt([1, 1, 3, 3, 5]), () => at(4));
  expect(await step.probe(context)).toEqual({ state: 'not done' });
  await step.act(context);
  expect(await step.probe(context)).toMatchObject({ state: 'done' });
});

test('there is nothing to wait for where nothing was copied, or the flow begins at the snapshot', async () => {
  expect(await convergeStep(carrierAt([0]), () => undefined).probe(context)).toMatchObject({ state: 'done' });
  expect(await convergeStep(carrierAt([4]), () => at(4)).probe(context)).toMatchObject({ state: 'done' });
});

test('a flow that has failed is not waited for', async () => {
  const failed = { state: 'failed', code: 'TEAL-SYNC-110', reason: 'a row too few' } as const;
  const step = convergeStep(carrierAt([1], failed), () => at(4));
  await expect(step.act(context)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-110'));
});
