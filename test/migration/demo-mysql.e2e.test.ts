import { expect, test } from 'vitest';
import { smallDemo } from '../support/small-demo.ts';

/** What `make demo-mysql` shows, small: clients that follow the cut by themselves, from MySQL to PostgreSQL, back and there again, judged by their own books. */
test('a shop moves from MySQL to PostgreSQL, back and there again; its clients follow, and no acknowledged write is lost', async () => {
  const out = await smallDemo('demo/mysql-main.ts', { ROWS: '10000', CLIENTS: '6', CALLS: '100', SOAK_MS: '1500' });
  expect(out).toMatch(/✓ queries failed +0\b/);
  expect(out).toMatch(/✓ cuts made +3\b/);
  expect(out).toMatch(/✓ of these missing or doubled +0\b/);
});
