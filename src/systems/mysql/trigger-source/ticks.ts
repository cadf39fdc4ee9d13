import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { MysqlConnection } from '../connection.ts';
import { Durability } from '../durability.ts';
import { askRows } from '../inspect/querier.ts';
import { lockName, withNamedLock } from '../named-lock.ts';
import { tickLock } from './names.ts';
import { positionOfPlace, type RecordPlace } from './position.ts';
import { runsOf, type NumberRun } from './runs.ts';

/**
 * The order of what triggers recorded.
 *
 * The number of a change does not say when it was committed: whoever reads "all after the last number" misses what had a lower one and was committed later. So places are made of states of the
 * database. A *tick* is a read view of InnoDB, and a change belongs to the first tick that shows it. A view shows a transaction whole or not at all, so between two ticks nothing can be missed, however
 * long a transaction takes, and none holds the others up. What a tick shows is written down beside it, as runs of numbers, before anything of it is told: it is the same again after any crash.
 *
 * Within a tick changes are ordered by their numbers, and are one transaction to the other side: nothing tells where those of the source ended. For what depends on each other that is the order in
 * which it happened. A number is taken when the row is changed and locked, and the lock is kept until the transaction has ended and is visible: whoever changes the row next, takes over a value of a
 * unique key, or refers to the row, has a higher number, in this tick or in a later one. Each tick's end is a state that the source had.
 *
 * Positions count the bytes that were recorded, tick after tick. The copy's snapshots are ticks too, so a copy and its stream meet exactly.
 */
export interface Tick {
  readonly number: bigint;
  /** Bytes that were recorded before it, and with it. */
  readonly starts: bigint;
  readonly ends: bigint;
  readonly madeAtUs: bigint;
}

const tickLockSeconds = 60;
/** Numbers that one question brings. */
const numbersAtOnce = 50_000;
const runsAtOnce = 2_000;

/** Only one session makes ticks at a time. Errors: TEAL-SYSTEMS-008. */
export async function aloneWithTicks<T>(connection: MysqlConnection, work: () => Promise<T>): Promise<T> {
  return withNamedLock(connection, lockName(tickLock), tickLockSeconds, work);
}

/**
 * Makes a tick of what was committed since the last one, if anything was, and answers the end of the newest. It is on the source's disk with all that it shows when this resolves. Errors:
 * TEAL-SYSTEMS-040.
 */
export async function makeTick(connection: MysqlConnection): Promise<Position> {
  return aloneWithTicks(connection, async () => {
    const before = await newestPlace(connection);
    const after = await connection.transaction(async () => insertTick(connection), {
      isolation: 'repeatable read',
      consistentSnapshot: true,
    });
    if (after.tick !== before.tick) await makeDurable(connection);
    return positionOfPlace(after);
  });
}

/** Whoever reads of a tick must not see the source forget it in a crash. */
export async function makeDurable(connection: MysqlConnection): Promise<void> {
  const durability = new Durability(connection);
  if (!(await durability.commitsWait())) await durability.force();
}

/** SQL: whether change `c` is in no tick yet. */
export const isNew = `coalesce((select r.last from teal.tick_runs r where r.first <= c.number order by r.first desc limit 1), 0) < c.number`;

/** In a transaction whose view is the tick, with `aloneWithTicks`: what the view shows is written down. */
export async function insertTick(connection: MysqlConnection): Promise<RecordPlace> {
  const before = await newestPlace(connection);
  const tick = before.tick + 1n;
  let bytes = 0n;
  for (let after = 0n; ;) {
    const rows = await askRows(
      connection,
      `select c.number as number, c.bytes as bytes from teal.changes c where c.number > ? and ${isNew} order by c.number limit ${numbersAtOnce}`,
      [String(after)],
    );
    const numbers = rows.map(({ number }) => BigInt(must(number, 'a number')));
    const last = numbers.at(-1);
    if (last === undefined) break;
    bytes += rows.reduce((sum, row) => sum + BigInt(row['bytes'] ?? 0), 0n);
    await insertRuns(connection, tick, runsOf(numbers));
    after = last;
  }
  if (bytes === 0n) return before;
  const ends = before.bytes + bytes;
  await connection.query('insert into teal.ticks (number, ends) values (?, ?)', [tick, ends]);
  return { tick, bytes: ends };
}

async function insertRuns(connection: MysqlConnection, tick: bigint, runs: readonly NumberRun[]): Promise<void> {
  for (let at = 0; at < runs.length; at += runsAtOnce) {
    const some = runs.slice(at, at + runsAtOnce);
    const values = some.map(({ first, last }) => `(${tick}, ${first}, ${last})`).join(', ');
    await connection.query(`insert into teal.tick_runs (tick, first, last) values ${values}`);
  }
}

async function newestPlace(connection: MysqlConnection): Promise<RecordPlace> {
  const rows = await askRows(
    connection,
    'select number as number, ends as ends from teal.ticks order by number desc limit 1',
  );
  const { number, ends } = rows[0] ?? {};
  if (typeof number !== 'string' || typeof ends !== 'string') {
    throw new TealError('TEAL-SYSTEMS-040', 'the record of changes has no beginning');
  }
  return { tick: BigInt(number), bytes: BigInt(ends) };
}

/** The tick that what follows this place is in; undefined when there is none yet. */
export async function tickAfter(connection: MysqlConnection, after: RecordPlace): Promise<Tick | undefined> {
  const rows = await askRows(
    connection,
    `select t.number as number, t.ends as ends, cast(unix_timestamp(t.made_at) * 1000000 as signed) as made_at,
            (select b.ends from teal.ticks b where b.number < t.number order by b.number desc limit 1) as starts
     from teal.ticks t where t.is_over = 0 and t.ends > ? order by t.number limit 1`,
    [String(after.bytes)],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  const number = (name: string): bigint => BigInt(must(row[name], name));
  return { number: number('number'), starts: number('starts'), ends: number('ends'), madeAtUs: number('made_at') };
}

/** Where the newest tick ends: for what asks a side of its place and compares it with none of a binlog. Errors: TEAL-SYSTEMS-040. */
export async function endOfRecord(connection: MysqlConnection): Promise<Position> {
  return positionOfPlace(await newestPlace(connection));
}

/** Where the kept ticks begin and end. Errors: TEAL-SYSTEMS-040. */
export async function keptRange(
  connection: MysqlConnection,
): Promise<{ readonly begins: RecordPlace; readonly ends: RecordPlace }> {
  const ends = await newestPlace(connection);
  const rows = await askRows(
    connection,
    'select number as number, ends as ends from teal.ticks where is_over = 1 order by number desc limit 1',
  );
  const begins = rows[0];
  if (begins === undefined) throw new TealError('TEAL-SYSTEMS-040', 'the record of changes has no beginning');
  return { begins: { tick: BigInt(begins['number'] ?? 0), bytes: BigInt(begins['ends'] ?? 0) }, ends };
}
