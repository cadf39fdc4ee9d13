import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';

/** What a demo prints, run with settings that make it small; it must end well. */
export async function smallDemo(program: string, settings: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect(exit[0], `${err.slice(-2_000)}\n${out.slice(-3_000)}`).toBe(0);
  return out;
}
