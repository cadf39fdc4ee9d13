import { waitFor } from '../../../../src/kernel/clock.ts';
import { withClient } from '../../../../tools/servers/with-client.ts';

/** How long a statement goes on trying for its lock: a copy holds all tables until it is done. */
const patienceMs = 120_000;

/** DDL of one who knows: never waits long for a lock, for all others would wait behind him. `quiet`: as Teal's own, which nobody is told of. */
export async function alter(url: string, sql: string, quiet = false): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`set lock_timeout = '200ms'`);
    if (quiet) await client.query(`set teal.quiet = 'on'`);
    await waitFor({ what: sql, timeoutMs: patienceMs, everyMs: 200 }, async () => {
      try {
        await client.query(sql);
        return true;
      } catch (error) {
        if (error instanceof Error && Reflect.get(error, 'code') === '55P03') return undefined;
        throw error;
      }
    });
  });
}
