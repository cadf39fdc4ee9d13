import { TealError } from '../../kernel/errors.ts';
import type { StreamLease } from '../../ports/change-source.ts';
import { connect, soonMissed } from './connection.ts';

/**
 * A session-level advisory lock on the target, on a session of its own: gone with the worker, however that ends. Beside it the server lets only one session
 * read a slot and only one use an origin; this one says it before either is touched. Errors: TEAL-SYSTEMS-030 somebody else has it, and those of `connect`.
 */
export async function takeStreamLease(url: string, stream: string, signal: AbortSignal): Promise<StreamLease> {
  const connection = await connect({ url, applicationName: `teal lease ${stream}`, signal, extraOptions: soonMissed });
  try {
    const key = `pg_catalog.hashtextextended('teal carrier ' || $1, 0)`;
    const { rows } = await connection.query(`select pg_catalog.pg_try_advisory_lock(${key}) as mine`, [stream]);
    if (rows[0]?.['mine'] !== 't') {
      const { rows: holders } = await connection.query(
        `select pid from pg_catalog.pg_locks where locktype = 'advisory' and granted and database =
           (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
           and (classid::bigint << 32 | objid::bigint) = ${key}`,
        [stream],
      );
      const pids = holders.map((row) => row['pid'] ?? '');
      throw new TealError('TEAL-SYSTEMS-030', 'another worker carries this stream', { stream, pids });
    }
  } catch (error) {
    await connection.close();
    throw error;
  }
  return { lost: connection.ended, [Symbol.asyncDispose]: async () => connection.close() };
}
