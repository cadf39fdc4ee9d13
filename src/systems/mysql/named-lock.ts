import { createHash } from 'node:crypto';
import { TealError } from '../../kernel/errors.ts';
import type { MysqlConnection } from './connection.ts';

/**
 * A lock of the server that a session holds until it lets go or ends, however it ends (manual: "Locking Functions"). A session that was abandoned ends when the server has
 * done its last statement, so whoever gets the lock afterwards sees all that it did. Names hold for the whole server, not for a database, and have at most 64 characters.
 */
export function lockName(purpose: string, subject = ''): string {
  return `teal.${purpose}.${createHash('sha256').update(subject).digest('hex').slice(0, 32)}`;
}

/** SQL, of information_schema.processlist: a statement that waits for such a lock and does nothing else. It has no table open, and so holds up nobody who wants all of them. */
export const waitsForName = `coalesce(state = 'User lock' and info like 'select get\\_lock(%', false)`;

/** Takes the lock or not, waiting at most so many whole seconds. */
export async function tryLock(connection: MysqlConnection, name: string, seconds: number): Promise<boolean> {
  const { rows } = await connection.query('select get_lock(?, ?) as mine', [name, seconds]);
  return rows[0]?.['mine'] === '1';
}

/** The session that holds it, as KILL takes it; undefined when nobody does. */
export async function lockHolder(connection: MysqlConnection, name: string): Promise<string | undefined> {
  const { rows } = await connection.query('select is_used_lock(?) as holder', [name]);
  return rows[0]?.['holder'] ?? undefined;
}

/** Errors: TEAL-SYSTEMS-008 it was not had in so many seconds. */
export async function withNamedLock<T>(
  connection: MysqlConnection,
  name: string,
  seconds: number,
  work: () => Promise<T>,
): Promise<T> {
  if (!(await tryLock(connection, name, seconds))) {
    const holder = await lockHolder(connection, name);
    throw new TealError('TEAL-SYSTEMS-008', `another session of Teal holds ${name}`, { name, holder });
  }
  try {
    return await work();
  } finally {
    // A session that is gone has let go of it already.
    if (!connection.ended.aborted) await connection.query('do release_lock(?)', [name]).catch(() => undefined);
  }
}
