import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { PgConnection, PgRow } from '../connection.ts';
import { positionOfLsn } from '../position.ts';
import { quoteLiteral } from '../quote.ts';
import { tickLock } from './recorder.ts';

/**
 * The order of what triggers recorded.
 *
 * Neither the number of a change nor the id of its transaction says when it was committed: whoever reads "all after the last number" misses what had a lower one and was committed
 * later, and by ids the older of two values of a row may come last. So places are made of states of the database. A *tick* is a snapshot that is kept, and a transaction belongs to
 * the first tick that shows it. Between two ticks nothing can be missed, however long a transaction takes, and none holds the others up.
 *
 * Within one tick transactions are ordered by the number of their last note (`teal.ended`), which each takes after all of its changes. For what depends on each other that is the
 * order of commits:
 *   a row, or a value of a unique index, that T2 takes over from T1: T2 waited for T1's end before its change was made, so its change, and its last note, have higher numbers than all of T1's;
 *   a row that T1 has written and T2 has read: T1 had ended by then, and T2's last note is taken when its statements are over;
 *   a value of a deferrable key: T2 waits for T1's end in a check that comes after its statements, and its last note is taken after all such checks (`teal.record_last`).
 * The same holds across ticks: T1 is visible before T2 goes on. A transaction that notes its end early, by SET CONSTRAINTS, notes it again after its next change. Only transactions that
 * have nothing to do with each other may change places; each tick's end is a state that the source had.
 *
 * Positions count the bytes that were recorded, tick after tick. The copy's snapshot is a tick too, so a copy and its stream meet exactly.
 */
export interface Tick {
  readonly number: bigint;
  /** Everything before is in the tick before. */
  readonly starts: bigint;
  readonly ends: bigint;
  /** Transactions that belong to it are: visible in `snapshot`, and one of `late` or at least `from`. */
  readonly snapshot: string;
  readonly late: readonly string[];
  readonly from: string;
  readonly until: string;
  /** Numbers of the notes of its transactions lie between these. */
  readonly first: bigint;
  readonly last: bigint;
}

/** What a transaction adds to the position beside its changes. */
export const transactionBytes = 32;

/** Notes of transactions that the newest tick does not show. The two parts are read by the index on xid. */
const unseen = `
  select e.number, e.xid from base b cross join lateral pg_snapshot_xip(b.snapshot) as late (xid) join teal.ended e on e.xid = late.xid
  union all
  select e.number, e.xid from base b join teal.ended e on e.xid >= pg_snapshot_xmax(b.snapshot)`;

const insertTick = `
with base as materialized (select t.number, t.snapshot, t.ends from teal.ticks t order by t.number desc limit 1),
     unseen as materialized (${unseen}),
     summed as (
       select count(*) as notes, min(u.number) as first, max(u.number) as last,
              ${transactionBytes} * count(distinct u.xid) + coalesce((select sum(c.size) from teal.changes c where c.xid in (select n.xid from unseen n)), 0) as bytes
         from unseen u)
insert into teal.ticks (number, snapshot, first, last, ends)
select b.number + 1, pg_current_snapshot(), s.first, s.last, b.ends + s.bytes from base b, summed s where s.notes > 0`;

/** Whoever makes a tick of much has the lock for as long as its reading takes; nobody else waits for it but who makes ticks. */
export const awaitTicks = `set local lock_timeout = '60s'`;

/**
 * Makes a tick of what was committed since the last one, if anything was, and answers the end of the newest. It waits for the source's disk: what a tick shows was committed before
 * it, so it cannot be forgotten by a crash either, whatever `synchronous_commit` of the clients is. Errors: TEAL-SYSTEMS-040.
 */
export async function makeTick(connection: PgConnection): Promise<Position> {
  return connection.transaction(async () => {
    // A statement of its own: the next one's snapshot is taken when the lock is had, and shows the last tick.
    await connection.query(
      `set local synchronous_commit = local; ${awaitTicks}; select pg_advisory_xact_lock(${tickLock})`,
    );
    await connection.query(insertTick);
    const { rows } = await connection.query('select ends from teal.ticks order by number desc limit 1');
    return positionOf(must(rows[0]?.['ends'], 'the newest tick'));
  });
}

/** A snapshot that somebody holds, and its place: whoever imports it sees exactly what ends at the position or before. */
export interface SnapshotAtTick {
  readonly exported: string;
  readonly position: Position;
}

/**
 * Makes the snapshot a tick that `exportSnapshot` takes, which answers the name under which it is exported. It is taken while nobody else makes ticks, so that it shows the last one. For a copy or a
 * comparison. Errors: TEAL-SYSTEMS-040.
 */
export async function snapshotAtTick(
  connection: PgConnection,
  exportSnapshot: () => Promise<string>,
): Promise<SnapshotAtTick> {
  await connection.query(`${awaitTicks}; select pg_advisory_lock(${tickLock})`);
  try {
    const exported = await exportSnapshot();
    const position = await connection.transaction(
      async () => {
        await connection.query(
          `set local synchronous_commit = local; set transaction snapshot ${quoteLiteral(exported)}`,
        );
        await connection.query(insertTick);
        const { rows } = await connection.query('select ends from teal.ticks order by number desc limit 1');
        return positionOf(must(rows[0]?.['ends'], 'the newest tick'));
      },
      { isolation: 'repeatable read' },
    );
    return { exported, position };
  } finally {
    // With its session the lock goes.
    if (!connection.ended.aborted) await connection.query(`select pg_advisory_unlock(${tickLock})`);
  }
}

const selectTicks = `
select t.number, t.ends, t.first, t.last, t.snapshot, pg_snapshot_xmax(t.snapshot) as until, b.ends as starts, pg_snapshot_xmax(b.snapshot) as from,
       (select json_agg(x::text)::text from pg_snapshot_xip(b.snapshot) x) as late
  from teal.ticks t join teal.ticks b on b.number = t.number - 1`;

/** The tick that what follows this position is in; undefined when there is none yet. */
export async function tickAfter(connection: PgConnection, after: bigint): Promise<Tick | undefined> {
  const { rows } = await connection.query(`${selectTicks} where t.ends > $1 order by t.number limit 1`, [after]);
  return rows[0] === undefined ? undefined : tickOf(rows[0]);
}

/** Where the kept ticks begin and end. */
export async function keptRange(connection: PgConnection): Promise<{ readonly begins: bigint; readonly ends: bigint }> {
  const { rows } = await connection.query('select min(ends) as begins, max(ends) as ends from teal.ticks');
  const { begins, ends } = rows[0] ?? {};
  if (typeof begins !== 'string' || typeof ends !== 'string') {
    throw new TealError('TEAL-SYSTEMS-040', 'the record of changes has no beginning');
  }
  return { begins: BigInt(begins), ends: BigInt(ends) };
}

function tickOf(row: PgRow): Tick {
  const number = (name: string): bigint => BigInt(must(row[name], name));
  return {
    number: number('number'),
    starts: number('starts'),
    ends: number('ends'),
    first: number('first'),
    last: number('last'),
    snapshot: must(row['snapshot'], 'snapshot'),
    from: must(row['from'], 'from'),
    until: must(row['until'], 'until'),
    late: JSON.parse(row['late'] ?? '[]') as string[],
  };
}

function positionOf(ends: string): Position {
  return positionOfLsn(BigInt(ends));
}
