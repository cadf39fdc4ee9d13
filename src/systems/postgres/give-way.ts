import { sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { PgConnection } from './connection.ts';

const lookEveryMs = 200;
/** For so long somebody may wait. Mostly the snapshot is there before; where tables are emptied all the time one that gave way at once would never come to its end. */
const graceMs = 1_000;

/** Aborted with TEAL-SYSTEMS-008 once somebody waits; disposal ends the looking. */
export interface GiveWay extends AsyncDisposable {
  readonly signal: AbortSignal;
}

/**
 * Watches whether a session has waited for a while for a lock on a table that session `pid` has. Who keeps tables locked while it waits for something else must let go then: a
 * statement that rewrites a table has a transaction id before it has the lock, so that a slot waits for it, and it for the lock, and every client of the table
 * for the statement. No server sees that as a deadlock. `looker` is nobody else's meanwhile.
 */
export function giveWay(looker: PgConnection, pid: number): GiveWay {
  const waited = new AbortController();
  const over = new AbortController();
  const look = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const { rowCount } = await looker.query(
        `select from pg_catalog.pg_locks w where not w.granted and w.locktype = 'relation' and w.waitstart < pg_catalog.clock_timestamp() - interval '${graceMs} milliseconds'
           and ${pid} = any (pg_catalog.pg_blocking_pids(w.pid)) limit 1`,
      );
      if (rowCount > 0)
        throw new TealError('TEAL-SYSTEMS-008', 'a session waits for a table that is kept locked', { pid });
      // Woken by the end, which the loop then sees.
      await sleep(lookEveryMs, over.signal).catch(() => undefined);
    }
  };
  const looking = look().catch((error: unknown) => waited.abort(error));
  return {
    signal: waited.signal,
    async [Symbol.asyncDispose]() {
      over.abort();
      await looking;
    },
  };
}
