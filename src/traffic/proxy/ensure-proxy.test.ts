import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { ensureProxy } from './client.ts';

test('a proxy that does not answer in time is not left behind', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-mute-'));
  try {
    const [entry, pidFile] = [join(stateDir, 'mute.mjs'), join(stateDir, 'mute.pid')];
    await writeFile(
      entry,
      `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(pidFile)}, String(process.pid));\nsetInterval(() => {}, 1_000);\n`,
    );
    const url = 'postgres://postgres@127.0.0.1:1/shop';
    const starting = ensureProxy({
      entry,
      stateDir,
      config: { migration: 'shop', listen: { host: '127.0.0.1', port: 0 }, controlPath: join(stateDir, 'proxy.sock') },
      blueUrl: url,
      greenUrl: url,
      startMs: 5_000,
    });
    await expect(starting).rejects.toMatchObject({ code: 'TEAL-KERNEL-002' });
    const pid = Number(await readFile(pidFile, 'utf8'));
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 20_000 });
  } finally {
    await rm(stateDir, { recursive: true });
  }
});
