import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { PgConnection } from './connection.ts';

/**
 * Waits until every transaction with an id that runs now has ended, and is visible if it was committed: a commit is in the log before snapshots show it
 * (correctness.md §1.3). False when the time was over first.
 */
export async function outlastWriters(
  connection: PgConnection,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { rows } = await connection.query('select pg_snapshot_xmax(pg_current_snapshot())::text as next');
  const next = rows[0]?.['next'] ?? '0';
  const areOver = async (): Promise<true | undefined> => {
    const seen = await connection.query('select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 as over', [
      next,
    ]);
    return seen.rows[0]?.['over'] === 't' ? true : undefined;
  };
  try {
    return await waitFor({ what: 'transactions to end', timeoutMs, signal }, areOver);
  } catch (error) {
    if (isTealError(error, 'TEAL-KERNEL-002')) return false;
    throw error;
  }
}
