import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where contenders write, servers' users among them; it goes with the stack. */
export async function openFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-bench-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  return folder;
}
