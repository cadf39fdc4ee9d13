import { waitFor } from '../../src/kernel/clock.ts';
import { execute, withClient } from '../../tools/servers/with-client.ts';

/**
 * Commits of this server wait for a standby that does not exist. A write is then in the log, durable and decoded, and nobody sees it: the gap that is too short to be
 * met without (correctness.md §1.3). Resolves when commits wait for certain.
 */
export async function stallCommits(url: string): Promise<void> {
  await setStandby(url, 'nobody');
  // Commits wait once the checkpointer has read the setting too (SyncRepUpdateSyncStandbysDefined), which a busy one does late: it is tried.
  await waitFor({ what: 'commits to wait', timeoutMs: 60_000 }, async () => ((await waits(url)) ? true : undefined));
}

/** Commits that waited are visible afterwards. */
export async function letCommitsThrough(url: string): Promise<void> {
  await setStandby(url, '');
}

/** Whether a commit waits now. The one that is tried is let go. */
async function waits(url: string): Promise<boolean> {
  return withClient(url, async (observer) =>
    withClient(url, async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const pid = rows[0]?.pid ?? 0;
      let isThrough = false;
      const tried = (async () => {
        await client.query(`select pg_logical_emit_message(true, 'tried', '')`);
        isThrough = true;
      })();
      const isWaiting = await waitFor(
        { what: 'a commit to wait or to be through', timeoutMs: 60_000, everyMs: 5 },
        async () => {
          const found = await observer.query(
            `select from pg_stat_activity where wait_event = 'SyncRep' and pid = ${pid}`,
          );
          if (found.rows.length > 0) return 'yes';
          return isThrough ? 'no' : undefined;
        },
      );
      if (isWaiting === 'yes') await observer.query(`select pg_cancel_backend(${pid})`);
      await tried;
      return isWaiting === 'yes';
    }),
  );
}

async function setStandby(url: string, name: string): Promise<void> {
  await execute(url, [`alter system set synchronous_standby_names = '${name}'`, 'select pg_reload_conf()']);
  await withClient(url, async (client) =>
    waitFor({ what: 'the setting', timeoutMs: 60_000, everyMs: 5 }, async () => {
      const { rows } = await client.query<{ synchronous_standby_names: string }>('show synchronous_standby_names');
      return rows[0]?.synchronous_standby_names === name || undefined;
    }),
  );
}
