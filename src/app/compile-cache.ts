import { lstatSync, mkdirSync } from 'node:fs';
import { constants, enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** What Node reads it from (Node.js, module.enableCompileCache): it is handed on to every process that Teal starts. */
export const compileCacheVariable = 'NODE_COMPILE_CACHE';

/**
 * Has this process, and those that it starts with its environment, keep what the compiler made of the program: half of the time that each takes to start. A choice of
 * the user's stays. Without a folder that nobody else can write in, nothing is kept: whoever writes there decides what runs here.
 */
export function useCompileCache(env: NodeJS.ProcessEnv): void {
  if (env[compileCacheVariable] !== undefined || env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return;
  const folder = compileCacheFolder(env);
  if (folder === undefined || !isOwnFolder(folder)) return;
  if (enableCompileCache(folder).status === constants.compileCacheStatus.FAILED) return;
  env[compileCacheVariable] = folder;
}

/** `teal/compiled` in the user's cache (XDG Base Directory Specification: a path that is not absolute is no path). */
export function compileCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const { XDG_CACHE_HOME: named = '' } = env;
  if (isAbsolute(named)) return join(named, 'teal', 'compiled');
  const home = env['HOME'] ?? homedir();
  return isAbsolute(home) && home !== '/' ? join(home, '.cache', 'teal', 'compiled') : undefined;
}

/** Makes it if need be. False when it cannot be made, is a link, belongs to another, or another may write in it. */
export function isOwnFolder(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    return found.isDirectory() && (found.mode & 0o022) === 0 && found.uid === process.getuid?.();
  } catch {
    // A home that is not there or cannot be written: the program starts as it did without a cache.
    return false;
  }
}
