import { expect, test } from 'vitest';
import { cutSteps, type Equalizer } from './cut-steps.ts';
import { cutOver, type CutRun } from './run-cut.ts';
import { limits, Pair } from './test-support/pair.ts';

const cut = { name: 'e1a1', epoch: 1, from: 'blue', to: 'green' } as const;

/** A cut from a side whose flow does not tell all, where `mends` repairs make both sides equal. */
function unequal(mends: number): { readonly pair: Pair; readonly run: CutRun } {
  const pair = new Pair();
  let left = mends;
  pair.before = (call) => {
    if (call === 'green lower and decide') pair.reverse = { mode: 'live', now: { state: 'running' } };
  };
  const equalizer: Equalizer = {
    compare: async () => {
      pair.calls.push('compare');
      return { equal: left === 0, evidence: 'compared' };
    },
    repair: async () => {
      pair.calls.push('repair');
      left -= 1;
      return 1;
    },
  };
  const run = pair.run();
  const ports = { ...run.ports, equalizer: () => equalizer };
  return { pair, run: { ...run, ports, limits: { ...limits, maxPauseMs: 60_000 } } };
}

test('both sides are compared, and mended, between the token and the decision', async () => {
  const { pair, run } = unequal(1);
  await cutOver(run);
  const { calls } = pair;
  expect(calls.filter((call) => call === 'compare' || call === 'repair')).toEqual(['compare', 'repair', 'compare']);
  expect(calls.indexOf('compare')).toBeGreaterThan(calls.indexOf('blue raise'));
  expect(calls.lastIndexOf('compare')).toBeLessThan(calls.indexOf('green lower and decide'));
});

test('sides that do not become equal end the attempt: blue stays live', async () => {
  const { pair, run } = unequal(2);
  await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-ENGINE-002' });
  expect(pair.calls).not.toContain('green lower and decide');
  expect(pair.calls).toContain('blue lower');
  expect(run.journal.state.cuts).toMatchObject([{ end: { how: 'aborted', code: 'TEAL-ENGINE-002' } }]);
});

test('a comparison for which clients would wait too long ends the attempt', async () => {
  const { pair, run } = unequal(0);
  const compare = async (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
  const ports = { ...run.ports, equalizer: () => ({ compare, repair: async () => 0 }) };
  await expect(cutOver({ ...run, ports, limits })).rejects.toMatchObject({ code: 'TEAL-STAGES-102' });
  expect(pair.calls).not.toContain('green lower and decide');
});

test('where the flow tells all nothing is compared', () => {
  const { ports } = new Pair().run();
  const idsOf = (each: typeof ports): readonly string[] => cutSteps(cut, each, limits).map(({ id }) => id);
  const equalizer: Equalizer = { compare: async () => expect.unreachable(), repair: async () => expect.unreachable() };
  const extra = idsOf({ ...ports, equalizer: () => equalizer }).filter((id) => !idsOf(ports).includes(id));
  expect(extra).toEqual(['cut:e1a1:equal']);
});
