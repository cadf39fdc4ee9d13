import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import { sqlStateOf } from './errors.ts';
import type { PgConnection } from './connection.ts';

const objectInUse = '55006';
const patienceMs = 10_000;

/**
 * Drops origins by name; one that is not there is well. The backend of a worker that was killed may use its origin for another moment: that is waited for.
 * Errors: TEAL-SYSTEMS-007 with SQLSTATE 55006 when somebody goes on using one.
 */
export async function dropOrigins(
  connection: PgConnection,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const name of names) {
    let refusal: unknown;
    await waitFor({ what: `origin ${name} to be free`, timeoutMs: patienceMs, signal }, async () => {
      try {
        await dropOrigin(connection, name);
        return true;
      } catch (error) {
        if (sqlStateOf(error) !== objectInUse) throw error;
        refusal = error;
        return undefined;
      }
    }).catch((error: unknown) => {
      throw isTealError(error, 'TEAL-KERNEL-002') ? (refusal ?? error) : error;
    });
  }
}

async function dropOrigin(connection: PgConnection, name: string): Promise<void> {
  await connection.query('select pg_replication_origin_drop(roname) from pg_replication_origin where roname = $1', [
    name,
  ]);
}
