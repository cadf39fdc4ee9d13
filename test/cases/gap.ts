import type { Client } from 'pg';
import { waitFor } from '../../src/kernel/clock.ts';
import type { TestDatabase } from '../support/postgres.ts';

/**
 * On a server of the test's own: commits wait for a standby that does not exist. A write is then in the log, durable and decoded, and nobody sees it: the gap that
 * is too short to be met without (correctness.md §1.3).
 */
export async function stall(database: TestDatabase): Promise<void> {
  await setStandby(database, 'nobody');
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
