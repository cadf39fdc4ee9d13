import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { waitFor } from '../../src/kernel/clock.ts';
import type { TealPlace } from './teal-place.ts';
import { tealMain } from './program.ts';

export interface Serving extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  readonly said: () => string;
}

/** `teal serve` as its user runs it, once it listens. */
export async function serving(
  { folder, env }: Pick<TealPlace, 'folder' | 'env'>,
  listen = '127.0.0.1:0',
  ...options: readonly string[]
): Promise<Serving> {
  const args = [tealMain, 'serve', '--listen', listen, ...options];
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const hear = (from: Readable): unknown => from.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  hear(child.stdout);
  hear(child.stderr);
  const url = await waitFor({ what: 'the API to listen', timeoutMs: 120_000 }, () => {
    if (child.exitCode !== null) throw new Error(said);
    return /"url":"([^"]+)"/.exec(said)?.[1];
  });
  return {
    url,
    child,
    said: () => said,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
