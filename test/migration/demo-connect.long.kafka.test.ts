import { expect, test, vi } from 'vitest';
import { connectIsTested } from '../support/kafka.ts';
import { smallDemo } from '../support/small-demo.ts';

vi.setConfig({ testTimeout: 600_000 });

test.skipIf(!connectIsTested)(
  'the shop moves by Kafka Connect, back and there again; no query fails and no acknowledged write is lost',
  async () => {
    const out = await smallDemo('demo/connect-main.ts', { ROWS: '4000', CLIENTS: '4', CALLS: '60', SOAK_MS: '1000' });
    expect(out).toMatch(/✓ queries failed +0\b/);
    expect(out).toMatch(/✓ cuts made +3\b/);
    expect(out).toMatch(/✓ of these missing or doubled +0\b/);
    expect(out).toMatch(/✓ certificate of equality +issued/);
  },
);
