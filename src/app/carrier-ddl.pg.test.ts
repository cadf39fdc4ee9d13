import { describe, expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import { connect } from '../systems/postgres/connection.ts';
import { installDdlNotes, removeDdlNotes } from '../systems/postgres/ddl-notes.ts';
import type { TestDatabase } from '../../test/support/postgres.ts';
import type { CarrierStatus } from '../carriers/embedded/protocol.ts';
import { caughtUp, carrierPair, contents, type CarrierPair } from './test-support/carrier-pair.ts';

/** DDL in the middle of a flow, between real servers and real workers. */

async function installNotes(db: TestDatabase): Promise<void> {
  const [row] = await db.query(`select pubname from pg_publication where pubname like 'teal%'`);
  await using session = await connect({ url: db.url, applicationName: 'teal test' });
  expect(await installDdlNotes(session, row?.['pubname'] ?? '')).toBe('notes');
}

async function following(prepare: string, work: (pair: CarrierPair) => Promise<void>): Promise<void> {
  await using pair = await carrierPair({ prepare });
  await installNotes(pair.blue);
  await installNotes(pair.green);
  await pair.carrier.deploy('forward');
  await caughtUp(pair, 'forward');
  await work(pair);
}

async function waits(pair: CarrierPair): Promise<CarrierStatus & { now: { reason: string } }> {
  return waitFor({ what: 'the flow to stop', timeoutMs: 60_000 }, async () => {
    const status = await pair.status('forward');
    if (status.now.state === 'failed') throw new Error(status.now.reason);
    return status.now.state === 'waiting' && status.now.code === 'TEAL-SYNC-102'
      ? (status as CarrierStatus & { now: { reason: string } })
      : undefined;
  });
}

/** What the source wrote, and that the target has just as much of it as it may. */
async function ids(db: TestDatabase): Promise<readonly (string | null | undefined)[]> {
  return (await db.query('select id from account order by id')).map((row) => row['id']);
}

describe('DDL on the side that is live', () => {
  test('a column that is added: stops exactly before its transaction, tells what, and goes on after the same on the other side', async () => {
    await following('', async (pair) => {
      await pair.blue.query('insert into account values (1, 1)');
      await pair.blue.query(
        'begin; insert into account values (2, 2); alter table account add column nick text; insert into account values (3, 3, null, $$n$$); commit',
      );
      await pair.blue.query('insert into account values (4, 4, null, $$m$$)');
      const status = await waits(pair);
      expect(status.now.reason).toBe(
        'green has no column public.account.nick (text) (after ALTER TABLE (table public.account))',
      );
      expect(status.ddl).toBe('ALTER TABLE (table public.account)');
      expect(await ids(pair.green)).toEqual(['1']);
      await pair.green.query('alter table account add column nick text');
      await caughtUp(pair, 'forward');
      expect((await pair.status('forward')).now.state).toBe('running');
      expect(await contents(pair.green)).toEqual(await contents(pair.blue));
    });
  });

  test('a label of an enum that a table uses, and an attribute of a composite', async () => {
    const types = `create type mood as enum ('a', 'b'); create type pair as (x int); create type unused as enum ('u');
      alter table account add column mood mood, add column p pair;`;
    await following(types, async (pair) => {
      await pair.blue.query(`alter type unused add value 'v'`);
      await pair.blue.query(`insert into account values (1, 1, null, 'a', row(1))`);
      await caughtUp(pair, 'forward');
      await pair.blue.query(`alter type mood add value 'c' before 'b'`);
      await pair.blue.query(`insert into account values (2, 1, null, 'c', row(1))`);
      expect((await waits(pair)).now.reason).toContain(`green has no enum label public.mood 'c'`);
      await pair.green.query(`alter type mood add value 'c' before 'b'`);
      await caughtUp(pair, 'forward');
      await pair.blue.query(`alter type pair add attribute y text`);
      await pair.blue.query(`insert into account values (3, 1, null, 'c', row(1, 't'))`);
      expect((await waits(pair)).now.reason).toContain(`green has no attribute public.pair.y (text)`);
      await pair.green.query(`alter type pair add attribute y text`);
      await caughtUp(pair, 'forward');
      expect(await contents(pair.green)).toEqual(await contents(pair.blue));
    });
  });

  test('a type that is changed, a column that is renamed', async () => {
    await following('', async (pair) => {
      await pair.blue.query('insert into account values (1, 1); alter table account alter balance type numeric(20,2)');
      expect((await waits(pair)).now.reason).toContain(
        'column public.account.balance is numeric(20,2) on blue and bigint on green',
      );
      expect((await pair.status('forward')).ddl).toBe(
        'ALTER TABLE (table public.account), which computed rows anew: run the same there, then compare',
      );
      await pair.green.query('alter table account alter balance type numeric(20,2)');
      await caughtUp(pair, 'forward');
      await pair.blue.query('alter table account rename note to remark');
      expect((await waits(pair)).now.reason).toContain('green has no column public.account.remark (text)');
      await pair.green.query('alter table account rename note to remark');
      await pair.blue.query('update account set remark = $$r$$');
      await caughtUp(pair, 'forward');
      expect(await contents(pair.green)).toEqual(await contents(pair.blue));
    });
  });

  test('rows that are computed anew without another type: nothing tells the target but the note', async () => {
    await following('', async (pair) => {
      await pair.blue.query('insert into account values (1, 1)');
      await pair.blue.query('alter table account alter balance type bigint using balance * 2');
      await caughtUp(pair, 'forward');
      expect((await pair.status('forward')).ddl).toContain('which computed rows anew');
    });
  });

  test('a column that takes the place of another in one transaction: add before, drop after', async () => {
    await following('', async (pair) => {
      await pair.blue.query(`insert into account values (1, 1, 'x'), (2, 2, 'y')`);
      await pair.blue.query(
        `begin; alter table account add column remark text; update account set remark = upper(note); alter table account drop column note; insert into account values (3, 3, 'z'); commit`,
      );
      await pair.blue.query(`insert into account values (4, 4, 'w')`);
      expect((await waits(pair)).now.reason).toContain('green has no column public.account.remark (text)');
      await pair.green.query('alter table account add column remark text');
      await caughtUp(pair, 'forward');
      await differences(pair, ['column public.account.note (text) is on green alone']);
      await pair.green.query('alter table account drop column note');
      await differences(pair, []);
      expect(await contents(pair.green)).toEqual(await contents(pair.blue));
    });
  });

  test('what is dropped stops nothing and is told, until the other side drops it too', async () => {
    await following('', async (pair) => {
      await pair.blue.query(
        `insert into account values (1, 1, 'x'); alter table account drop column note; insert into account values (2, 2)`,
      );
      await caughtUp(pair, 'forward');
      expect(await ids(pair.green)).toEqual(['1', '2']);
      await differences(pair, ['column public.account.note (text) is on green alone']);
      await pair.green.query('alter table account drop column note');
      await differences(pair, []);
      expect(await contents(pair.green)).toEqual(await contents(pair.blue));
    });
  });

  test('a partition that is made or attached: waits for it, and tells that its rows do not move', async () => {
    await following('create table part (id int primary key) partition by range (id); ', async (pair) => {
      const [row] = await pair.blue.query(`select pubname from pg_publication where pubname like 'teal%'`);
      await pair.blue.query(
        `set teal.quiet = on; create table part_1 partition of part for values from (0) to (10); alter publication ${row?.['pubname']} add table only part_1; reset teal.quiet`,
      );
      await pair.green.query('create table part_1 partition of part for values from (0) to (10)');
      await pair.blue.query(
        'begin; insert into part values (1); create table part_2 (id int primary key); alter table part attach partition part_2 for values from (10) to (20); commit; insert into part values (2)',
      );
      expect((await waits(pair)).now.reason).toContain(
        'green has no table public.part_2 (table, partition of public.part)',
      );
      await differences(pair, [
        'rows of public.part_2 do not move: blue got this table after the copy was prepared',
        'green has no table public.part_2 (table, partition of public.part)',
      ]);
      await pair.green.query('create table part_2 partition of part for values from (10) to (20)');
      await caughtUp(pair, 'forward');
      expect((await pair.green.query('select id from part order by 1')).map((each) => each['id'])).toEqual(['1', '2']);
    });
  });

  test('what is rolled back, temporary, elsewhere or of no matter to rows stops nothing', async () => {
    await following('', async (pair) => {
      await pair.blue.query('begin; alter table account add column a text; rollback');
      await pair.blue.query('begin; savepoint s; alter table account add column a text; rollback to s; commit');
      await pair.blue.query('begin; alter table account add column a text; alter table account drop column a; commit');
      await pair.blue.query('create temp table t (id int); alter table t add column x int; drop table t');
      await pair.blue.query('create schema other; create table other.t (id int); alter table other.t add column x int');
      await pair.blue.query('create index concurrently on account (balance)');
      await pair.blue.query('create view v as select 1 as one');
      await pair.blue.query(
        `create function f() returns int language sql as 'select 1'; drop function f; comment on table account is 'c'`,
      );
      await pair.blue.query('create table fresh (id int); insert into account values (1, 1)');
      for (const sql of [
        'vacuum full account',
        'reindex table concurrently account',
        'cluster account using account_pkey',
        'analyze',
      ]) {
        await pair.blue.query(sql);
      }
      await pair.blue.query('insert into account values (2, 2)');
      const status = await caughtUp(pair, 'forward');
      expect(status.now.state).toBe('running');
      expect(await ids(pair.green)).toEqual(['1', '2']);
      await differences(pair, [
        'rows of other.t do not move: blue got this table after the copy was prepared',
        'rows of public.fresh do not move: blue got this table after the copy was prepared',
        'green has no table other.t',
        'green has no table public.fresh',
      ]);
    });
  });

  test("a session in replica mode is heard, Teal's own sessions are not", async () => {
    await following('', async (pair) => {
      await using own = await connect({ url: pair.blue.url, applicationName: 'teal test' });
      await own.query('alter table public.account add column own text; alter table public.account drop column own');
      await pair.blue.query(
        `set session_replication_role = replica; alter table account add column r text; reset session_replication_role`,
      );
      expect((await waits(pair)).now.reason).toContain('public.account.r');
      expect((await pair.status('forward')).ddl).toContain('ALTER TABLE');
      await pair.green.query('alter table account add column r text');
      await caughtUp(pair, 'forward');
    });
  });

  test('without event triggers the next row stops, and the comparison tells', async () => {
    await using pair = await carrierPair();
    await pair.carrier.deploy('forward');
    await caughtUp(pair, 'forward');
    await pair.blue.query('insert into account values (1, 1); alter table account add column nick text');
    await differences(pair, ['green has no column public.account.nick (text)']);
    await pair.blue.query('insert into account values (2, 2)');
    const status = await waitFor({ what: 'the flow to stop', timeoutMs: 60_000 }, async () => {
      const seen = await pair.status('forward');
      return seen.now.state === 'waiting' ? seen : undefined;
    });
    expect(status.now).toMatchObject({ code: 'TEAL-SYNC-101' });
    await pair.green.query('alter table account add column nick text');
    await caughtUp(pair, 'forward');
    expect(await contents(pair.green)).toEqual(await contents(pair.blue));
  });
});

test("a user's DDL goes on whatever happens in the note", async () => {
  await using pair = await carrierPair();
  await installNotes(pair.blue);
  // The worst that can befall it: what it calls is gone, or fails.
  await pair.blue.query(
    `create function teal.fails() returns trigger language plpgsql as 'begin raise exception $$no$$; end'`,
  );
  const definition = await pair.blue.query(`select pg_get_functiondef('teal.note_ddl()'::regprocedure) as sql`);
  const broken = (definition[0]?.['sql'] ?? '').replaceAll('if objects is null then return; end if;', 'perform 1 / 0;');
  expect(broken).toContain('1 / 0');
  await pair.blue.query(broken);
  await pair.blue.query('drop function teal.fails()');
  await pair.blue.query('alter table account add column x text; create table more (id int); drop table more');
  const [slot] = await pair.blue.query(
    `select slot_name, (select pubname from pg_publication where pubname like 'teal%') as pub from pg_replication_slots where database = current_database()`,
  );
  const messages = await pair.blue.query(
    `select convert_from(substring(data from position('teal.ddl'::bytea in data) + 13), 'UTF8') as note
     from pg_logical_slot_get_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', $2, 'messages', 'true')
     where position('teal.ddl'::bytea in data) > 0`,
    [slot?.['slot_name'], slot?.['pub']],
  );
  const notes = messages.map((row) => JSON.parse(row['note'] ?? '') as { command: string; failed: string });
  expect(notes).toContainEqual({ command: 'ALTER TABLE', failed: '22012' });
  await using session = await connect({ url: pair.blue.url, applicationName: 'teal test' });
  await removeDdlNotes(session);
  await removeDdlNotes(session);
  expect(await pair.blue.query(`select from pg_event_trigger where evtname like 'teal%'`)).toEqual([]);
});

/** As the worker tells them; it looks every half second here. */
async function differences(pair: CarrierPair, wanted: readonly string[]): Promise<void> {
  let seen: readonly string[] | undefined;
  await waitFor({ what: 'the comparison', timeoutMs: 60_000 }, async () => {
    seen = (await pair.status('forward')).schema;
    return JSON.stringify(seen) === JSON.stringify(wanted) || undefined;
  }).catch(() => expect(seen).toEqual(wanted));
}
