import { describe, expect, onTestFinished, test } from 'vitest';
import { blueMajor, testDatabase, type TestDatabase } from '../../../../test/support/postgres.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { isTealError } from '../../../kernel/errors.ts';
import type { StreamEvent } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { ChangeRecord, ChangeStream } from '../../../ports/change-source.ts';
import { PgoutputDecoder } from '../change-decoder.ts';
import { connect, type PgConnection } from '../connection.ts';
import { installDdlNotes, removeDdlNotes } from '../ddl-notes.ts';
import { PostgresFence } from '../fence.ts';
import { KeptSession } from '../kept-session.ts';
import { installTealSchema } from '../teal-schema.ts';
import { openTriggerProbe } from '../trigger-source/probe.ts';
import { installRecorder, recordedTables } from '../trigger-source/recorder.ts';
import { triggerSource } from '../trigger-source/source.ts';
import { measurePolled } from './measure.ts';
import { installPolling, poll, pollBeforeFence, removePolling, type PolledTable } from './poll.ts';
import { holdAtPoll } from './snapshot.ts';
import { removePollingAndRecord } from './step.ts';

const item = `create table item (id int primary key, value text, at timestamptz not null default now()); create index on item (at);
  create function touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
  create trigger touch before update on item for each row execute function touch()`;
const items: readonly PolledTable[] = [{ schema: 'public', name: 'item', column: 'at' }];

async function polled(db: TestDatabase, schema = item, tables = items): Promise<PgConnection> {
  await db.query(schema);
  const connection = await connect({ url: db.url, applicationName: 'teal test' });
  onTestFinished(async () => connection.close());
  await installTealSchema(connection, 'blue');
  await installRecorder(connection, recordedTables([]));
  await installPolling(connection, tables);
  return connection;
}

/** A client of its own, whose transactions stay open as long as it wants. */
async function client(db: TestDatabase): Promise<PgConnection> {
  const session = await connect({ url: db.url, applicationName: 'client', extraOptions: { search_path: 'public' } });
  onTestFinished(async () => session.close());
  return session;
}

/** What came through the stream since it was asked last. */
class Reader {
  readonly #db: TestDatabase;
  readonly #stream: ChangeStream;
  readonly #decoder = new PgoutputDecoder();

  private constructor(db: TestDatabase, stream: ChangeStream) {
    this.#db = db;
    this.#stream = stream;
  }

  static async open(db: TestDatabase, after?: Position): Promise<Reader> {
    const abort = new AbortController();
    const gather = { everyMs: 10, work: poll };
    const source = triggerSource({ url: db.url, applicationName: 'teal test stream', pollMs: 10, gather });
    const stream = await source.start({ after: after ?? (await first(db)) }, abort.signal);
    onTestFinished(async () => {
      abort.abort();
      await stream[Symbol.asyncDispose]();
    });
    return new Reader(db, stream);
  }

  async events(): Promise<readonly StreamEvent[]> {
    await using probe = openTriggerProbe({
      url: this.#db.url,
      applicationName: 'teal test',
      side: 'blue',
      gather: poll,
    });
    const mark = await probe.mark();
    const records: ChangeRecord[] = [];
    while (!records.some((each) => each.kind === 'commit' && each.end > mark)) {
      records.push(...(await this.#stream.next()));
    }
    return records.flatMap((each) => (each.kind === 'mark' ? [] : (this.#decoder.decode(each.payload) ?? [])));
  }

  /** Keys and values of rows that came, in order. */
  async rows(): Promise<readonly string[]> {
    return (await this.events()).flatMap((event) =>
      event.kind === 'put' ? [event.row.toArray().slice(0, 2).map(String).join('=')] : [],
    );
  }
}

async function first(db: TestDatabase): Promise<Position> {
  await using probe = openTriggerProbe({ url: db.url, applicationName: 'teal test', side: 'blue' });
  return await probe.firstPosition();
}

/** A commit of the fence that did not wait for the disk could lose the token. */
async function pollsAndKeepsSettings(connection: PgConnection): Promise<void> {
  const settings = `select current_setting('synchronous_commit') as durable, current_setting('lock_timeout') as patience`;
  const before = await connection.query(settings);
  await pollBeforeFence(connection);
  expect((await connection.query(settings)).rows).toEqual(before.rows);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const thrown: unknown = await work.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  );
  return isTealError(thrown) ? thrown.code : String(thrown);
}

const major = blueMajor();

describe(`PostgreSQL ${major}`, () => {
  test('rows that were written come as they are now, each once', async () => {
    await using db = await testDatabase(major);
    await polled(db);
    const reader = await Reader.open(db);
    await db.query(`insert into item select n, 'a' from generate_series(1, 3) n`);
    expect(await reader.rows()).toEqual(['1=a', '2=a', '3=a']);
    await db.query(
      `update item set value = 'b' where id = 2; insert into item values (4, 'never seen'); update item set value = 'c' where id = 4`,
    );
    expect(await reader.rows()).toEqual(['2=b', '4=c']);
    expect(await reader.rows()).toEqual([]);
    await db.query(`begin; insert into item values (5, 'gone'); rollback`);
    expect(await reader.rows()).toEqual([]);
  });

  test('a transaction that took its time early and commits late is not missed, nor what was committed meanwhile told again', async () => {
    await using db = await testDatabase(major);
    await polled(db);
    const reader = await Reader.open(db);
    const [late, nested] = [await client(db), await client(db)];
    await late.query('begin');
    await late.query(`insert into item values (1, 'early time')`);
    await nested.query('begin');
    await nested.query('savepoint s');
    // The number of a row's version is that of the savepoint here: no snapshot names it as running.
    await nested.query(`insert into item values (2, 'in a savepoint')`);
    await nested.query('release s');
    for (let n = 10; n < 14; n += 1) {
      await db.query(`insert into item values (${n}, 'later time')`);
      expect(await reader.rows()).toEqual([`${n}=later time`]);
    }
    await late.query('commit');
    expect(await reader.rows()).toEqual(['1=early time']);
    await nested.query('commit');
    expect(await reader.rows()).toEqual(['2=in a savepoint']);
    // What is remembered goes when nobody older runs any more, in any database of the server.
    await waitFor({ what: 'the told to be forgotten', timeoutMs: 60_000 }, async () => {
      expect(await reader.rows()).toEqual([]);
      const { rows } = await late.query('select count(*) as told from teal.poll_told');
      return Number(rows[0]?.['told']) < 3 ? true : undefined;
    });
  });

  test('a transaction that is open as the record begins, and one that is prepared, are not missed however old their time is', async () => {
    await using db = await testDatabase(major);
    await db.query('create table item (id int primary key, value text, at timestamptz not null default now())');
    const [open, preparing] = [await client(db), await client(db)];
    await open.query('begin');
    await open.query(`insert into item values (1, 'open')`);
    await preparing.query('begin');
    await preparing.query(`insert into item values (2, 'prepared')`);
    await preparing.query(`update item set at = now() - interval '1 day' where id = 2`);
    await preparing.query(`prepare transaction 'p'`);
    await using connection = await connect({ url: db.url, applicationName: 'teal test' });
    await installTealSchema(connection, 'blue');
    await installRecorder(connection, recordedTables([]));
    await installPolling(connection, items);
    const reader = await Reader.open(db);
    await db.query(`insert into item values (3, 'new')`);
    expect(await reader.rows()).toEqual(['3=new']);
    await preparing.query(`commit prepared 'p'`);
    await open.query('commit');
    expect((await reader.rows()).toSorted()).toEqual(['1=open', '2=prepared']);
  });

  test('what says an old time itself is missed, and what says none is not', async () => {
    await using db = await testDatabase(major);
    await polled(
      db,
      `create table item (id int primary key, value text, at timestamptz); insert into item values (1, 'a', now()), (2, 'a', now())`,
    );
    const reader = await Reader.open(db);
    await db.query(`update item set value = 'missed', at = now() - interval '1 hour' where id = 1`);
    await db.query(`update item set value = 'no time', at = null where id = 2`);
    expect(await reader.rows()).toEqual(['2=no time']);
  });

  test('a deleted row is missed, and so is the old key of one whose key moves', async () => {
    await using db = await testDatabase(major);
    await polled(db);
    await db.query(`insert into item values (1, 'a'), (2, 'a')`);
    const reader = await Reader.open(db);
    expect(await reader.rows()).toEqual(['1=a', '2=a']);
    await db.query('delete from item where id = 1; update item set id = 3 where id = 2');
    expect(await reader.rows()).toEqual(['3=a']);
    await db.query('truncate item');
    expect(await reader.rows()).toEqual([]);
  });

  test('times without a zone are found whatever the zone of the session that wrote them', async () => {
    await using db = await testDatabase(major);
    await polled(db, 'create table item (id int primary key, value text, at timestamp not null default now())');
    const reader = await Reader.open(db);
    for (const [at, zone] of ['Pacific/Kiritimati', 'Etc/GMT+12', 'UTC'].entries()) {
      await db.query(`begin; set local timezone = '${zone}'; insert into item values (${at}, '${zone}'); commit`);
      expect(await reader.rows()).toEqual([`${at}=${zone}`]);
    }
  });

  test('a snapshot for a copy and the stream behind it meet exactly', async () => {
    await using db = await testDatabase(major);
    await polled(db);
    await db.query(`insert into item select n, 'before' from generate_series(1, 5) n`);
    const late = await client(db);
    await late.query('begin');
    await late.query(`insert into item values (6, 'late')`);
    await using control = await connect({ url: db.url, applicationName: 'teal test control' });
    const abort = new AbortController();
    const { holder, position } = await holdAtPoll(control, db.url, {
      applicationName: 'teal snapshot',
      signal: abort.signal,
    });
    await using _ = holder;
    await late.query('commit');
    await db.query(`update item set value = 'after' where id = 1`);
    const reader = await Reader.open(db, position);
    expect((await reader.rows()).toSorted()).toEqual(['1=after', '6=late']);
    const { rows } = await holder.query('select count(*) as seen from public.item');
    expect(rows[0]?.['seen']).toBe('5');
    // Nobody changes the table while the snapshot is held.
    const altered = await codeOf(db.query(`set lock_timeout = '100ms'; alter table item add column more int`));
    expect(altered).toMatch(/lock/);
  });

  test('a change of the schema is told before the rows that have it, and a rewrite hides none', async () => {
    await using db = await testDatabase(major);
    const connection = await polled(db);
    const fence = new KeptSession({ url: db.url, applicationName: 'teal test fence' });
    await using _ = fence;
    await new PostgresFence(fence, items).install(false);
    await installDdlNotes(connection, 'none', 'polling');
    try {
      await db.query(`insert into item values (1, 'a')`);
      const reader = await Reader.open(db);
      expect(await reader.rows()).toEqual(['1=a']);
      await db.query(`alter table item add column more int`);
      await db.query(`insert into item values (2, 'a', now(), 7)`);
      const events = await reader.events();
      const said = events.flatMap((event) =>
        event.kind === 'message'
          ? [event.prefix]
          : event.kind === 'put'
            ? [event.row.toArray().map(String).at(-1)]
            : [],
      );
      expect(said.filter((each) => each !== 'teal mark' && each !== 'teal poll')).toEqual(['teal.ddl', '7']);
      await db.query(`alter table item alter column value type varchar(80) using value || '!'`);
      expect((await reader.rows()).toSorted()).toEqual(['1=a!', '2=a!']);
    } finally {
      await removeDdlNotes(connection);
    }
  });

  test('a column that is gone stops the flow, and that it is back lets it go on', async () => {
    await using db = await testDatabase(major);
    const connection = await polled(db);
    await db.query(`insert into item values (1, 'a'); alter table item rename column at to written`);
    expect(await codeOf(poll(connection))).toBe('TEAL-SYSTEMS-046');
    await db.query('alter table item rename column written to at');
    const reader = await Reader.open(db);
    expect(await reader.rows()).toEqual(['1=a']);
  });

  test('all that was committed is told before the token, and nothing that Teal itself brings to a closed side', async () => {
    await using db = await testDatabase(major);
    await polled(db);
    await using session = new KeptSession({ url: db.url, applicationName: 'teal test fence' });
    const fence = new PostgresFence(session, items, undefined, { beforeToken: pollsAndKeepsSettings });
    await fence.install(false);
    const reader = await Reader.open(db);
    await db.query(`insert into item values (1, 'last')`);
    await fence.raise({ cut: 'c', token: 'c/blue', epoch: 1, lockTimeoutMs: 60_000 });
    const said = (await reader.events()).flatMap((event) =>
      event.kind === 'put' || event.kind === 'insert' ? [`${event.kind} ${event.relation.name}`] : [],
    );
    expect(said).toEqual(['put item', 'insert cut']);
    await using teal = await connect({ url: db.url, applicationName: 'teal apply', asReplica: true });
    await teal.query(`insert into public.item values (2, 'from green')`);
    expect(await reader.rows()).toEqual([]);
    await fence.lower();
    await db.query(`insert into item values (3, 'a client again')`);
    expect(await reader.rows()).toEqual(['3=a client again']);
  });

  test('a poll that ends early is as if it had not been, and one that was not read is read by the next reader', async () => {
    await using db = await testDatabase(major);
    const connection = await polled(db);
    await db.query(`insert into item values (1, 'a')`);
    const other = await client(db);
    await other.query('begin');
    await other.query('lock table item in access exclusive mode');
    const polling = poll(connection).catch((error: unknown) => error);
    await waitFor({ what: 'the poll to wait', timeoutMs: 30_000 }, async () => {
      const [row] = await db.query(
        `select count(*) as waiting from pg_locks where not granted and relation = 'item'::regclass`,
      );
      return row?.['waiting'] === '1' || undefined;
    });
    connection.abandon(new Error('the test ends it'));
    await polling;
    await other.query('rollback');
    const again = await connect({ url: db.url, applicationName: 'teal test' });
    await using _ = again;
    await waitFor({ what: 'the lock of the session that was left', timeoutMs: 30_000 }, async () =>
      poll(again).then(
        () => true,
        () => undefined,
      ),
    );
    const reader = await Reader.open(db);
    expect(await reader.rows()).toEqual(['1=a']);
  });

  test('a role that cannot see the transactions of others does not poll, and nothing is left of it when it is removed', async () => {
    await using db = await testDatabase(major);
    const connection = await polled(db);
    const role = `poller_${db.name}`;
    await db.query(`create role ${role}`);
    try {
      await connection.query(`set role ${role}`);
      // It has no right to anything of Teal's either; the question that comes first is the one that is answered.
      expect(await codeOf(poll(connection))).toBe('TEAL-SYSTEMS-047');
    } finally {
      await connection.query('reset role');
      await db.query(`drop role ${role}`);
    }
    await removePolling(connection);
    await removePollingAndRecord(connection);
    const left = await db.query(
      `select relname from pg_class where relnamespace = 'teal'::regnamespace and relname like 'poll%'`,
    );
    expect(left).toEqual([]);
  });

  test('what is measured of a column: whether it is there, kept, indexed, and grows with the writes', async () => {
    await using db = await testDatabase(major);
    await db.query(
      `${item}; create table bare (id int, at timestamp); create table other (id int, at int);
       insert into item select n, 'a', now() - interval '1 hour' from generate_series(1, 10) n`,
    );
    // Later writes: one in order, two with the time that they had, one of times to come.
    await db.query(`alter table item disable trigger touch; insert into item values (20, 'b', now())`);
    await db.query(`update item set value = 'c' where id in (1, 2)`);
    await db.query(`insert into item values (21, 'd', now() + interval '1 day'); analyze item`);
    await using connection = await connect({ url: db.url, applicationName: 'teal test' });
    const named = (name: string, column = 'at'): PolledTable => ({ schema: 'public', name, column });
    const found = await measurePolled(connection, [
      named('item'),
      named('bare'),
      named('other'),
      named('item', 'none'),
    ]);
    expect(found).toMatchObject([
      {
        name: 'item',
        column: 'at',
        seen: { isTime: true, notNull: true, isIndexed: true, isFilled: true, nullShare: 0 },
      },
      { name: 'bare', seen: { type: 'timestamp without time zone', isTime: true, notNull: false, isIndexed: false } },
      { name: 'other', seen: { type: 'integer', isTime: false, isFilled: false, looked: 0 } },
      { name: 'item', column: 'none' },
    ]);
    expect(found[3]?.seen).toBeUndefined();
    // What is disabled touches nothing.
    expect(found[0]?.seen).toMatchObject({ looked: 12, behind: 2, ahead: 1, isTouched: false });
    await db.query('alter table item enable trigger touch');
    expect((await measurePolled(connection, items))[0]?.seen?.isTouched).toBe(true);
  });
});
