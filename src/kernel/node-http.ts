import type * as http from 'node:http';
import type * as https from 'node:https';

/**
 * `node:http`, loaded where it is first used. Imported as a module it costs every process that never asks anybody by it some 50 ms: Node reads each of its exports, and one of them loads the whole of
 * undici.
 */
export function nodeHttp(): typeof http {
  return process.getBuiltinModule('node:http');
}

/** The same of `node:https`. */
export function nodeHttps(): typeof https {
  return process.getBuiltinModule('node:https');
}
