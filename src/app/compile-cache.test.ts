import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileCacheFolder, isOwnFolder } from './compile-cache.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-compile-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  [{ XDG_CACHE_HOME: '/x', HOME: '/home/a' }, '/x/teal/compiled'],
  [{ XDG_CACHE_HOME: 'x', HOME: '/home/a' }, '/home/a/.cache/teal/compiled'],
  [{ HOME: '/home/a' }, '/home/a/.cache/teal/compiled'],
  [{ HOME: '/' }, undefined],
  [{ HOME: 'here' }, undefined],
])('the folder by %o is %s', (env, expected) => {
  expect(compileCacheFolder(env)).toBe(expected);
});

test('a folder in which another may write is not used, nor a link to one, nor one that cannot be made', () => {
  const own = join(folder, 'a', 'b');
  expect(isOwnFolder(own)).toBe(true);
  expect(isOwnFolder(own)).toBe(true);
  symlinkSync(own, join(folder, 'link'));
  expect(isOwnFolder(join(folder, 'link'))).toBe(false);
  writeFileSync(join(folder, 'file'), '');
  expect(isOwnFolder(join(folder, 'file', 'b'))).toBe(false);
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  expect(isOwnFolder(open)).toBe(false);
});

/** A program that says whether it, and a process of its own, keep what is compiled, and where. */
function run(env: NodeJS.ProcessEnv): unknown {
  const { href } = new URL('compile-cache.ts', import.meta.url);
  const told = `JSON.stringify([(await import('node:module')).getCompileCacheDir()])`;
  const program = `
    const { useCompileCache } = await import(${JSON.stringify(href)});
    useCompileCache(process.env);
    const { spawnSync } = await import('node:child_process');
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(`process.stdout.write(${told})`)}]);
    process.stdout.write(JSON.stringify([...JSON.parse(${told}), ...JSON.parse(String(child.stdout))]));`;
  const { NODE_COMPILE_CACHE: _, ...rest } = process.env;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { env: { ...rest, ...env } });
  return JSON.parse(String(stdout));
}

test('a program and those that it starts keep what they compiled; what the user chose stays', () => {
  const kept = join(folder, 'teal', 'compiled');
  const inside = expect.stringContaining(kept) as string;
  expect(run({ XDG_CACHE_HOME: folder })).toEqual([inside, inside]);
  expect(readdirSync(kept)).toHaveLength(1);
  const own = join(folder, 'own');
  const there = expect.stringContaining(own) as string;
  expect(run({ XDG_CACHE_HOME: folder, NODE_COMPILE_CACHE: own })).toEqual([there, there]);
  expect(run({ XDG_CACHE_HOME: folder, NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual([null, null]);
});
