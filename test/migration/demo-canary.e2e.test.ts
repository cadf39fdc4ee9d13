import { expect, test } from 'vitest';
import { smallDemo } from '../support/small-demo.ts';

/** Shadow reads, a canary that leaves a green without an index, the cut, and the way back by itself. Small here, whole all the same. */
test('a green that is slower is left by itself, before the cut and after it, and no query fails', async () => {
  const out = await smallDemo('demo/canary-main.ts', {
    ROWS: '120000',
    CLIENTS: '12',
    CALLS: '150',
    HOLD_MS: '2000',
    SHADOW_MS: '1000',
  });
  expect(out).toMatch(/✓ queries failed +0\b/);
  expect(out).toMatch(/✓ missing index caught after, s +\d/);
  expect(out).toMatch(/✓ share of green after that +0%/);
  expect(out).toMatch(/✓ regression left by itself after, s +\d/);
  expect(out).toMatch(/✓ of these missing or doubled +0\b/);
});
