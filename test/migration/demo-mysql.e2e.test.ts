import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

/** What `make demo-mysql` shows, small: clients that follow the cut by themselves, from MySQL to PostgreSQL, back and there again, judged by their own books. */
test('a shop moves from MySQL to PostgreSQL, back and there again; its clients follow, and no acknowledged write is lost', async () => {
  const child = spawn(process.execPath, ['demo/mysql-main.ts'], {
    env: { ...process.env, ROWS: '10000', CLIENTS: '6', CALLS: '100', SOAK_MS: '1500' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect(exit[0], `${err.slice(-2_000)}\n${out.slice(-3_000)}`).toBe(0);
  expect(out).toMatch(/✓ queries failed +0\b/);
  expect(out).toMatch(/✓ cuts made +3\b/);
  expect(out).toMatch(/✓ of these missing or doubled +0\b/);
});
