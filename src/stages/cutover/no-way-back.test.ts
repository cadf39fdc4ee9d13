import { expect, test } from 'vitest';
import { asPosition } from '../../model/position.ts';
import { cutOver, recoverCut } from './run-cut.ts';
import { Pair } from './test-support/pair.ts';

const ended = {
  state: 'failed',
  code: 'TEAL-SYSTEMS-020',
  reason: 'TEAL-SYSTEMS-020: the slot is gone',
} as const;

/** The way back is lost when green decides: after the last look at it. */
function losesWayBack(): Pair {
  const pair = new Pair();
  pair.before = (call) => {
    if (call === 'green lower and decide') pair.reverse = { mode: 'shadow', now: ended };
  };
  return pair;
}

test('a decided cut whose flow back can never go on is finished, and told as that', async () => {
  const run = losesWayBack().run();
  const { noWayBack, to } = await cutOver(run);
  expect([to, noWayBack?.code, noWayBack?.facts]).toEqual(['green', 'TEAL-STAGES-110', { flowCode: ended.code }]);
  expect(noWayBack?.message).toContain('the slot is gone');
  const { life, cuts } = run.journal.state;
  expect([life.phase, cuts.at(-1)?.end]).toEqual([
    'green',
    { how: 'finished', facts: { pauseMs: expect.any(Number), noWayBack: ended.code } },
  ]);
});

test('a controller that finds it left open by another ends it too', async () => {
  const pair = new Pair();
  pair.before = (call) => {
    if (call === 'green lower and decide')
      pair.reverse = {
        mode: 'shadow',
        now: { state: 'waiting', code: 'TEAL-CARRIERS-005', reason: 'starts', position: asPosition('1') },
      };
  };
  const run = pair.run();
  await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-KERNEL-002' });
  expect(run.journal.state.life.phase).toBe('crossing');
  pair.reverse = { mode: 'shadow', now: ended };
  await expect(recoverCut(run)).resolves.toMatchObject({ to: 'green', noWayBack: { code: 'TEAL-STAGES-110' } });
  expect(run.journal.state.life.phase).toBe('green');
});
