import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { connectIsTested } from '../support/kafka.ts';

vi.setConfig({ testTimeout: 600_000 });

test.skipIf(!connectIsTested)(
  'the shop moves by Kafka Connect, back and there again; no query fails and no acknowledged write is lost',
  async () => {
    const child = spawn(process.execPath, ['demo/connect-main.ts'], {
      env: { ...process.env, ROWS: '4000', CLIENTS: '4', CALLS: '60', SOAK_MS: '1000' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    expect(exit[0], `${err.slice(-2_000)}\n${out.slice(-3_000)}`).toBe(0);
    expect(out).toMatch(/✓ queries failed +0\b/);
    expect(out).toMatch(/✓ cuts made +3\b/);
    expect(out).toMatch(/✓ of these missing or doubled +0\b/);
    expect(out).toMatch(/✓ certificate of equality +issued/);
  },
);
