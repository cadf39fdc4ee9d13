import type { Client } from 'pg';
import { waitFor } from '../../src/kernel/clock.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { letCommitsThrough, stallCommits } from '../support/stalled-commits.ts';

/** On a server of the test's own: see `stallCommits`. */
export async function stall(database: TestDatabase): Promise<void> {
  await stallCommits(database.url);
}

/** Commits that waited are visible afterwards. */
export async function flow(database: TestDatabase): Promise<void> {
  await letCommitsThrough(database.url);
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
  await waitFor({ what: 'the commit to wait', timeoutMs: 60_000, everyMs: 5 }, async () => {
    const found = await database.query(`select from pg_stat_activity where wait_event = 'SyncRep' and ${which}`);
    return found.length > 0 || undefined;
  });
}
