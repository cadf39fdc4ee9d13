import { createHash } from 'node:crypto';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** What fits into sun_path everywhere, with its end. */
const limitBytes = 100;

/**
 * The control socket of a state directory. Inside of it, so that processes with temporary folders of their own (systemd, containers) find each other; where
 * that is too deep for a socket's path, in the user's own folder under the temporary one (the proxy refuses a folder that others may write into). One path for one directory and user, so that every controller finds the same process.
 */
export function controlPath(stateDir: string, what: string): string {
  const inside = join(stateDir, `${what}.sock`);
  if (Buffer.byteLength(inside) <= limitBytes) return inside;
  const { uid, username } = userInfo();
  const digest = createHash('sha256').update(`${uid} ${username} ${stateDir}`).digest('hex').slice(0, 16);
  return join(tmpdir(), `teal-${uid}`, `${what}-${digest}.sock`);
}
