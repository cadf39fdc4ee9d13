import { expect, test } from 'vitest';
import { monotonicMs } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { cutOver } from './run-cut.ts';
import { limits, Pair } from './test-support/pair.ts';

const silent = async (): Promise<never> => Promise.withResolvers<never>().promise;
const lost = async (): Promise<never> => {
  throw new TealError('TEAL-SYSTEMS-006', 'the session has ended');
};

test.each(['blue raise', 'green sequences'])(
  'silent from `%s` on: taken back when clients have waited',
  async (from) => {
    const pair = new Pair();
    pair.before = (call) => {
      // Before clients wait it is asked of its sequences too.
      const isHeld = call === 'blue raise' || pair.calls.includes('blue raise');
      if (call === from && isHeld) pair.green = silent;
    };
    const run = pair.run();
    const began = monotonicMs();
    await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-STAGES-102' });
    expect(monotonicMs() - began).toBeLessThan(limits.maxPauseMs + 5_000);
    expect(pair.calls.slice(-2)).toEqual(['blue lower', 'release']);
    expect(run.journal.state.life.phase).not.toBe('cutting');
  },
);

test('lost while it decides: nobody is let go on blue, for green may have decided', async () => {
  const pair = new Pair();
  pair.before = (call) => {
    if (call === 'green lower and decide') pair.green = lost;
  };
  const run = pair.run();
  await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-006' });
  expect(pair.calls.at(-1)).toBe('green probe');
  expect(pair.calls).not.toContain('blue lower');
  expect(pair.calls).not.toContain('release');
  expect([run.journal.state.life.phase, pair.fence.blue]).toEqual(['cutting', 'raised']);
});
