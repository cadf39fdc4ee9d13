import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { must } from '../../src/kernel/assert.ts';

/** Where clients connect, and whose CPU time the way costs. */
export interface Way {
  readonly port: number;
  readonly pid?: number;
}

export const passThrough = 'nothing looked at';

/** See pass-through.ts; it ends with the stack. */
export async function startPassThrough(server: { readonly port: number }, stack: AsyncDisposableStack): Promise<Way> {
  const child = fork(join(import.meta.dirname, 'pass-through.ts'), [String(server.port)]);
  stack.defer(async () => {
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  });
  const [address] = (await once(child, 'message')) as [AddressInfo];
  return { port: address.port, pid: must(child.pid, 'a process') };
}
