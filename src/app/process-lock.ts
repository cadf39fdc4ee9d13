import { waitFor } from '../kernel/clock.ts';
import { openDatabase } from '../journal/sqlite.ts';

/**
 * A lock between processes: SQLite's own on an empty database. The system gives it back when its holder ends, also by `kill -9`. The folder must be there, and
 * nobody may open the file by other means: closing any handle on it would drop the lock. Undefined when another holds it.
 */
export function tryLock(file: string): Disposable | undefined {
  const database = openDatabase(file);
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}

/** TEAL-KERNEL-002 when it is not had in time. */
export async function takeLock(file: string, what: string, timeoutMs: number): Promise<Disposable> {
  return waitFor({ what, timeoutMs, everyMs: 20 }, () => tryLock(file));
}

const sqliteBusy = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
}
