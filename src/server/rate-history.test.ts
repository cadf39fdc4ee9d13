import { expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import { RateHistory } from './rate-history.ts';
import type { Rates } from './schemas.ts';

test('the newest points are kept, no more than are wanted, and a look that fails leaves a gap and is told', async () => {
  const failures: unknown[] = [];
  let looks = 0;
  const history = new RateHistory({
    rates: async () => {
      looks += 1;
      if (looks === 2) throw new Error('no answer');
      return { atIso: new Date(looks * 1_000).toISOString(), flows: [] } satisfies Rates;
    },
    onError: (error) => failures.push(error),
    everyMs: 1,
    points: 3,
  });
  const ended = new AbortController();
  const kept = history.keep(ended.signal);
  await waitFor({ what: 'six looks', timeoutMs: 10_000, everyMs: 1 }, () => looks >= 6 || undefined);
  ended.abort();
  await kept;
  const { points } = history.answer();
  expect(points).toHaveLength(3);
  expect(points.at(-1)?.atMs).toBe(looks * 1_000);
  expect(failures).toHaveLength(1);
});
