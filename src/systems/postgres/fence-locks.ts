import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import type { PgConnection } from './connection.ts';
import { quoteTable } from './quote.ts';

export interface FenceLocks {
  readonly lockTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** See `PostgresFenceOptions`. */
  readonly winsDeadlocks?: boolean;
}

/** Clients' transactions take a millisecond or two. */
const lookAgainMs = 3;

/**
 * Locks all tables against writes (SHARE ROW EXCLUSIVE) in the open transaction, at one moment at which nobody writes to any. Whoever waits for one while he holds others waits for transactions that wait
 * for him, where nobody holds the clients: they lock in an order of their own. Only where no such moment comes in a quarter of the time the tables are waited for one after another: so a transaction that
 * writes for longer is let end. Errors: TEAL-SYSTEMS-008 when a lock is not had in time.
 */
export async function lockForFence(
  connection: PgConnection,
  tables: readonly TableName[],
  { lockTimeoutMs, signal, winsDeadlocks = false }: FenceLocks,
): Promise<void> {
  const lock = `lock table ${tables.map((table) => `only ${quoteTable(table)}`).join(', ')} in share row exclusive mode`;
  const quietMs = lockTimeoutMs / 4;
  const quietUntilMs = monotonicMs() + quietMs;
  let attempt = `savepoint teal_locks; ${lock} nowait`;
  do {
    try {
      await connection.query(attempt);
      return;
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
      attempt = `rollback to savepoint teal_locks; ${lock} nowait`;
    }
    await sleep(lookAgainMs, signal);
  } while (monotonicMs() < quietUntilMs);
  await connection.query('rollback to savepoint teal_locks');
  if (winsDeadlocks) {
    const longerMs = String(10 * lockTimeoutMs);
    await connection.query(
      `select set_config('deadlock_timeout', $1, true) from pg_roles where rolname = current_user and rolsuper`,
      [longerMs],
    );
  }
  await connection.query(`set local lock_timeout = ${Math.max(1, Math.ceil(lockTimeoutMs - quietMs))}; ${lock}`);
}
