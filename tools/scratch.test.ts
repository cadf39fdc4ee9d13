import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasRoom, scratchInMemory } from './scratch.ts';

const gib = 2 ** 30;

test('a run lies in memory only where both the disk in it and the memory have room for it', () => {
  expect(hasRoom({ free: 12 * gib, memory: 20 * gib })).toBe(true);
  expect(hasRoom({ free: 2 * gib, memory: 20 * gib })).toBe(false);
  // A disk in memory may be said to be as large as the memory, of which others have taken most.
  expect(hasRoom({ free: 12 * gib, memory: 9 * gib })).toBe(false);
});

test('a folder that everybody may write to is there, and goes with what is in it', ({ onTestFinished }) => {
  const before = process.env['TMPDIR'];
  onTestFinished(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  process.env['TMPDIR'] = '/somewhere';
  expect(scratchInMemory().folder).toBeUndefined();
  delete process.env['TMPDIR'];
  expect(scratchInMemory('/not/there').folder).toBeUndefined();
  const scratch = scratchInMemory();
  const { folder } = scratch;
  if (folder === undefined) return;
  expect(statSync(folder).mode & 0o7777).toBe(0o1777);
  writeFileSync(join(folder, 'left'), '');
  scratch[Symbol.dispose]();
  expect(existsSync(folder)).toBe(false);
});
