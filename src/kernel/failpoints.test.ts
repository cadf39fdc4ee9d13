import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from './clock.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teal-failpoints-'));
  const module = new URL('failpoints.ts', import.meta.url).href;
  const lines = [`import { failpoint } from ${JSON.stringify(module)};`, `failpoint('a.b.c');`, `process.exit(7);`];
  await writeFile(join(folder, 'program.ts'), lines.join('\n'));
});
afterEach(async () => rm(folder, { recursive: true }));

function start(names: string): ChildProcess {
  return fork(join(folder, 'program.ts'), [], {
    env: { ...process.env, TEAL_FAILPOINTS: join(folder, 'ledger'), TEAL_FAILPOINT_NAMES: names },
  });
}

test.each(['a.b.c', '*', 'a.*.c', 'x,a.b.*'])('names as %s kill once', async (names) => {
  expect(await once(start(names), 'exit')).toEqual([null, 'SIGKILL']);
  expect(await once(start(names), 'exit')).toEqual([7, null]);
});

test.each(['a.b', 'a?b?c', 'b.*', '@nowhere'])('names as %s kill nobody', async (names) => {
  expect(await once(start(names), 'exit')).toEqual([7, null]);
});

test('a process waits for its word, with a list from a file', async () => {
  await writeFile(join(folder, 'names'), 'a.*=wait');
  const child = start(`@${join(folder, 'names')}`);
  const ledger = join(folder, 'ledger');
  await waitFor({ what: 'the failpoint to be met', timeoutMs: 60_000, everyMs: 5 }, async () =>
    (await readFile(ledger, 'utf8').catch(() => '')) === 'a.b.c\n' ? true : undefined,
  );
  expect(child.exitCode).toBeNull();
  await appendFile(`${ledger}.go`, 'a.b.c\n');
  expect(await once(child, 'exit')).toEqual([7, null]);
});
