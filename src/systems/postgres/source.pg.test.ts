import { describe, expect, onTestFinished, test } from 'vitest';
import { ownServer, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { must, unreachable } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError, type TealError } from '../../kernel/errors.ts';
import type { RowValues, StreamEvent } from '../../model/change.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { ChangeRecord, ChangeSource, ChangeStream, StreamStart } from '../../ports/change-source.ts';
import { PgoutputDecoder } from './change-decoder.ts';
import { connect } from './connection.ts';
import { lsnTextOfPosition, positionOfLsnText } from './position.ts';
import { createSlot, dropSlot, slotStatus } from './slot.ts';
import { openSourceProbe } from './source-probe.ts';
import { postgresSource, type PostgresSourceOptions } from './source.ts';

async function refusal(work: Promise<unknown>): Promise<TealError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isTealError(thrown)) throw new Error(`expected an error of Teal, got ${String(thrown)}`);
  return thrown;
}

/** Slots are names of the whole server, which tests share: the database's own name keeps them apart. */
const slotOf = (db: TestDatabase) => `${db.name}_fwd`;

async function makeSlot(db: TestDatabase): Promise<Position> {
  await using session = await connect({ url: db.url, applicationName: 'teal test slot', replication: 'database' });
  const { consistentPoint } = await createSlot(session, slotOf(db), { lockTimeoutMs: 20_000, snapshot: 'nothing' });
  return consistentPoint;
}

async function openStream(
  db: TestDatabase,
  from: StreamStart,
  options: Partial<PostgresSourceOptions> = {},
): Promise<ChangeStream> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  return sourceOf(db, options).start(from, abort.signal);
}

function sourceOf(db: TestDatabase, options: Partial<PostgresSourceOptions> = {}): ChangeSource {
  return postgresSource({
    url: db.url,
    applicationName: 'teal test stream',
    slot: slotOf(db),
    publication: 'teal_pub',
    statusIntervalMs: 100,
    ...options,
  });
}

/** Records up to the commit that brings the count to `commits`. */
async function read(stream: ChangeStream, commits: number): Promise<ChangeRecord[]> {
  const records: ChangeRecord[] = [];
  while (records.filter((record) => record.kind === 'commit').length < commits) records.push(...(await stream.next()));
  return records;
}

function decode(records: readonly ChangeRecord[]): StreamEvent[] {
  const decoder = new PgoutputDecoder();
  return records.flatMap((record) => (record.kind === 'mark' ? [] : (decoder.decode(record.payload) ?? [])));
}

/** Events as texts: their kinds, names and values, which is what the assertions are about. */
function tell(event: StreamEvent): string {
  const row = (values: RowValues) =>
    values
      .toArray()
      .map((value) => (value === undefined ? '(unchanged)' : (value?.toString() ?? 'NULL')))
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
      return `truncate ${event.relations.map((relation) => relation.name).join(',')} ${event.cascade} ${event.restartIdentity}`;
    case 'relation':
      return `relation ${event.relation.schema}.${event.relation.name} ${event.relation.columns.map((column) => column.name + (column.key ? '*' : '')).join(',')}`;
    case 'origin':
      return `origin ${event.name}`;
    case 'message':
      return `message ${event.transactional} ${event.prefix} ${event.content.toString()}`;
    case 'begin':
    case 'commit':
      return event.kind;
    default:
      return unreachable(event, 'event');
  }
}

const ends = (records: readonly ChangeRecord[]) =>
  records.flatMap((record) => (record.kind === 'commit' ? [record.end] : []));

describe.each([14, 18] as const)('the log of PostgreSQL %i', (major) => {
  test('is read without the rows that Teal applied itself, but with those of its own tables and of all others', async () => {
    await using db = await testDatabase(major);
    const [own, foreign] = [`${db.name}_own`, `${db.name}_foreign`];
    await db.query(`
      create schema teal;
      create table teal.owner (epoch int primary key, owner text);
      create table t (id int primary key, v text);
      create publication teal_pub for table t, teal.owner`);
    await db.query(`select pg_replication_origin_create('${own}'), pg_replication_origin_create('${foreign}')`);
    const after = await makeSlot(db);
    await using stream = await openStream(db, { after }, { isOwn: (origin) => origin === own });
    await db.query(`
      select pg_replication_origin_session_setup('${own}');
      begin; insert into t values (1, 'theirs'), (2, null); update t set v = 'b' where id = 1; delete from t where id = 2; commit;
      begin; insert into t values (3, 'theirs'); insert into teal.owner values (1, 'green'); commit;
      begin; truncate t; commit;
      select pg_replication_origin_session_reset()`);
    await db.query(`begin; insert into t values (4, 'a client'); commit`);
    await db.query(`
      select pg_replication_origin_session_setup('${foreign}');
      begin; insert into t values (5, 'another tool'); commit;
      select pg_replication_origin_session_reset()`);
    const told = decode(await read(stream, 5)).map(tell);
    for (const origin of [own, foreign]) await db.query(`select pg_replication_origin_drop('${origin}')`);
    expect(told.filter((text) => !/^(relation|begin|commit)/.test(text))).toEqual([
      `origin ${own}`,
      `origin ${own}`,
      'insert owner 1|green',
      `origin ${own}`,
      'truncate t false false',
      'insert t 4|a client',
      `origin ${foreign}`,
      'insert t 5|another tool',
    ]);
  });

  test('is read without what was replayed where that may be left out, and says where an owner row was written', async () => {
    await using db = await testDatabase(major);
    const own = `${db.name}_own`;
    await db.query(`
      create schema teal;
      create table teal.owner (epoch int primary key, owner text);
      create table t (id int primary key, v text);
      create publication teal_pub for table t, teal.owner`);
    await db.query(`select pg_replication_origin_create('${own}')`);
    const after = await makeSlot(db);
    const write = async (): Promise<void> => {
      await db.query(`
        select pg_replication_origin_session_setup('${own}');
        begin;
        insert into t select n, 'from the other side' from generate_series((select count(*) from t) + 1, (select count(*) from t) + 100) n;
        commit;
        select pg_replication_origin_session_reset()`);
      await db.query(`insert into t select max(id) + 1, 'own' from t`);
    };
    const rows = (records: readonly ChangeRecord[]): number => records.filter(({ kind }) => kind === 'change').length;
    const stream = await openStream(db, { after, leaveOutReplayed: true });
    expect(stream.canLeaveOutReplayed).toBe(major >= 16);
    await write();
    const first = await read(stream, major >= 16 ? 1 : 2);
    expect(rows(first)).toBe(major >= 16 ? 1 : 102);
    await db.query(`insert into teal.owner values (1, 'green')`);
    const decision = (await read(stream, 1)).find((record) => record.kind === 'commit');
    expect(decision?.decides).toBe(true);
    // The slot is free as soon as the stream is closed.
    await stream[Symbol.asyncDispose]();
    await using whole = await openStream(db, { after: must(decision?.end, 'a commit') });
    await write();
    const second = await read(whole, 2);
    expect(rows(second)).toBe(102);
    expect(second.some((record) => record.kind === 'commit' && record.decides === true)).toBe(false);
    await db.query(`select pg_replication_origin_drop('${own}')`);
  });

  test('is read in binary form while every column has one that is the same everywhere, and as texts from then on', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create schema teal;
      create table teal.owner (epoch int primary key, owner text, token_lsn pg_lsn, at timestamptz);
      create table t (id int primary key, n numeric(10, 2), v text);
      create publication teal_pub for table t, teal.owner`);
    const after = await makeSlot(db);
    const source = sourceOf(db, { binary: true });
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const stream = await source.start({ after }, abort.signal);
    const at = '2026-03-01 12:30:45.000123+00';
    await db.query(`insert into teal.owner values (7, 'green', '16/B374D848', '${at}')`);
    await db.query(`insert into t values (258, 1.50, 'words'), (2, null, null)`);
    const first = await read(stream, 2);
    const rows = decode(first).flatMap((event) => (event.kind === 'insert' ? [event.row] : []));
    // Of Teal's own tables values are read: they are texts in any case.
    expect(rows.map(({ isBinary }) => isBinary)).toEqual([false, true, true]);
    expect(rows[0]?.toArray().map(String)).toEqual(['7', 'green', '16/B374D848', at.replace(' ', 'T')]);
    expect(rows[1]?.at(0)).toEqual(Buffer.of(0, 0, 1, 2));
    expect(rows[2]?.toArray()).toEqual([Buffer.of(0, 0, 0, 2), null, null]);
    await db.query(
      `create type mood as enum ('good'); alter table t add m mood; insert into t values (3, 2.5, 'x', 'good')`,
    );
    expect((await refusal(read(stream, 1))).code).toBe('TEAL-SYSTEMS-048');
    await stream[Symbol.asyncDispose]();
    // It stays so, whatever the catalog says: the log holds what it held.
    await db.query('alter table t drop m');
    await using texts = await source.start({ after: must(ends(first).at(-1), 'a commit') }, abort.signal);
    expect(decode(await read(texts, 1)).map(tell)).toContain('insert t 3|2.50|x|good');
  });

  test('is read whole: every kind of change, old rows, TOAST, messages and origins', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      create type mood as enum ('sad', 'ok');
      create table t (id int primary key, v text, m mood);
      alter table t alter v set storage external;
      create table f (a int, b text);
      alter table f replica identity full;
      create publication teal_pub for table t, f`);
    await db.query(`select pg_replication_origin_create('${db.name}_origin')`);
    const after = await makeSlot(db);
    await using stream = await openStream(db, { after });
    await db.query(`
      begin; insert into t values (1, repeat('x', 10000), 'ok'), (2, null, null); commit;
      begin; update t set m = 'sad' where id = 1; update t set id = 3 where id = 2; delete from t where id = 3; commit;
      begin; insert into f values (1, 'é'); update f set b = null; delete from f; commit;
      begin; select pg_logical_emit_message(true, 'teal.ddl', '{}'); insert into f values (2, ''); commit;
      select pg_logical_emit_message(false, 'other', 'lost');
      begin; truncate t, f restart identity cascade; commit`);
    await db.query(`
      select pg_replication_origin_session_setup('${db.name}_origin');
      begin; insert into f values (3, 'far'); commit;
      select pg_replication_origin_session_reset()`);
    const told = decode(await read(stream, 6)).map(tell);
    // Not before: the server looks the name up when it sends the transaction, and leaves it out when it is gone.
    await db.query(`select pg_replication_origin_drop('${db.name}_origin')`);
    const long = 'x'.repeat(10_000);
    // The server describes a table again whenever its own cache was emptied: any more descriptions are equal ones.
    expect(told.filter((text, index) => !text.startsWith('relation') || told.indexOf(text) === index)).toEqual([
      'begin',
      'relation public.t id*,v,m',
      `insert t 1|${long}|ok`,
      'insert t 2|NULL|NULL',
      'commit',
      'begin',
      'update t to 1|(unchanged)|sad',
      'update t key 2|NULL|NULL to 3|NULL|NULL',
      'delete t key 3|NULL|NULL',
      'commit',
      'begin',
      'relation public.f a*,b*',
      'insert f 1|é',
      'update f full 1|é to 1|NULL',
      'delete f full 1|NULL',
      'commit',
      'begin',
      'message true teal.ddl {}',
      'insert f 2|',
      'commit',
      'begin',
      'truncate t,f true true',
      'commit',
      'begin',
      `origin ${db.name}_origin`,
      'insert f 3|far',
      'commit',
    ]);
  });

  test('goes on after an acknowledged end, in commit order even when begun in another', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key); create publication teal_pub for table t');
    const after = await makeSlot(db);
    const [one, two] = [await db.connect(), await db.connect()];
    await one.query('begin; insert into t values (1)');
    await two.query('begin; insert into t values (2); commit');
    await one.query('commit');
    await db.query('insert into t values (3)');
    let identity: string;
    let acknowledged: Position;
    {
      await using stream = await openStream(db, { after });
      identity = stream.identity;
      const records = await read(stream, 3);
      expect(
        decode(records)
          .map(tell)
          .filter((text) => text.startsWith('insert')),
      ).toEqual(['insert t 2', 'insert t 1', 'insert t 3']);
      const [first = after, , third = after] = ends(records);
      acknowledged = first;
      stream.acknowledge(acknowledged);
      expect(() => stream.acknowledge(asPosition('FFFFFFFFFFFFFFFF'))).toThrow('TEAL-KERNEL-001');
      expect(third > first).toBe(true);
      const confirmed = async () => {
        const [row] = await db.query(
          'select confirmed_flush_lsn as lsn from pg_replication_slots where slot_name = $1',
          [slotOf(db)],
        );
        return row?.['lsn'] === lsnTextOfPosition(acknowledged) || undefined;
      };
      await waitFor({ what: 'the slot to move', timeoutMs: 60_000 }, confirmed);
    }
    await slotFree(db);
    await using again = await openStream(db, { after: acknowledged, identity });
    const rest = decode(await read(again, 2)).map(tell);
    expect(rest.filter((text) => text.startsWith('insert'))).toEqual(['insert t 1', 'insert t 3']);
  });

  test('gives a mark when the log moves and nothing of it is streamed', async () => {
    await using db = await testDatabase(major);
    await db.query(
      'create table t (id int primary key); create table other (id int); create publication teal_pub for table t',
    );
    const after = await makeSlot(db);
    await using stream = await openStream(db, { after });
    await db.query('insert into other select generate_series(1, 1000)');
    const [row] = await db.query('select pg_current_wal_flush_lsn() as lsn');
    const wanted = positionOfLsnText(row?.['lsn'] ?? '');
    let mark = after;
    while (mark < wanted) {
      for (const record of await stream.next()) if (record.kind === 'mark') mark = record.end;
    }
    stream.acknowledge(mark);
    await db.query('insert into t values (1)');
    expect(ends(await read(stream, 1)).every((end) => end > mark)).toBe(true);
  });

  test('refuses a slot that is missing, in use, or beyond what was received', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key); create publication teal_pub for table t');
    const nowhere = asPosition('0000000000000001');
    expect((await refusal(openStream(db, { after: nowhere }))).code).toBe('TEAL-SYSTEMS-020');
    const after = await makeSlot(db);
    expect((await refusal(openStream(db, { after: nowhere }))).code).toBe('TEAL-SYSTEMS-026');
    expect((await refusal(openStream(db, { after, identity: '1/1' }))).code).toBe('TEAL-SYSTEMS-023');
    {
      await using first = await openStream(db, { after });
      const [system] = first.identity.split('/');
      expect((await refusal(openStream(db, { after, identity: `${system}/77` }))).code).toBe('TEAL-SYSTEMS-024');
      const inUse = await refusal(openStream(db, { after }));
      expect([inUse.code, typeof inUse.facts['pid'], inUse.entry.retry]).toEqual([
        'TEAL-SYSTEMS-022',
        'number',
        'auto',
      ]);
    }
    await slotFree(db);
    await db.query('drop publication teal_pub');
    await db.query('insert into t values (1)');
    expect((await refusal(openStream(db, { after }))).code).toBe('TEAL-SYSTEMS-029');
  });

  test('ends with a reason when its session is ended or it is aborted', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key); create publication teal_pub for table t');
    const after = await makeSlot(db);
    const stream = await openStream(db, { after });
    const lost = refusal(read(stream, 1));
    await db.query('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1', [
      slotOf(db),
    ]);
    expect((await lost).entry.retry).toBe('auto');
    await stream[Symbol.asyncDispose]();
    await slotFree(db);

    const abort = new AbortController();
    const source = postgresSource({ url: db.url, applicationName: 'x', slot: slotOf(db), publication: 'teal_pub' });
    await using second = await source.start({ after }, abort.signal);
    const stopped = read(second, 1);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(stopped).rejects.toBe(reason);
  });

  test('keeps the connection alive while nobody reads', async () => {
    await using server = await ownServer(major, { settings: { wal_sender_timeout: '1s' } });
    await using db = await testDatabase(server);
    await db.query('create table t (id int primary key, v text); create publication teal_pub for table t');
    const after = await makeSlot(db);
    await using stream = await openStream(db, { after });
    // More than all buffers between take, so that the walsender waits for this side.
    await db.query(`insert into t select n, repeat(md5(n::text), 100) from generate_series(1, 10000) n`);
    await stream.next();
    const pid = async () => (await db.query('select active_pid from pg_replication_slots'))[0]?.['active_pid'];
    const before = await pid();
    await db.query('select pg_sleep(3)');
    expect(await pid()).toBe(before);
    expect(decode(await read(stream, 1)).length).toBeGreaterThan(1_000);
  });

  test('is refused once the server has invalidated the slot', async () => {
    await using server = await ownServer(major, {
      settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' },
    });
    await using db = await testDatabase(server);
    await db.query('create table t (id int primary key, v text); create publication teal_pub for table t');
    const after = await makeSlot(db);
    await using probe = openSourceProbe({
      url: db.url,
      applicationName: 'teal test probe',
      slot: slotOf(db),
      publication: 'teal_pub',
      side: 'blue',
    });
    const early = await probe.look();
    expect([early.slot, early.headroomBytes !== undefined]).toEqual(['usable', true]);
    await db.query(
      `insert into t select n, repeat('x', 1000) from generate_series(1, 5000) n; select pg_switch_wal(); checkpoint`,
    );
    await db.query('select pg_switch_wal(); checkpoint');
    const late = await probe.look();
    expect(late.slot).toBe('invalidated');
    expect(late.head > early.head).toBe(true);
    const error = await refusal(openStream(db, { after }));
    expect([error.code, error.entry.retry]).toEqual(['TEAL-SYSTEMS-021', 'never']);
  });
});

describe.each([14, 18] as const)('a slot of PostgreSQL %i', (major) => {
  test('exports a snapshot that shows exactly what was before', async () => {
    await using db = await testDatabase(major);
    await db.query(
      'create table t (id int primary key); create publication teal_pub for table t; insert into t values (1)',
    );
    await using session = await connect({ url: db.url, applicationName: 'teal test slot', replication: 'database' });
    const made = await createSlot(session, slotOf(db), { lockTimeoutMs: 10_000, snapshot: 'export', failover: true });
    await db.query('insert into t values (2)');
    const reader = await db.connect();
    await reader.query(`begin isolation level repeatable read; set transaction snapshot '${made.snapshotName}'`);
    expect((await reader.query('select id from t')).rows).toEqual([{ id: '1' }]);
    await reader.query('commit');
    await using stream = await openStream(db, { after: made.consistentPoint });
    expect(decode(await read(stream, 1)).map(tell)).toContain('insert t 2');
  });

  test('is not created behind an open write, names it, and leaves nothing', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key)');
    const writer = await db.connect();
    await writer.query('begin; insert into t values (1)');
    const { rows } = await writer.query<{ pid: string }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid ?? '?';
    await using session = await connect({ url: db.url, applicationName: 'teal test slot', replication: 'database' });
    await using plain = await connect({ url: db.url, applicationName: 'teal test' });
    const error = await refusal(createSlot(session, slotOf(db), { lockTimeoutMs: 200, snapshot: 'nothing' }));
    expect(error.code).toBe('TEAL-SYSTEMS-027');
    expect(String(error.facts['writers'])).toContain(`${pid} teal-test`);
    expect(await slotStatus(plain, slotOf(db))).toEqual({ state: 'absent' });

    const abort = new AbortController();
    const aborted = createSlot(session, slotOf(db), {
      lockTimeoutMs: 60_000,
      snapshot: 'nothing',
      signal: abort.signal,
    });
    const waits = async () =>
      (await db.query(`select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`, [session.processId]))
        .length === 1 || undefined;
    await waitFor({ what: 'the slot to wait', timeoutMs: 60_000 }, waits);
    abort.abort(new Error('changed my mind'));
    await expect(aborted).rejects.toThrow('changed my mind');
    expect(await slotStatus(plain, slotOf(db))).toEqual({ state: 'absent' });

    await writer.query('commit');
    await createSlot(session, slotOf(db), { lockTimeoutMs: 10_000, snapshot: 'nothing' });
    expect((await slotStatus(plain, slotOf(db))).state).toBe('usable');
    await dropSlot(plain, slotOf(db));
    await dropSlot(plain, slotOf(db));
    expect(await slotStatus(plain, slotOf(db))).toEqual({ state: 'absent' });
  });

  test('is dropped under a reader only when that is asked for', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int primary key); create publication teal_pub for table t');
    const after = await makeSlot(db);
    await using stream = await openStream(db, { after });
    await using plain = await connect({ url: db.url, applicationName: 'teal test' });
    expect((await refusal(dropSlot(plain, slotOf(db), { timeoutMs: 100 }))).code).toBe('TEAL-SYSTEMS-022');
    const ended = refusal(read(stream, 1));
    await dropSlot(plain, slotOf(db), { terminateReader: true });
    expect((await ended).entry.retry).toBe('auto');
    expect(await slotStatus(plain, slotOf(db))).toEqual({ state: 'absent' });
  });
});

/** A walsender sees a closed connection a moment later. */
async function slotFree(db: TestDatabase): Promise<void> {
  await waitFor({ what: 'the slot to be free', timeoutMs: 60_000 }, async () => {
    const rows = await db.query('select from pg_replication_slots where slot_name = $1 and active', [slotOf(db)]);
    return rows.length === 0 || undefined;
  });
}
