import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { must } from './assert.ts';
import { isProcessThere } from './process-there.ts';

test('a process is there until it has ended, and none has the number 0', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const pid = must(child.pid, 'its number');
  expect(isProcessThere(pid)).toBe(true);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  expect(isProcessThere(pid)).toBe(false);
  expect(isProcessThere(0)).toBe(false);
});
