import { expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import type { FlowState, FlowStatus } from '../ports/carrier.ts';
import { whileReceiving, type CopyWatchOptions } from './while-receiving.ts';

function world(...states: readonly (FlowState | Error)[]): CopyWatchOptions {
  let next = 0;
  return {
    status: async () => {
      const now = states[Math.min(next, states.length - 1)];
      next += 1;
      if (now instanceof Error) throw now;
      return { now } as FlowStatus;
    },
    isCopying: () => true,
    signal: new AbortController().signal,
    everyMs: 1,
  };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped in the middle'))));
}

async function codeOf(work: Promise<void>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (isTealError(error) ? error.code : String(error)),
  );
}

test('a flow that fails for good while rows are copied ends the copy with its own code', async () => {
  for (const code of ['TEAL-CARRIERS-007', 'TEAL-SYSTEMS-020', 'TEAL-SYSTEMS-021']) {
    const here = world(
      { state: 'running' },
      new Error('not now'),
      { state: 'failed', code: 'TEAL-CARRIERS-001', reason: 'died' },
      { state: 'failed', code, reason: 'for good' },
    );
    expect(await codeOf(whileReceiving(here, untilAborted))).toBe(code);
  }
});

test('work that ends or fails by itself is what it was', async () => {
  const here = world({ state: 'running' });
  expect(await codeOf(whileReceiving(here, async () => undefined))).toBe('done');
  expect(await codeOf(whileReceiving(here, async () => Promise.reject(new Error('its own'))))).toBe('Error: its own');
});
