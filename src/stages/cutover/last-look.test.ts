import { expect, test } from 'vitest';
import { cutOver } from './run-cut.ts';
import { Pair } from './test-support/pair.ts';

test('a rogue write that the flow back has not read yet ends the attempt all the same', async () => {
  const pair = new Pair();
  pair.rogue = 1;
  const run = pair.run();
  await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-STAGES-103', facts: { rogue: 1 } });
  expect(pair.calls).not.toContain('green lower and decide');
  expect(run.journal.state.cuts).toMatchObject([{ end: { how: 'aborted', code: 'TEAL-STAGES-103' } }]);
});

test('a table of the side that was closed, and is open again, ends the attempt', async () => {
  const pair = new Pair();
  pair.before = (call) => {
    if (call === 'green sequences' && pair.fence.blue === 'raised') pair.fence.blue = 'partly';
  };
  const run = pair.run();
  await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-STAGES-111' });
  expect(pair.calls).not.toContain('green lower and decide');
});

test('a flow that has not heard yet that its source is open again, after a cut that was taken back, is waited for', async () => {
  const pair = new Pair();
  pair.forward.unshift('shadow', 'shadow');
  pair.before = (call) => {
    if (call === 'green lower and decide') pair.reverse = { mode: 'live', now: { state: 'running' } };
  };
  await expect(cutOver(pair.run())).resolves.toMatchObject({ from: 'blue', to: 'green' });
});
