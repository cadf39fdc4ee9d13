import { describe, expect, onTestFinished, test } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../../test/support/postgres.ts';
import { unreachable } from '../../../kernel/assert.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { PackedValues } from '../../../kernel/packed-values.ts';
import { isTealError, type TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { Relation, RowValues, StreamEvent } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { ChangeRecord, ChangeStream, StreamStart } from '../../../ports/change-source.ts';
import { PgoutputDecoder } from '../change-decoder.ts';
import { connect } from '../connection.ts';
import { createSlot } from '../slot.ts';
import { postgresSource } from '../source.ts';
import { installTealSchema } from '../teal-schema.ts';
import { openTriggerProbe } from './probe.ts';
import { installRecorder, recordGaps, removeRecorder, withoutTriggers } from './recorder.ts';
import { triggerSource, type TriggerSourceOptions } from './source.ts';
import { keptRange, snapshotAtTick } from './ticks.ts';

const controls = ['cut', 'owner', 'heartbeat'].map((name) => ({ schema: 'teal', name }));

/** Every table of the user is recorded. */
async function record(db: TestDatabase): Promise<readonly TableName[]> {
  const rows = await db.query(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema|teal)'`,
  );
  const tables = [...rows.map((row) => ({ schema: row['schema'] ?? '', name: row['name'] ?? '' })), ...controls];
  await using connection = await connect({ url: db.url, applicationName: 'teal test recorder' });
  await installTealSchema(connection, 'blue');
  await installRecorder(connection, tables);
  return tables;
}

async function openStream(
  db: TestDatabase,
  from: StreamStart,
  options: Partial<TriggerSourceOptions> = {},
): Promise<ChangeStream> {
  const abort = new AbortController();
  const source = triggerSource({
    url: db.url,
    applicationName: 'teal test stream',
    pollMs: 20,
    cleanPauseMs: 50,
    checkPauseMs: 50,
    ...options,
  });
  onTestFinished(() => abort.abort());
  return source.start(from, abort.signal);
}

async function beginning(db: TestDatabase): Promise<Position> {
  await using probe = openTriggerProbe({ url: db.url, applicationName: 'teal test probe', side: 'blue' });
  return await probe.firstPosition();
}

/** All that is committed before this is called. */
async function readToMark(db: TestDatabase, stream: ChangeStream): Promise<ChangeRecord[]> {
  await using probe = openTriggerProbe({ url: db.url, applicationName: 'teal test probe', side: 'blue' });
  const mark = await probe.mark();
  const records: ChangeRecord[] = [];
  while (!records.some((each) => each.kind === 'commit' && each.end > mark)) records.push(...(await stream.next()));
  return records;
}

/** Until the stream ends, or a minute is over. */
async function readOn(db: TestDatabase, stream: ChangeStream): Promise<void> {
  await waitFor({ what: 'the stream to end', timeoutMs: 60_000 }, async () => {
    await readToMark(db, stream);
    return undefined;
  });
}

function decode(records: readonly ChangeRecord[]): StreamEvent[] {
  const decoder = new PgoutputDecoder();
  return records.flatMap((each) => (each.kind === 'mark' ? [] : (decoder.decode(each.payload) ?? [])));
}

const texts = (row: RowValues) => row.toArray().map((value) => value?.toString() ?? null);

function tell(event: StreamEvent): string {
  const row = (values: RowValues) =>
    texts(values)
      .map((value) => value ?? 'NULL')
      .join('|');
  switch (event.kind) {
    case 'insert':
    case 'put':
      return `${event.kind} ${event.relation.name} ${row(event.row)}`;
    case 'update':
      return `update ${event.relation.name} ${event.old === undefined ? '' : `${event.old.kind} ${row(event.old.values)} `}to ${row(event.row)}`;
    case 'delete':
      return `delete ${event.relation.name} ${event.old.kind} ${row(event.old.values)}`;
    case 'truncate':
      return `truncate ${event.relations.map((relation) => relation.name).join(',')}`;
    case 'relation':
      return `relation ${event.relation.schema}.${event.relation.name} ${event.relation.columns.map((column) => column.name + (column.key ? '*' : '')).join(',')}`;
    case 'origin':
      return `origin ${event.name}`;
    case 'message':
      return `message ${event.prefix} ${event.content.toString()}`;
    case 'begin':
    case 'commit':
      return event.kind;
    default:
      return unreachable(event, 'event');
  }
}

/** Without what the mark added. */
function told(records: readonly ChangeRecord[]): string[] {
  const all = decode(records).map(tell);
  return all.slice(0, all.lastIndexOf('message teal mark ') - 1);
}

const changesOnly = (lines: readonly string[]) => lines.filter((line) => !/^(begin|commit|relation)/.test(line));

async function refusal(work: Promise<unknown>): Promise<TealError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isTealError(thrown)) throw new Error(`expected an error of Teal, got ${String(thrown)}`);
  return thrown;
}

/** Tables as the stream makes them: every change finds exactly the row that it means, or the replay fails. */
class Replay {
  readonly #tables = new Map<string, Map<string, (string | null)[]>>();

  apply(events: readonly StreamEvent[]): void {
    for (const event of events) {
      if (event.kind === 'truncate') for (const relation of event.relations) this.#rows(relation).clear();
      if (event.kind === 'insert') this.#put(event.relation, texts(event.row));
      if (event.kind === 'delete') this.#take(event.relation, texts(event.old.values));
      if (event.kind === 'update') {
        this.#take(event.relation, texts(event.old?.values ?? event.row));
        this.#put(event.relation, texts(event.row));
      }
    }
  }

  rows(name: string): readonly (readonly (string | null)[])[] {
    return [...(this.#tables.get(name)?.values() ?? [])].sort((a, b) => (String(a) < String(b) ? -1 : 1));
  }

  #rows({ schema, name }: Relation): Map<string, (string | null)[]> {
    const table = this.#tables.get(`${schema}.${name}`) ?? new Map<string, (string | null)[]>();
    this.#tables.set(`${schema}.${name}`, table);
    return table;
  }

  #put(relation: Relation, row: (string | null)[]): void {
    const key = keyOf(relation, row);
    if (this.#rows(relation).has(key)) throw new Error(`${relation.name} has ${key} already`);
    this.#rows(relation).set(key, row);
  }

  #take(relation: Relation, row: (string | null)[]): void {
    const key = keyOf(relation, row);
    if (!this.#rows(relation).delete(key)) throw new Error(`${relation.name} has no ${key}`);
  }
}

const keyOf = ({ columns }: Relation, row: readonly (string | null)[]) =>
  JSON.stringify(columns.flatMap((column, place) => (column.key ? [row[place]] : [])));

async function contents(db: TestDatabase, table: string): Promise<readonly (readonly (string | null)[])[]> {
  const rows = await db.query(`select * from ${table}`);
  return rows.map((row) => Object.values(row)).sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

describe.each([14, 18] as const)('the record of triggers on PostgreSQL %i', (major) => {
  test('is read whole: every kind of change, in transactions, without what was rolled back', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create table t (id int primary key, v text, g text generated always as (v || '!') stored);
      create table "na""me" ("co""l" int, b text);
      create table parts (id int, v text) partition by range (id);
      create table low partition of parts for values from (0) to (10);
      create table high partition of parts for values from (10) to (20)`);
    await record(db);
    const after = await beginning(db);
    await using stream = await openStream(db, { after });
    await db.query(`
      begin; insert into t values (1, 'a'), (2, null); commit;
      begin; update t set v = '' where id = 1; update t set id = 3 where id = 2; delete from t where id = 3; commit;
      begin; insert into t values (9, 'gone'); rollback;
      begin; insert into t values (4, 'kept'); savepoint s; update t set v = 'gone'; rollback to s; update t set v = 'say "x", \\ (y)' where id = 4; commit;
      begin; insert into "na""me" values (1, 'é'); update "na""me" set b = null; delete from "na""me"; commit;
      begin; insert into parts values (1, 'x'), (11, 'y'); update parts set id = 12 where id = 1; commit;
      begin; truncate t, "na""me"; commit;
      begin; savepoint s; insert into t values (8, 'gone'); rollback to s; insert into t values (5, 'last'); commit;
      begin; set constraints all immediate; insert into t values (6, 'x'); savepoint s; insert into t values (7, 'gone'); rollback to s; update t set v = 'y' where id = 6; commit`);
    expect(told(await readToMark(db, stream))).toEqual(
      [
        ['begin', 'relation public.t id*,v', 'insert t 1|a', 'insert t 2|NULL', 'commit'],
        ['begin', 'update t to 1|', 'update t full 2|NULL to 3|NULL', 'delete t full 3|NULL', 'commit'],
        ['begin', 'insert t 4|kept', 'update t to 4|say "x", \\ (y)', 'commit'],
        ['begin', 'relation public.na"me co"l*,b*', 'insert na"me 1|é', 'update na"me full 1|é to 1|NULL'],
        ['delete na"me full 1|NULL', 'commit'],
        ['begin', 'relation public.low id*,v*', 'insert low 1|x', 'relation public.high id*,v*', 'insert high 11|y'],
        ['delete low full 1|x', 'insert high 12|x', 'commit'],
        ['begin', 'truncate t,na"me', 'commit'],
        ['begin', 'insert t 5|last', 'commit'],
        ['begin', 'insert t 6|x', 'update t to 6|y', 'commit'],
      ].flat(),
    );
  });

  test('comes in the order of conflicts, not of ids or numbers', async () => {
    await using db = await testDatabase(major);
    await db.query(`create table t (id int primary key, v text); insert into t values (1, 'first'), (2, 'other')`);
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    const [early, late] = [await db.connect(), await db.connect()];
    // The one that begins first, and has the lower id and the lowest number, writes the row last.
    await early.query(`begin; update t set v = 'early' where id = 2`);
    await late.query(`begin; update t set v = 'late' where id = 1; commit`);
    await early.query(`update t set v = 'early' where id = 1; commit`);
    const lines = changesOnly(told(await readToMark(db, stream)));
    expect(lines).toEqual(['update t to 1|late', 'update t to 2|early', 'update t to 1|early']);
    const byId = await db.query(
      'select new_row from teal.changes where relation = $1::regclass::oid order by xid, number',
      ['t'],
    );
    // Whoever goes by ids ends with what is not there any more.
    expect(byId.at(-1)?.['new_row']).toBe('(1,late)');
  });

  test('comes in the order in which a deferred key was handed on, though who takes it notes his end first', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create table t (id int primary key, v int unique deferrable initially deferred, w text);
      insert into t values (1, 5), (2, 6), (3, 7)`);
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    const [giver, taker] = [await db.connect(), await db.connect()];
    await giver.query('begin; update t set v = 50 where id = 1');
    // Its check of the value comes after the note of its end, which its first change has asked for.
    await taker.query(`begin; update t set w = 'first' where id = 3; update t set v = 5 where id = 2`);
    const taken = taker.query('commit');
    await waitFor({ what: 'the taker to wait', timeoutMs: 60_000 }, async () => {
      const waiting = await db.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'transactionid'`,
      );
      return waiting.length > 0 || undefined;
    });
    await giver.query('commit');
    await taken;
    expect(changesOnly(told(await readToMark(db, stream)))).toEqual([
      'update t to 1|50|NULL',
      'update t to 3|7|first',
      'update t to 2|5|NULL',
    ]);
  });

  test('misses nothing of a transaction that began before and ends after everything else was read', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key)');
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    const long = await db.connect();
    await long.query('begin; insert into t values (1)');
    await db.query('insert into t values (2)');
    const first = await readToMark(db, stream);
    expect(changesOnly(told(first))).toEqual(['insert t 2']);
    await db.query('insert into t values (3)');
    await long.query('commit');
    const all = decode([...first, ...(await readToMark(db, stream))]).map(tell);
    expect(all.filter((line) => line.startsWith('insert')).sort()).toEqual(['insert t 1', 'insert t 2', 'insert t 3']);
  });

  test('brings a transaction that is larger than a page whole, and its rows in the order of their history', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create table t (id int primary key, v int, w text);
      create function again() returns trigger language plpgsql as $$ begin
        if new.id = 1 and new.v = 1 then update t set v = 2 where id = 250; end if; return null; end $$;
      create trigger a_first after update on t for each row execute function again()`);
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    await db.query(`insert into t select g, 0, repeat('x', 30000) from generate_series(1, 300) g`);
    await db.query('update t set v = 1');
    const replay = new Replay();
    const events = decode(await readToMark(db, stream));
    replay.apply(events);
    expect(replay.rows('public.t')).toEqual(await contents(db, 't'));
    expect(events.filter((event) => event.kind === 'begin')).toHaveLength(3);
  });

  test('keeps the history of a row that triggers and functions change again', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create table t (id int primary key, v int, n int);
      create function again() returns trigger language plpgsql as $$ begin
        if new.v = 1 then update t set v = 2 where id <> new.id; end if; return null; end $$;
      create trigger a_first after update on t for each row execute function again();
      create trigger z_last after update on t for each row execute function again();
      create function other(me int) returns int language plpgsql as $$ begin update t set n = n + 1 where id = me - 1; return me; end $$;
      create table tree (id int primary key, parent int references tree on update cascade on delete cascade);
      insert into t values (1, 0, 0), (2, 0, 0), (3, 0, 0);
      insert into tree values (1, null), (2, 1), (3, 2)`);
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    const replay = new Replay();
    const start = (table: string, rows: readonly (readonly (string | null)[])[]) => rows.map((row) => ({ table, row }));
    const initial = [...start('t', await contents(db, 't')), ...start('tree', await contents(db, 'tree'))];
    await db.query(`update t set v = 1`);
    await db.query(`update t set n = other(id) where id > 1`);
    await db.query(`update tree set id = id + 10`);
    await db.query(`delete from tree where id = 12`);
    const events = decode(await readToMark(db, stream));
    // What was there before is put in by hand.
    const relations = new Map(
      events.flatMap((event) => (event.kind === 'relation' ? [[event.relation.name, event.relation] as const] : [])),
    );
    for (const { table, row } of initial) {
      const relation = relations.get(table);
      if (relation === undefined) throw new Error(`${table} was not described`);
      replay.apply([
        {
          kind: 'insert',
          relation,
          row: PackedValues.of(row.map((value) => (value === null ? null : Buffer.from(value)))),
        },
      ]);
    }
    replay.apply(events);
    expect(replay.rows('public.t')).toEqual(await contents(db, 't'));
    expect(replay.rows('public.tree')).toEqual(await contents(db, 'tree'));
  });

  test('tells values as the log does, whatever the session of the client has set', async () => {
    await using db = await testDatabase(major, {
      settings: { wal_level: 'logical', max_replication_slots: '20', max_wal_senders: '20' },
    });
    await db.query(`
      create schema "s p";
      create type "s p".mood as enum ('sad', 'so "so"');
      create type pair as (a int, b text);
      create domain small as int check (value < 100);
      create table "s p".t (id int primary key, a int[], txt text[], n numeric, m numeric(10, 2), f float8, r float4, b bytea, j json, jb jsonb, e "s p".mood,
        ts timestamptz, tn timestamp, d date, i interval, mo money, p pair, s small, u uuid, x xml, bi bit(5), iv int4range, ip inet, c char(5), bo bool, wide text);
      create publication teal_pub for table "s p".t`);
    await record(db);
    await using walsender = await connect({ url: db.url, applicationName: 'teal test slot', replication: 'database' });
    const { consistentPoint } = await createSlot(walsender, `${db.name}_log`, {
      lockTimeoutMs: 60_000,
      snapshot: 'nothing',
    });
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    await using log = await postgresSource({
      url: db.url,
      applicationName: 'teal test log',
      slot: `${db.name}_log`,
      publication: 'teal_pub',
    }).start({ after: consistentPoint }, abort.signal);
    await using stream = await openStream(db, { after: await beginning(db) });
    await db.query(`
      set datestyle = 'German, DMY'; set timezone = 'Asia/Kathmandu'; set intervalstyle = 'iso_8601'; set bytea_output = 'escape'; set extra_float_digits = -3; set search_path = 'pg_temp';
      insert into "s p".t values
        (1, '{1,NULL,3}', array['a,b', null, 'NULL', ''], 'NaN', 12345678.9, 0.1::float8 + 0.2, 1.1, '\\x00ff5c', '{"a" : 1}', '{"a" : 1}', 'so "so"',
         'infinity', '-infinity', '0044-03-15 BC', '1 mon -3 days 04:05:06.789', '1234.5', row(1, 'x"y'), 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '<a>&amp;</a>', b'10101', '[1,5)', '10.0.0.1/8', 'ab', true, repeat('x', 100000)),
        (2, null, null, 1e-20, null, 'NaN', '-Infinity', '', 'null', 'null', null, '2020-02-29 23:59:59.999999+05:45', '0001-01-01', 'infinity', '-1 year', null, null, null, null, null, null, 'empty', '::1', '', false, ''),
        (3, '{}', '{}', 'Infinity', 0, 5e-324, 0, null, '[]', '[]', 'sad', 'epoch', null, null, '0', '-1', row(null, null), 0, null, '', b'00000', '(,)', null, ' x', null, null);
      reset all; update "s p".t set id = id + 10, wide = wide || 'y'; delete from "s p".t`);
    const fromLog: ChangeRecord[] = [];
    while (fromLog.filter((each) => each.kind === 'commit').length < 1) fromLog.push(...(await log.next()));
    const inserts = (records: readonly ChangeRecord[]) =>
      decode(records).flatMap((event) =>
        event.kind === 'insert' || event.kind === 'update' ? [texts(event.row)] : [],
      );
    const ours = await readToMark(db, stream);
    expect(inserts(ours)).toEqual(inserts(fromLog));
    const types = (records: readonly ChangeRecord[]) =>
      decode(records).find((event) => event.kind === 'relation')?.relation.columns;
    expect(types(ours)).toEqual(types(fromLog));
  }, 180_000);

  test('notes the columns that each row was written with', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key, a text, b text)');
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    await db.query(`
      begin; insert into t values (1, 'a', 'b'); alter table t drop column a; insert into t values (2, 'b'); alter table t add c int; update t set c = 1 where id = 1; commit;
      alter table t rename b to d; insert into t values (3, 'd', 3); alter table t alter d type varchar(9); insert into t values (4, 'd', 4); alter table t rename to other; insert into other values (5, 'e', 5)`);
    expect(told(await readToMark(db, stream)).filter((line) => !/^(begin|commit)/.test(line))).toEqual(
      [
        ['relation public.t id*,a,b', 'insert t 1|a|b', 'relation public.t id*,b', 'insert t 2|b'],
        ['relation public.t id*,b,c', 'update t to 1|b|1', 'relation public.t id*,d,c', 'insert t 3|d|3'],
        ['relation public.t id*,d,c', 'insert t 4|d|4', 'relation public.other id*,d,c', 'insert other 5|e|5'],
      ].flat(),
    );
  });

  test('leaves out what Teal applied, but for its own tables, and records sessions that call themselves replicas', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key)');
    await record(db);
    await using stream = await openStream(db, { after: await beginning(db) });
    await db.query(`set teal.origin = 'teal_shop_rev'; set session_replication_role = replica;
      begin; insert into t values (1); commit; begin; insert into t values (2); insert into teal.owner (epoch, owner, cut) values (1, 'green', 'c'); commit; truncate t;
      reset teal.origin; begin; insert into t values (3); commit; reset session_replication_role`);
    const lines = told(await readToMark(db, stream)).filter((line) => !line.startsWith('relation'));
    expect(lines.map((line) => line.replace(/1\|green.*/, '1|green'))).toEqual(
      [
        ['begin', 'origin teal_shop_rev', 'insert owner 1|green', 'commit'],
        ['begin', 'insert t 3', 'commit'],
      ].flat(),
    );
  });

  test('goes on after a crash of its reader with nothing lost and nothing twice, and forgets what was acknowledged', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key)');
    await record(db);
    const after = await beginning(db);
    const stream = await openStream(db, { after });
    for (let id = 1; id <= 5; id += 1) await db.query('insert into t values ($1)', [id]);
    const records = await readToMark(db, stream);
    const ends = records.flatMap((each) => (each.kind === 'commit' ? [each.end] : []));
    const [second = after] = ends.slice(1);
    expect((await refusal(openStream(db, { after }))).code).toBe('TEAL-SYSTEMS-042');
    stream.acknowledge(second);
    // Its sessions go as they would when its process is killed.
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'teal test stream%'`,
    );
    expect((await refusal(stream.next())).entry.retry).toBe('auto');
    await stream[Symbol.asyncDispose]();
    await db.query('insert into t values (6)');
    await using again = await openStream(db, { after: second, identity: stream.identity });
    const rest = await readToMark(db, again);
    expect(changesOnly(told(rest)).filter((line) => line.startsWith('insert'))).toEqual([
      'insert t 3',
      'insert t 4',
      'insert t 5',
      'insert t 6',
    ]);
    const last = rest.findLast((each) => each.kind === 'commit');
    if (last?.kind !== 'commit') throw new Error('a commit was read');
    again.acknowledge(last.end);
    await waitFor({ what: 'the record to be empty', timeoutMs: 60_000 }, async () => {
      const [row] = await db.query(
        'select (select count(*) from teal.changes) + (select count(*) from teal.ended) + (select count(*) from teal.ticks) as kept',
      );
      return row?.['kept'] === '1' || undefined;
    });
    await again[Symbol.asyncDispose]();
    expect((await refusal(openStream(db, { after: second, identity: stream.identity }))).code).toBe('TEAL-SYSTEMS-044');
    expect((await refusal(openStream(db, { after: last.end, identity: '1/00000001/x' }))).code).toBe(
      'TEAL-SYSTEMS-023',
    );
  });

  test('replayed, is what concurrent writers left', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create table t (id int primary key, v int unique deferrable initially deferred, w text);
      create table u (id int primary key, v int)`);
    await record(db);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const where = `seed ${seed}`;
    let stream = await openStream(db, { after: await beginning(db) });
    const events: StreamEvent[] = [];
    let position: Position | undefined;
    const reading = new AbortController();
    // As a spool: what has no commit yet when the stream ends comes again whole.
    let open: StreamEvent[] = [];
    const take = (records: readonly ChangeRecord[], decoder: PgoutputDecoder) => {
      for (const each of records) {
        if (each.kind === 'begin') open = [];
        if (each.kind !== 'mark') open.push(...[decoder.decode(each.payload) ?? []].flat());
        if (each.kind !== 'commit') continue;
        position = each.end;
        events.push(...open);
      }
    };
    const writers = Array.from({ length: 4 }, async (_, writer) => write(await db.connect(), random(seed + writer)));
    const reader = (async () => {
      const decoder = new PgoutputDecoder();
      while (!reading.signal.aborted) {
        take(await stream.next(), decoder);
        if (position !== undefined) stream.acknowledge(position);
      }
    })();
    await Promise.all(writers);
    reading.abort();
    await db.query('insert into u values (-1, 0)');
    await reader;
    await stream[Symbol.asyncDispose]();
    if (position === undefined) throw new Error('nothing was read');
    stream = await openStream(db, { after: position });
    take(await readToMark(db, stream), new PgoutputDecoder());
    await stream[Symbol.asyncDispose]();
    const replay = new Replay();
    replay.apply(events);
    expect(replay.rows('public.t'), where).toEqual(await contents(db, 't'));
    expect(replay.rows('public.u'), where).toEqual(await contents(db, 'u'));
    expect(events.length, where).toBeGreaterThan(50);
  }, 300_000);

  test('meets the copy exactly: the snapshot shows what ends before the position, and the stream brings the rest', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key)');
    await record(db);
    const open = await db.connect();
    await open.query('begin; insert into t values (1)');
    await db.query('insert into t values (2)');
    const exporter = await db.connect();
    await exporter.query('begin isolation level repeatable read');
    await using connection = await connect({ url: db.url, applicationName: 'teal test copy' });
    const { position: start } = await snapshotAtTick(connection, async () => {
      const exported = await exporter.query<{ name: string }>('select pg_export_snapshot() as name');
      await db.query('insert into t values (3)');
      return exported.rows[0]?.name ?? '';
    });
    const copied = await exporter.query('select * from t');
    await exporter.query('commit');
    await open.query('commit');
    await using stream = await openStream(db, { after: start });
    expect(copied.rows).toEqual([{ id: '2' }]);
    expect(changesOnly(told(await readToMark(db, stream))).sort()).toEqual(['insert t 1', 'insert t 3']);
  });

  test('says when a table is recorded no more, and goes without a trace', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key); create table u (id int primary key)');
    const tables = await record(db);
    await using probe = openTriggerProbe({ url: db.url, applicationName: 'teal test probe', side: 'blue' });
    const after = await probe.firstPosition();
    expect((await probe.look()).slot).toBe('usable');
    await probe.heartbeat();
    const { head, retainedBytes } = await probe.look();
    expect([probe.bytesBetween(after, head) > 32, (retainedBytes ?? 0) > 0]).toEqual([true, true]);
    await using stream = await openStream(db, { after });
    expect(changesOnly(told(await readToMark(db, stream))).map((line) => line.slice(0, 21))).toEqual([
      'insert heartbeat blue',
    ]);
    await using connection = await connect({ url: db.url, applicationName: 'teal test' });
    await db.query(`alter table u disable trigger teal_record; alter table u enable always trigger teal_record`);
    expect(await withoutTriggers(connection, tables)).toEqual([]);
    expect(await recordGaps(connection)).toEqual([{ schema: 'public', name: 'u' }]);
    await db.query('alter table t disable trigger all; alter table t enable trigger all');
    expect(await withoutTriggers(connection, tables)).toEqual([{ schema: 'public', name: 't' }]);
    expect((await probe.look()).slot).toBe('unrecorded');
    // It looks at the triggers from time to time only.
    expect((await refusal(readOn(db, stream))).code).toBe('TEAL-SYSTEMS-041');
    await stream[Symbol.asyncDispose]();
    await probe.release();
    await removeRecorder(connection);
    expect((await probe.look()).slot).toBe('absent');
    const [left] = await db.query(`select count(*) as left from pg_trigger where tgname like 'teal%'`);
    expect(left?.['left']).toBe('0');
    await db.query('insert into t values (1)');
    expect((await refusal(openStream(db, { after }))).code).toBe('TEAL-SYSTEMS-040');
    await installRecorder(connection, tables);
    expect((await keptRange(connection)).begins).toBe(1n);
  });
});

/** mulberry32 */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Transactions of one client over few rows, so that clients meet; what the server refuses is rolled back. */
async function write(
  client: Awaited<ReturnType<TestDatabase['connect']>>,
  pick: (below: number) => number,
): Promise<void> {
  const statements = [
    () =>
      `insert into t values (${pick(8)}, ${pick(1000)}, repeat('w', ${pick(3000)})) on conflict (id) do update set w = t.w || 'x'`,
    () => `update t set w = '${pick(100)}' where id = ${pick(8)}`,
    () => `update t set v = ${pick(1000)} where id in (${pick(8)}, ${pick(8)})`,
    () => `update t set id = id + 8 where id = ${pick(8)}`,
    () => `update t set id = id - 8 where id = ${8 + pick(8)}`,
    () => `delete from t where id = ${pick(16)}`,
    () => `insert into u values (${pick(5)}, 1) on conflict (id) do update set v = u.v + 1`,
    () => `update u set v = v + 1 where id = ${pick(5)}`,
    () => (pick(10) === 0 ? 'truncate u' : 'delete from u where id = 4'),
    () => 'savepoint s; update u set v = 77; rollback to s',
  ];
  for (let round = 0; round < 30; round += 1) {
    try {
      await client.query('begin');
      for (let count = 1 + pick(4); count > 0; count -= 1)
        await client.query((statements[pick(statements.length)] ?? (() => 'select'))());
      await client.query(pick(5) === 0 ? 'rollback' : 'commit');
    } catch {
      // A deadlock or a value that another client has: as in life.
      await client.query('rollback');
    }
  }
}
