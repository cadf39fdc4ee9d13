import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import { flushCommits, withLockRetry, type PgConnection, type PgRow } from '../connection.ts';
import { isClosedSql } from '../fence.ts';
import { quoteTable } from '../quote.ts';
import { formSql, keepShape, pinned } from '../trigger-source/recorder.ts';

/** A table and the column that says when a row was written last. */
export interface PolledTable extends TableName {
  readonly column: string;
}

/** Of who polls: one at a time, so that each begins with the state that the one before left. */
const pollLock = '1952801132, 603';

/** Types that a column may have: timestamp and timestamptz. */
export const polledTypes: readonly number[] = Object.freeze([1114, 1184]);

/**
 * How far before the oldest open transaction a poll looks. It covers clocks of an application that lag, a clock of the server that is set back, and the moment between a transaction's start and
 * the server's telling of it. It costs nothing but rows that are looked at: what was told already is known by its transaction.
 */
export const overlapSeconds = 60;

/**
 * polled: which tables are polled, by which column.
 * poll_state: one row. `snapshot`: all that it shows was told, or is in the copy. `floor`: no transaction that it does not show began earlier.
 * poll_told: transactions that the snapshot shows though an older one was still running; numbers of 32 bits, as rows have them.
 */
const tables = `
create table teal.polled (relation oid primary key, name text not null);
create table teal.poll_state (snapshot pg_snapshot not null, floor timestamptz not null);
create table teal.poll_told (xid int8 primary key);
revoke all on teal.polled, teal.poll_state, teal.poll_told from public`;

/** Numbers of transactions go round: later ones than `low` are those of the half circle after it. Rows that old are frozen may be taken for later ones, and are told once more. */
const since = (xid: string, low: string): string => `((${xid} - ${low}) & 4294967295) < 2147483648`;

/**
 * Writes into the record what the transaction's snapshot shows and the one of the last poll did not, in the order of the column: see README.md why nothing is missed. On a side that is closed
 * nobody but Teal writes; what it brings there is passed over. A side that is closed has told all: `beforeFence`.
 *
 * Whoever calls it holds `pollLock`, and locks that keep the tables as they are. Answers how many rows.
 */
const functionSql = `
create or replace function teal.poll(next_floor timestamptz, keeps_floor boolean) returns int8 language plpgsql security definer ${pinned}
  set row_security = off as $teal$
declare
  seen pg_snapshot := pg_current_snapshot();
  told_until pg_snapshot;
  told_floor timestamptz;
  low int8;
  seen_low int8 := pg_snapshot_xmin(seen)::text::int8 & 4294967295;
  is_closed boolean := coalesce(${isClosedSql}, false);
  one record;
  form int8;
  changed text;
  rows int8;
  total int8 := 0;
  more int8[];
  fresh int8[] := '{}';
begin
  select s.snapshot, s.floor, pg_snapshot_xmin(s.snapshot)::text::int8 & 4294967295 into strict told_until, told_floor, low from teal.poll_state s;
  for one in
    select c.oid as relation, n.nspname as schema, c.relname as name, p.name as stamp, a.atttypid as type, a.attnotnull as filled
      from teal.polled p join pg_class c on c.oid = p.relation join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = p.name and not a.attisdropped
     order by n.nspname, c.relname
  loop
    changed := format('only %I.%I t where ${since('t.xmin::text::int8', '$2')} and (t.%I >= %s%s)', one.schema, one.name, one.stamp,
      case when one.type = 'timestamptz'::regtype then '$1' else '($1 at time zone ''UTC'') - interval ''14 hours''' end,
      case when one.filled then '' else format(' or t.%I is null', one.stamp) end);
    if not is_closed then
      form := ${formSql('one.relation', 'one.schema', 'one.name')};
      execute format(
        'insert into teal.changes (xid, relation, shape, operation, opens, size, new_row)
         select pg_current_xact_id(), $3, $4, ''P'', false, 32 + octet_length(v.row), v.row
           from (select (t.*)::text as row from %s and not exists (select from teal.poll_told d where d.xid = t.xmin::text::int8) order by t.%I) v',
        changed, one.stamp) using told_floor - interval '${overlapSeconds} seconds', low, one.relation, form;
      get diagnostics rows = row_count;
      if rows > 0 then
        ${keepShape('one.relation', 'one.schema', 'one.name')}
      end if;
      total := total + rows;
    end if;
    -- Those that the next poll would take for new, because an older transaction still runs.
    execute format('select array_agg(distinct t.xmin::text::int8) from %s and ${since('t.xmin::text::int8', '$3')}', changed)
      into more using told_floor - interval '${overlapSeconds} seconds', low, seen_low;
    fresh := fresh || more;
  end loop;
  delete from teal.poll_told d where not (${since('d.xid', 'seen_low')});
  insert into teal.poll_told select distinct f.xid from unnest(fresh) f (xid) on conflict do nothing;
  update teal.poll_state set snapshot = seen, floor = case when keeps_floor then least(told_floor, next_floor) else next_floor end;
  -- Makes it a transaction of the record.
  if total > 0 then perform teal.record_message('teal poll', total::text); end if;
  return total;
end $teal$;
revoke execute on function teal.poll(timestamptz, boolean) from public`;

/** Makes what is missing; the record must be there (`installRecorder`, of Teal's own tables alone). The first poll tells what was written from here on. */
export async function installPolling(connection: PgConnection, polled: readonly PolledTable[]): Promise<void> {
  await connection.transaction(async () => {
    await connection.query(`select pg_advisory_xact_lock(${pollLock})`);
    const { floor, isKept } = await floorNow(connection);
    if (await isInstalled(connection)) await connection.query(functionSql);
    else {
      await connection.query(tables);
      await connection.query(functionSql);
      await connection.query('insert into teal.poll_state (snapshot, floor) values (pg_current_snapshot(), $1)', [
        isKept ? '-infinity' : floor,
      ]);
    }
    await connection.query(
      `insert into teal.polled (relation, name)
       select c.oid, w.name from unnest($1::text[], $2::text[], $3::text[]) w (schema, relation, name)
         join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.relation
       on conflict (relation) do update set name = excluded.name where polled.name <> excluded.name`,
      [polled.map(({ schema }) => schema), polled.map(({ name }) => name), polled.map(({ column }) => column)],
    );
    await refuseUnpollable(connection);
  });
  await flushCommits(connection);
}

export async function isInstalled(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(
    `select to_regprocedure('teal.poll(timestamptz, boolean)') is not null as there`,
  );
  return rows[0]?.['there'] === 't';
}

/** Of these, the tables that are not polled by their column. One that is gone is none of them. `installPolling` must have run. */
export async function notPolled(
  connection: PgConnection,
  wanted: readonly PolledTable[],
): Promise<readonly TableName[]> {
  const { rows } = await connection.query(
    `select w.schema, w.relation as name from unnest($1::text[], $2::text[], $3::text[]) w (schema, relation, name)
       join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.relation
      where not exists (select from teal.polled p where p.relation = c.oid and p.name = w.name) order by 1, 2`,
    [wanted.map(({ schema }) => schema), wanted.map(({ name }) => name), wanted.map(({ column }) => column)],
  );
  return rows.map(nameOf);
}

/**
 * Brings what was committed since the last poll into the record, as one transaction of it. Errors: TEAL-SYSTEMS-046 a table cannot be polled any more, -047 open transactions cannot be seen,
 * -008 a change of the schema, or another poll, took longer than a minute.
 */
export async function poll(connection: PgConnection): Promise<void> {
  await underPollLock(connection, async () => {
    const floor = await floorNow(connection);
    const polled = await polledTables(connection);
    await connection.transaction(
      async () => {
        // Locks come first: a snapshot that is older than a rewrite of a table sees it empty (manual, "Caveats" of MVCC).
        await connection.query(`${pollSettings}; ${lockSql(polled)}`);
        await pollSnapshot(connection, floor);
      },
      { isolation: 'repeatable read' },
    );
  });
}

/** In the transaction that closes the side, under its locks: from here on there is nothing more to tell. Errors: as `poll`. */
export async function pollBeforeFence(connection: PgConnection): Promise<void> {
  await connection.query(`select pg_advisory_xact_lock(${pollLock})`);
  await pollSnapshot(connection, await floorNow(connection));
}

/** For as long as `work` takes nobody else polls. */
export async function underPollLock<T>(connection: PgConnection, work: () => Promise<T>): Promise<T> {
  await connection.query(`${awaitLocks}; select pg_advisory_lock(${pollLock})`);
  try {
    return await work();
  } finally {
    // With its session the lock goes.
    if (!connection.ended.aborted) await connection.query(`select pg_advisory_unlock(${pollLock})`);
  }
}

const awaitLocks = `set local lock_timeout = '60s'`;

/** A poll that a crash takes back is made again: the tick behind it waits for the disk. */
export const pollSettings = `set local synchronous_commit = off; ${awaitLocks}`;

/** What the transaction's snapshot shows. How its commit waits, and for locks, is the caller's: a fence must not lose its token. */
export async function pollSnapshot(connection: PgConnection, { floor, isKept }: Floor): Promise<void> {
  await refuseUnpollable(connection);
  await connection.query('select teal.poll($1, $2)', [floor, isKept]);
}

/** SQL that keeps tables as they are; reads and writes pass. */
export function lockSql(toLock: readonly TableName[]): string {
  return toLock.length === 0
    ? 'select'
    : `lock table ${toLock.map((table) => `only ${quoteTable(table)}`).join(', ')} in access share mode`;
}

export async function polledTables(connection: PgConnection): Promise<readonly TableName[]> {
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name from teal.polled p join pg_class c on c.oid = p.relation join pg_namespace n on n.oid = c.relnamespace order by 1, 2`,
  );
  return rows.map(nameOf);
}

export interface Floor {
  /** No transaction that is not visible to a later snapshot began earlier. */
  readonly floor: string;
  /** A prepared transaction is open, of which nobody says when it began: the floor must not rise. */
  readonly isKept: boolean;
}

/**
 * To be asked before the snapshot is taken: whoever is not visible in it is among those that are open now, or begins later. Teal's own sessions that hold snapshots write nothing. Errors:
 * TEAL-SYSTEMS-047.
 */
export async function floorNow(connection: PgConnection): Promise<Floor> {
  const { rows } = await connection.query(
    `select pg_has_role('pg_read_all_stats', 'usage') as may,
            least(statement_timestamp(), (select min(a.xact_start) from pg_stat_activity a
              where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type not in ('autovacuum worker', 'walsender')
                and not (a.usename = session_user and a.application_name like 'teal %'))) as floor,
            exists (select from pg_prepared_xacts p where p.database = current_database()) as kept`,
  );
  const { may, floor, kept } = rows[0] ?? {};
  if (may !== 't') throw new TealError('TEAL-SYSTEMS-047', 'the role may not see transactions of other roles');
  return { floor: must(floor, 'the start of the oldest transaction'), isKept: kept === 't' };
}

/** Errors: TEAL-SYSTEMS-046 when there is one of which the column is gone, or of another type than a time. */
async function refuseUnpollable(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name from teal.polled p join pg_class c on c.oid = p.relation join pg_namespace n on n.oid = c.relnamespace
      where not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = p.name and not a.attisdropped and a.atttypid in (${polledTypes.join(', ')}))
      order by 1, 2`,
  );
  if (rows.length === 0) return;
  throw new TealError('TEAL-SYSTEMS-046', `${rows.length} tables cannot be polled any more`, {
    tables: rows.slice(0, 20).map(nameOf).map(tableKey),
  });
}

/** Idempotent; also where schema `teal` is not. */
export async function removePolling(connection: PgConnection): Promise<void> {
  await withLockRetry({}, async () =>
    connection.query(
      `set local lock_timeout = '500ms'; drop function if exists teal.poll(timestamptz, boolean); drop table if exists teal.polled, teal.poll_state, teal.poll_told`,
    ),
  );
}

function nameOf(row: PgRow): TableName {
  return { schema: row['schema'] ?? '', name: row['name'] ?? '' };
}
