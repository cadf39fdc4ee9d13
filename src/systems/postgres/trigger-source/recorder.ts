import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type Side, type Table, type TableName } from '../../../model/catalog.ts';
import type { Probed, Step } from '../../../ports/step.ts';
import { flushCommits, withLockRetry, type PgConnection, type PgRow } from '../connection.ts';
import type { KeptSession } from '../kept-session.ts';
import { quoteLiteral, quoteTable } from '../quote.ts';
import { publishedTealTables } from '../teal-schema.ts';

/** A setting of sessions in which Teal applies what came from the other side: its value names the flow. What they write to the user's tables is not recorded. */
export const originSetting = 'teal.origin';
export const rowTrigger = 'teal_record';
export const truncateTrigger = 'teal_record_truncate';
export const recorderTriggers: readonly string[] = Object.freeze([rowTrigger, truncateTrigger]);

/** Transaction-level advisory lock of who makes a tick; session-level lock of who reads. */
export const tickLock = '1952801132, 601';
export const readerLock = '1952801132, 602';

/**
 * changes: one row for each changed row, by transaction. `number` comes from a sequence when the trigger fires; `was` and `now` are the places of the row's versions; `again`: the version
 *   before may be of the same transaction; `opens`: the first change since the transaction's last note of its end.
 * ended: a row that a deferred trigger writes when the transaction is about to commit. Every change is followed by one of the same transaction, with a higher number; `last`: written after all
 *   that was deferred beside it.
 * recorded: of which tables every change must be recorded, and the triggers that do it as they were made (`triggersSql`).
 * shapes: the columns that a table had when rows of it were written. Nobody waits for anybody: a shape may be there twice.
 * ticks: states of the database (snapshots), in order. `ends` is the position of what they show. The oldest one that is kept is a beginning only.
 */
const tables = `
create sequence teal.change_number;
create table teal.changes (
  xid xid8 not null,
  number bigint not null default nextval('teal.change_number'),
  relation oid not null,
  shape bigint,
  operation "char" not null,
  opens boolean not null,
  again boolean not null default false,
  size int not null,
  was tid,
  now tid,
  old_row text,
  new_row text) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
create index changes_in_order on teal.changes (xid, number);
create table teal.ended (
  number bigint primary key default nextval('teal.change_number'),
  xid xid8 not null,
  at timestamptz not null default clock_timestamp(),
  last boolean not null default false,
  origin text) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
create index ended_by_xid on teal.ended (xid);
create table teal.shapes (relation oid not null, shape bigint not null, schema text not null, name text not null, columns text not null, key text);
create index shapes_by_relation on teal.shapes (relation, shape);
create table teal.ticks (number bigint primary key, snapshot pg_snapshot not null, first bigint, last bigint, ends bigint not null);
create table teal.history (name text not null);
create table teal.recorded (relation oid primary key, triggers text not null);
revoke all on teal.changes, teal.ended, teal.shapes, teal.ticks, teal.history, teal.recorded, teal.change_number from public`;

/**
 * SQL, for a table's number: JSON of the names of the columns by which a change tells its row; NULL when only the whole row does. As in the log a deferrable key does not: within a transaction two rows
 * may have it.
 */
export const keySql = (relation: string): string => `
(select json_agg(a.attname order by k.place)::text
   from pg_class c
   join lateral (select i.* from pg_index i where i.indrelid = c.oid and i.indisvalid and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
      and (i.indisprimary or (i.indisreplident and c.relreplident = 'i')) order by i.indisreplident and c.relreplident = 'i' desc limit 1) i on true
   join lateral unnest(i.indkey) with ordinality k (attnum, place) on k.place <= i.indnkeyatts
   join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
  where c.oid = ${relation})`;

/** A row's text must be what the log would say of it, whatever the session of the client has set. The plan: making it costs more than running it. */
export const pinned = `
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set "TimeZone" = 'UTC' set "DateStyle" = 'ISO' set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex' set extra_float_digits = '3' set xmloption = 'content' set lc_monetary from current`;

/** SQL, of a table's number and names: a number that is another one when its columns or its names are. */
export const formSql = (relation: string, schema: string, name: string): string => `
  (select bit_xor(hashtextextended(a.attname::text, ((a.atttypid::int8 << 20) # a.attnum # (a.atttypmod::int8 << 44) # (ascii(a.attgenerated)::int8 << 12))))
     from pg_attribute a where a.attrelid = ${relation} and a.attnum > 0 and not a.attisdropped)
  # hashtextextended(${name}::text, hashtextextended(${schema}::text, 0))`;

/** PL/pgSQL: keeps what columns rows of this form have (variable `form`). */
export const keepShape = (relation: string, schema: string, name: string): string => `
  if not exists (select from teal.shapes s where s.relation = ${relation} and s.shape = form) then
    insert into teal.shapes (relation, shape, schema, name, columns, key)
    select ${relation}, form, ${schema}, ${name},
           json_agg(json_build_array(a.attname, a.atttypid::int8, a.atttypmod, a.attgenerated <> '') order by a.attnum)::text,
           ${keySql(relation)}
      from pg_attribute a where a.attrelid = ${relation} and a.attnum > 0 and not a.attisdropped;
  end if;`;

/**
 * Records one change. Row by row and not statement by statement: a partition is written through its parent without a statement of its own, old and new rows are told together, and
 * each version of a row has its place, by which changes inside of changes come into order (order.ts). ALWAYS: sessions that call themselves replicas are clients too.
 *
 * Of Teal's own sessions (`originSetting`) what they write to schema `teal` is recorded alone: it says who owns the data.
 */
const functions = `
create or replace function teal.record() returns trigger language plpgsql security definer ${pinned} as $teal$
declare
  id xid8 := pg_current_xact_id();
  low int8 := id::text::int8 & 4294967295;
  is_first boolean := false;
  form int8;
begin
  if tg_table_schema <> 'teal' and coalesce(current_setting('${originSetting}', true), '') <> '' then return null; end if;
  if current_setting('teal.open', true) is distinct from id::text then
    is_first := true;
    perform set_config('teal.open', id::text, true);
  end if;
  -- Row by row: this transaction itself may change the columns in between.
  form := ${formSql('tg_relid', 'tg_table_schema', 'tg_table_name')};
  ${keepShape('tg_relid', 'tg_table_schema', 'tg_table_name')}
  case tg_op
    when 'INSERT' then
      insert into teal.changes (xid, relation, shape, operation, opens, size, now, new_row)
      select id, tg_relid, form, 'I', is_first, 32 + octet_length(v.new_row), new.ctid, v.new_row from (select new::text as new_row) v;
    when 'UPDATE' then
      insert into teal.changes (xid, relation, shape, operation, opens, again, size, was, now, old_row, new_row)
      select id, tg_relid, form, 'U', is_first, ((old.xmin::text::int8 - low) & 4294967295) < 2147483648,
             32 + octet_length(v.old_row) + octet_length(v.new_row), old.ctid, new.ctid, v.old_row, v.new_row
        from (select old::text as old_row, new::text as new_row) v;
    when 'DELETE' then
      insert into teal.changes (xid, relation, shape, operation, opens, again, size, was, old_row)
      select id, tg_relid, form, 'D', is_first, ((old.xmin::text::int8 - low) & 4294967295) < 2147483648,
             32 + octet_length(v.old_row), old.ctid, v.old_row
        from (select old::text as old_row) v;
    when 'TRUNCATE' then
      insert into teal.changes (xid, relation, shape, operation, opens, size) values (id, tg_relid, form, 'T', is_first, 32);
  end case;
  return null;
end $teal$;

create or replace function teal.record_end() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $teal$
begin
  insert into teal.ended (xid, origin) values (new.xid, nullif(current_setting('${originSetting}', true), ''));
  perform set_config('teal.open', '', true);
  return null;
end $teal$;

-- Fires when all is over that was deferred before the note: a deferred check of a key waits for whoever has the value, who may have noted his end meanwhile and goes first.
create or replace function teal.record_last() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $teal$
begin
  if (select s.last_value from teal.change_number s) <> new.number then
    insert into teal.ended (xid, last, origin) values (new.xid, true, new.origin);
  end if;
  return null;
end $teal$;

create or replace function teal.record_message(prefix text, content text) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $teal$
declare
  id xid8 := pg_current_xact_id();
  is_first boolean := current_setting('teal.open', true) is distinct from id::text;
begin
  if is_first then perform set_config('teal.open', id::text, true); end if;
  insert into teal.changes (xid, relation, operation, opens, size, old_row, new_row)
  values (id, 0, 'M', is_first, 32 + octet_length(prefix) + octet_length(content), prefix, content);
end $teal$;
revoke execute on function teal.record(), teal.record_end(), teal.record_last(), teal.record_message(text, text) from public`;

const endTriggers = `
create constraint trigger record_end after insert on teal.changes deferrable initially deferred for each row when (new.opens) execute function teal.record_end();
create constraint trigger record_last after insert on teal.ended deferrable initially deferred for each row when (not new.last) execute function teal.record_last();
alter table teal.changes enable always trigger record_end;
alter table teal.ended enable always trigger record_last`;

/** In place of the one that records: every trigger is quiet at once, and no table has to be locked for that. */
const quietFunction = `create or replace function teal.record() returns trigger language plpgsql as $teal$ begin return null; end $teal$`;

/** Several statements in one text are one transaction. */
const briefly = `set local lock_timeout = '500ms'; set local synchronous_commit = off;`;

/** What is recorded on a side: tables that hold rows, leaf by leaf, and the tables by which the stream itself tells who owns the data. */
export function recordedTables(tablesOfSide: readonly Table[]): readonly TableName[] {
  return [
    ...tablesOfSide
      .filter((table) => table.kind === 'table' && table.persistence === 'permanent')
      .map(({ schema, name }) => ({ schema, name })),
    ...publishedTealTables.map((name) => ({ schema: 'teal', name })),
  ];
}

type Recorded = readonly TableName[];

/**
 * Makes what is missing; schema `teal` must be there. CREATE TRIGGER waits for every transaction that has written to the table, so each one that writes later, or is not
 * over when all triggers are there, is recorded whole.
 */
export async function installRecorder(connection: PgConnection, recorded: Recorded): Promise<void> {
  await connection.transaction(async () => {
    await connection.query(`select pg_advisory_xact_lock(${tickLock})`);
    const { rows } = await connection.query(`select to_regclass('teal.changes') is not null as there`);
    if (rows[0]?.['there'] !== 't') {
      await connection.query(tables);
      await connection.query(functions);
      await connection.query(endTriggers);
      await connection.query(`insert into teal.history (name) values (gen_random_uuid())`);
    } else await connection.query(functions);
  });
  for (const table of await withoutTriggers(connection, recorded)) {
    await withLockRetry({}, async () => connection.query(`${briefly} ${triggersOf(quoteTable(table))}`));
  }
  await flushCommits(connection);
  await firstTick(connection);
}

function triggersOf(table: string): string {
  return `
    create or replace trigger ${rowTrigger} after insert or update or delete on ${table} for each row execute function teal.record();
    create or replace trigger ${truncateTrigger} after truncate on ${table} for each statement execute function teal.record();
    alter table only ${table} enable always trigger ${rowTrigger};
    alter table only ${table} enable always trigger ${truncateTrigger};
    insert into teal.recorded (relation, triggers) select c.oid, ${triggersSql} from pg_class c where c.oid = ${quoteLiteral(table)}::regclass
      on conflict (relation) do update set triggers = excluded.triggers`;
}

/** SQL, of table `c`: its triggers as the catalog has them, with the transactions that wrote them. One that was disabled and enabled again is another than before. */
const triggersSql = `
(select coalesce(string_agg(concat(t.oid, ':', t.xmin, ':', t.tgenabled), ',' order by t.oid), '') from pg_trigger t
  where t.tgrelid = c.oid and t.tgname in ('${rowTrigger}', '${truncateTrigger}'))`;

/**
 * Of what must be recorded, the tables whose triggers are not as they were made: what was written meanwhile is in no record. A table that is gone is none of them. Errors: TEAL-SYSTEMS-041 when
 * there is one.
 */
export async function refuseGaps(connection: PgConnection): Promise<void> {
  const gaps = await recordGaps(connection);
  if (gaps.length === 0) return;
  throw new TealError('TEAL-SYSTEMS-041', `${gaps.length} tables are not recorded`, {
    tables: gaps.slice(0, 20).map(tableKey),
  });
}

/** As `refuseGaps`. */
export async function recordGaps(connection: PgConnection): Promise<readonly TableName[]> {
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name
       from teal.recorded r join pg_class c on c.oid = r.relation join pg_namespace n on n.oid = c.relnamespace
      where r.triggers is distinct from ${triggersSql} or not exists (select from pg_proc p where p.oid = to_regproc('teal.record') and p.prosrc like '%teal.changes%')
      order by 1, 2`,
  );
  return rows.map(nameOf);
}

/** SQL: the numbers of the tables that are recorded. Also where no recorder is. */
export const recordedRelations = `select t.tgrelid from pg_catalog.pg_trigger t where t.tgname = '${rowTrigger}'`;

/** A beginning: what was recorded before it is not needed. It counts from 1, so that there is a position before the first. */
async function firstTick(connection: PgConnection): Promise<void> {
  await connection.query(
    `insert into teal.ticks (number, snapshot, ends) select 0, pg_current_snapshot(), 1 where not exists (select from teal.ticks)`,
  );
}

/** Of these, the tables whose triggers are not there, or would not fire in every session. A table that is gone is none of them. */
export async function withoutTriggers(connection: PgConnection, recorded: Recorded): Promise<Recorded> {
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join unnest($1::text[], $2::text[]) as wanted (schema, name) on wanted.schema = n.nspname and wanted.name = c.relname
      where (select count(*) from pg_trigger t where t.tgrelid = c.oid and t.tgname in ('${rowTrigger}', '${truncateTrigger}') and t.tgenabled = 'A'
               and t.tgfoid = to_regproc('teal.record')) <> 2
      order by 1, 2`,
    [recorded.map((table) => table.schema), recorded.map((table) => table.name)],
  );
  return rows.map(nameOf);
}

function nameOf(row: PgRow): TableName {
  return { schema: row['schema'] ?? '', name: row['name'] ?? '' };
}

/**
 * Takes everything away. First the function does nothing any more, which asks for no lock that a client has: from then on nothing is recorded, and writes are as quick as before.
 * Idempotent.
 */
export async function removeRecorder(connection: PgConnection): Promise<void> {
  const there = await connection.query(`select to_regproc('teal.record') is not null as there`);
  if (there.rows[0]?.['there'] === 't') await connection.query(quietFunction);
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name, t.tgname as trigger from pg_trigger t join pg_class c on c.oid = t.tgrelid
       join pg_namespace n on n.oid = c.relnamespace where t.tgname in ('${rowTrigger}', '${truncateTrigger}')`,
  );
  for (const row of rows) {
    const table = quoteTable({ schema: row['schema'] ?? '', name: row['name'] ?? '' });
    await withLockRetry({}, async () =>
      connection.query(`${briefly} drop trigger if exists ${row['trigger'] ?? ''} on ${table}`),
    );
  }
  await flushCommits(connection);
  await withLockRetry({}, async () =>
    connection.query(
      `set local lock_timeout = '500ms'; drop table if exists teal.changes, teal.ended, teal.shapes, teal.ticks, teal.history, teal.recorded;
       drop function if exists teal.record(), teal.record_end(), teal.record_last(), teal.record_message(text, text); drop sequence if exists teal.change_number`,
    ),
  );
}

/** The triggers that record every change of a side, for a source whose log may not be read. Schema `teal` must be there. */
export function recorderStep(side: Side, session: KeptSession, tablesOfSide: readonly Table[]): Step {
  const recorded = recordedTables(tablesOfSide);
  const probe = async (connection: PgConnection): Promise<Probed> => {
    const { rows } = await connection.query(`select to_regclass('teal.ticks') is not null as there`);
    if (rows[0]?.['there'] !== 't') return { state: 'not done' };
    const missing = (await withoutTriggers(connection, recorded)).length;
    return missing === 0
      ? { state: 'done', evidence: `triggers record ${recorded.length} tables` }
      : { state: 'partly', evidence: `${recorded.length - missing} of ${recorded.length} tables` };
  };
  return {
    id: recorderStepId(side),
    does: `puts two triggers on ${recorded.length} tables of ${side} that record every change in teal.changes, in the transaction that makes it`,
    locks:
      'SHARE ROW EXCLUSIVE on one table at a time for a moment, which waits for its writers and they for it; waits at most 500 ms a try',
    costs: `each changed row is written once more, an update with its old values too; some tens of microseconds a row, and the room of teal.changes on ${side} until the flow has read it`,
    undone:
      'recording ends at once; then the triggers are dropped, which takes ACCESS EXCLUSIVE on one table at a time for a moment, and the tables of the record',
    probe: async () => session.use(probe),
    act: async () => session.use(async (connection) => installRecorder(connection, recorded)),
    undo: async () => session.use(removeRecorder),
  };
}

export function recorderStepId(side: Side): string {
  return `prepare:recorder-${side}`;
}
