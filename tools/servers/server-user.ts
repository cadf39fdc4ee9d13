import { execFileSync } from 'node:child_process';

/** Who runs the servers, when it may not be the caller. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root. */
export function mustChangeUser(): boolean {
  return process.getuid?.() === 0;
}

let nobody: ServerUser | undefined;

/**
 * The user for `spawn`, or undefined when the caller may run servers himself. It is `nobody`: every system has it, so no user needs to be created and
 * left behind, and a server that listens on loopback for a test owns nothing else.
 */
export function serverUser(): ServerUser | undefined {
  if (!mustChangeUser()) return undefined;
  nobody ??= Object.freeze({ uid: idOf('-u'), gid: idOf('-g') });
  return nobody;
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim());
}
