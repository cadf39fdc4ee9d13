import type { Position } from '../../../model/position.ts';
import type { PgConnection } from '../connection.ts';
import { lsnOfPosition } from '../position.ts';
import { tickLock } from './recorder.ts';
import { awaitTicks } from './ticks.ts';

/** Rows that one statement deletes. */
const rowsAtOnce = 5_000;

/**
 * Forgets what ended at or before a position. First the ticks go, from when on nobody can read there; then, in small transactions, the rows. Whatever is left of a run that ended early
 * is found by the next: all that the oldest kept tick shows is over.
 */
export class Cleaner {
  /** The tick that is done with. */
  #done: string | undefined;
  /** Nothing of an older transaction is left. */
  #from = '0';

  /** One round; whether another one has something to do. */
  async forget(connection: PgConnection, upTo: bigint): Promise<boolean> {
    const oldest = await dropTicks(connection, upTo);
    if (oldest === undefined || oldest.number === this.#done) return false;
    const changes = await deleteShown(connection, 'changes', oldest.snapshot, this.#from);
    const notes = await deleteShown(connection, 'ended', oldest.snapshot, this.#from);
    if (changes === rowsAtOnce || notes === rowsAtOnce) return true;
    this.#done = oldest.number;
    // A transaction that ran when this tick was made belongs to a later one.
    this.#from = oldest.runningFrom;
    return false;
  }
}

interface OldestTick {
  readonly number: string;
  readonly snapshot: string;
  readonly runningFrom: string;
}

/** The record begins at the newest tick that ends at this position or before: what came until then can never be read again. */
export async function forgetTicks(connection: PgConnection, upTo: Position): Promise<void> {
  await dropTicks(connection, lsnOfPosition(upTo));
}

/** The newest tick that is over becomes the oldest one. */
async function dropTicks(connection: PgConnection, upTo: bigint): Promise<OldestTick | undefined> {
  return connection.transaction(async () => {
    await connection.query(
      `set local synchronous_commit = off; ${awaitTicks}; select pg_advisory_xact_lock(${tickLock})`,
    );
    await connection.query(
      'delete from teal.ticks where number < (select max(number) from teal.ticks where ends <= $1)',
      [upTo],
    );
    const { rows } = await connection.query(
      `select number, snapshot, pg_snapshot_xmin(snapshot) as running from teal.ticks where ends <= $1 order by number limit 1`,
      [upTo],
    );
    const { number, snapshot, running } = rows[0] ?? {};
    if (typeof number !== 'string' || typeof snapshot !== 'string' || typeof running !== 'string') return undefined;
    return { number, snapshot, runningFrom: running };
  });
}

/** How many. */
async function deleteShown(
  connection: PgConnection,
  table: 'changes' | 'ended',
  snapshot: string,
  from: string,
): Promise<number> {
  return connection.transaction(async () => {
    await connection.query('set local synchronous_commit = off');
    const { rowCount } = await connection.query(
      `delete from teal.${table} where ctid = any (array(
         select d.ctid from teal.${table} d where d.xid >= $1::text::xid8 and d.xid < pg_snapshot_xmax($2::text::pg_snapshot)
            and pg_visible_in_snapshot(d.xid, $2::text::pg_snapshot) order by d.xid limit ${rowsAtOnce}))`,
      [from, snapshot],
    );
    return rowCount;
  });
}
