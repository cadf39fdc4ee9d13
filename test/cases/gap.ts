import type { Client } from 'pg';
import { waitFor } from '../../src/kernel/clock.ts';
import type { TestDatabase } from '../support/postgres.ts';

/**
 * On a server of the test's own: commits wait for a standby that does not exist. A write is then in the log, durable and decoded, and nobody sees it: the gap that
 * is too short to be met without (correctness.md §1.3).
 */
export async function stall(database: TestDatabase): Promise<void> {
  await setStandby(database, 'nobody');
  // Commits wait once the checkpointer has read the setting too (SyncRepUpdateSyncStandbysDefined), which a busy one does late: it is tried.
  await waitFor({ what: 'commits to wait', timeoutMs: 60_000 }, async () =>
    (await waits(database)) ? true : undefined,
  );
}

/** Whether a commit waits now. The one that is tried is let go. */
async function waits(database: TestDatabase): Promise<boolean> {
  const client = await database.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid ?? 0;
  let isThrough = false;
  const tried = (async () => {
    await client.query(`select pg_logical_emit_message(true, 'tried', '')`);
    isThrough = true;
  })();
  const isWaiting = await waitFor(
    { what: 'a commit to wait or to be through', timeoutMs: 20_000, everyMs: 5 },
    async () => {
      const found = await database.query(`select from pg_stat_activity where wait_event = 'SyncRep' and pid = ${pid}`);
      if (found.length > 0) return 'yes';
      return isThrough ? 'no' : undefined;
    },
  );
  if (isWaiting === 'yes') await database.query(`select pg_cancel_backend(${pid})`);
  await tried;
  await client.end();
  return isWaiting === 'yes';
}

/** Commits that waited are visible afterwards. */
export async function flow(database: TestDatabase): Promise<void> {
  await setStandby(database, '');
}

async function setStandby(database: TestDatabase, name: string): Promise<void> {
  await database.query(`alter system set synchronous_standby_names = '${name}'`);
  await database.query('select pg_reload_conf()');
  const other = await database.connect();
  await waitFor({ what: 'the setting', timeoutMs: 10_000, everyMs: 5 }, async () => {
    const { rows } = await other.query<{ synchronous_standby_names: string }>('show synchronous_standby_names');
    return rows[0]?.synchronous_standby_names === name || undefined;
  });
  await other.end();
}

/** A write that is committed and that nobody sees. Resolves when it is so, with the promise of its answer in it. */
export async function commitUnseen(
  database: TestDatabase,
  sql: string,
): Promise<{ readonly answered: Promise<unknown> }> {
  const writer: Client = await database.connect();
  const { rows } = await writer.query<{ pid: string }>('select pg_backend_pid() as pid');
  const answered = writer.query(sql);
  await untilUnseen(database, `pid = ${rows[0]?.pid ?? ''}`);
  return { answered };
}

/** Until a session for which this holds in pg_stat_activity has committed and waits for the standby. */
export async function untilUnseen(database: TestDatabase, which: string): Promise<void> {
  await waitFor({ what: 'the commit to wait', timeoutMs: 20_000, everyMs: 5 }, async () => {
    const found = await database.query(`select from pg_stat_activity where wait_event = 'SyncRep' and ${which}`);
    return found.length > 0 || undefined;
  });
}
