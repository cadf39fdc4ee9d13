import { expect, test } from 'vitest';
import { smallDemo } from '../support/small-demo.ts';

/** The demo is the main job: every stage, a cut, a rollback and a second cut under load, judged by the clients' own books. Small here, whole all the same. */
test('a shop moves there, back and there again; no query fails and no acknowledged write is lost', async () => {
  const out = await smallDemo('demo/main.ts', { ROWS: '20000', CLIENTS: '8', CALLS: '200', SOAK_MS: '1500' });
  expect(out).toMatch(/✓ queries failed +0\b/);
  expect(out).toMatch(/✓ of these missing or doubled +0\b/);
});
