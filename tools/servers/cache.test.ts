import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { cachedFolder } from './cache.ts';

const root = mkdtempSync(join(tmpdir(), 'teal-cache-test-'));
// As root the cache insists on a folder that everybody can walk to.
chmodSync(root, 0o755);
vi.stubEnv('TEAL_CACHE', root);
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('what is there is not made again', async () => {
  let made = 0;
  const fill = async (folder: string): Promise<void> => {
    made += 1;
    await writeFile(join(folder, 'what'), 'it');
  };
  expect(await cachedFolder('once', fill)).toBe(await cachedFolder('once', fill));
  expect(made).toBe(1);
});

test('of two makers at once one wins, and both get a whole folder', async () => {
  const start = Promise.withResolvers<void>();
  const maker = (name: string) => async (folder: string) => {
    await writeFile(join(folder, 'first'), name);
    await start.promise;
    await writeFile(join(folder, 'second'), name);
  };
  const both = Promise.all([cachedFolder('raced', maker('a')), cachedFolder('raced', maker('b'))]);
  start.resolve();
  const [one, other] = await both;
  expect(one).toBe(other);
  const [first, second] = await Promise.all(['first', 'second'].map(async (file) => readFile(join(one, file), 'utf8')));
  expect(first).toBe(second);
});

test('a maker that fails leaves nothing, so that the next one tries again', async () => {
  const fails = async (folder: string): Promise<void> => {
    await writeFile(join(folder, 'half'), '');
    throw new Error('the line went dead');
  };
  await expect(cachedFolder('broken', fails)).rejects.toThrow('the line went dead');
  expect(readdirSync(root).filter((name) => name.startsWith('broken'))).toEqual([]);
});
