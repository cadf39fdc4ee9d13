import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

/** The demo is the main job: every stage, a cut, a rollback and a second cut under load, judged by the clients' own books. Small here, whole all the same. */
test('a shop moves there, back and there again; no query fails and no acknowledged write is lost', async () => {
  const child = spawn(process.execPath, ['demo/main.ts'], {
    env: { ...process.env, ROWS: '20000', CLIENTS: '8', CALLS: '200', SOAK_MS: '1500' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect(exit[0], `${err.slice(-2_000)}\n${out.slice(-3_000)}`).toBe(0);
  expect(out).toMatch(/✓ queries failed +0\b/);
  expect(out).toMatch(/✓ of these missing or doubled +0\b/);
});
