import { createHash } from 'node:crypto';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * The control socket of a state directory. Not inside of it: a socket's path may have about a hundred bytes (sun_path), and a state directory may be deep.
 * One path for one directory and user, so that every controller finds the same process.
 */
export function controlPath(stateDir: string, what: string): string {
  const { uid, username } = userInfo();
  const digest = createHash('sha256').update(`${uid} ${username} ${stateDir}`).digest('hex').slice(0, 16);
  return join(tmpdir(), `teal-${what}-${digest}.sock`);
}
