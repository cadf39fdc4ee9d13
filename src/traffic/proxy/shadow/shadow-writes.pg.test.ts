import { Client } from 'pg';
import { expect, test } from 'vitest';
import { monotonicMs, waitFor } from '../../../kernel/clock.ts';
import type { Tally } from '../../../ports/shadow.ts';
import { greenMajor, testDatabase } from '../../../../test/support/postgres.ts';
import { doomedWrites } from '../../../systems/postgres/doomed.ts';
import { PostgresFence } from '../../../systems/postgres/fence.ts';
import { KeptSession } from '../../../systems/postgres/kept-session.ts';
import { proxied, type Proxied } from '../test-support/proxied.ts';

const soon = { timeoutMs: 60_000 };
const names = ['orders', 'lines', 'mails'];
const table = `create table orders (id serial primary key, name text, total numeric, seen int default 0);
  insert into orders (name, total) select 'order ' || n, n from generate_series(1, 20) n;
  create table lines (id int primary key, order_id int not null references orders, note text);
  create table mails (id int)`;

async function shadowed(): Promise<Proxied> {
  const at = await proxied();
  await at.blue.query(`${table}; create function slug(text) returns text immutable language sql as 'select lower($1)'`);
  await at.green.query(`${table}; create table teal.progress (stream text primary key, position text);
    insert into teal.progress values ('test_fwd', 'FFFFFFFFFFFFFFFF');
    create extension dblink;
    create function send() returns trigger language plpgsql as $$ begin perform dblink_connect('x'); return null; end $$;
    create trigger send after insert on mails for each row execute function send()`);
  await using blue = new KeptSession({ url: at.blue.url, applicationName: 'teal-test' });
  await using green = new KeptSession({ url: at.green.url, applicationName: 'teal-test' });
  await new PostgresFence(
    green,
    names.map((name) => ({ schema: 'public', name })),
  ).install(true);
  const doomed = doomedWrites({ blue, green });
  await doomed.admit();
  await doomed.leadSequences();
  return at;
}

/** The tally of writes, once it looks as it should. */
async function told(at: Proxied, what: string, look: (tally: Tally) => boolean): Promise<Tally> {
  let last: Tally | undefined;
  try {
    return await waitFor({ what, ...soon }, async () => {
      last = (await at.router.shadow.tally()).writes;
      return look(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`not told: ${what}: ${JSON.stringify(last)}`, { cause: error });
  }
}

const of = (tally: Tally, text: string): Tally['statements'][number] | undefined =>
  tally.statements.find(({ statement }) => statement.includes(text));
const contents = 'select (select sum(hashtext(o::text)) from orders o) as o, (select count(*) from lines) as l';

/** As the flow writes on green: past the fence and all triggers. */
async function flowTo(at: Proxied): Promise<Client> {
  const client = new Client({ connectionString: at.green.url });
  // Where a test fails its database goes first.
  client.on('error', () => {});
  await client.connect();
  await client.query('set session_replication_role = replica');
  return client;
}

test('writes of clients are tried on green and rolled back: equal ones, refused ones, late ones and those that act elsewhere are told apart', async () => {
  await using at = await shadowed();
  await at.router.shadow.begin({ reads: 0, writes: 1 });
  const client = await at.connect();
  const before = await at.green.query(contents);

  await client.query('insert into orders (name, total) values ($1, $2) returning id', ['secret', 7]);
  await client.query({ name: 'seen', text: 'update orders set seen = seen + 1 where id = $1', values: [3] });
  await client.query({ name: 'seen', text: 'update orders set seen = seen + 1 where id = $1', values: [4] });
  await client.query('begin');
  await client.query("insert into orders (id, name) values (1000, 'parent')");
  await client.query('insert into lines (id, order_id) values (1, 1000)');
  await client.query('commit');
  await client.query('begin; delete from orders where id = 20; rollback');
  const equal = await told(at, 'five equal writes', ({ compared }) => compared >= 5);
  expect(equal).toMatchObject({ compared: 5, equal: 5, real: 0, share: 1 });
  expect(of(equal, 'seen = seen + ?')).toMatchObject({ equal: 2 });

  await client.query('insert into mails values (1)');
  await told(
    at,
    'what reaches out to be left out',
    ({ skipped }) => skipped['may act outside of its transaction'] === 1,
  );

  // Green has the parent later than blue, and has not the row that is changed.
  const flow = await flowTo(at);
  await at.green.query("update teal.progress set position = '0000000000000000'");
  await client.query('insert into orders (id) values (2000)');
  await client.query('insert into lines (id, order_id) values (2, 2000)');
  await client.query("update orders set name = 'tardy' where id = 2000");
  await told(at, 'green to have refused one', ({ equal: fine }) => fine === 6);
  await flow.query('insert into orders (id) values (2000)');
  await at.green.query("update teal.progress set position = 'FFFFFFFFFFFFFFFF'");
  expect(await told(at, 'what was late', ({ lag }) => lag === 2)).toMatchObject({ real: 0, unsettled: 0 });

  await flow.query('delete from orders where id = 7');
  await client.query("update orders set name = slug('X') where id = 5");
  await client.query('update orders set total = 1 where id = 7');
  const found = await told(at, 'what green refuses', ({ real, unsettled }) => real === 1 && unsettled === 1);
  expect(of(found, 'slug')).toMatchObject({
    real: 1,
    example: { kind: 'error', blue: 'UPDATE 1', green: 'error 42883' },
  });
  expect(of(found, 'set total = ?')?.example).toMatchObject({ kind: 'count', blue: 'UPDATE 1', green: 'UPDATE 0' });
  expect(JSON.stringify(found)).not.toMatch(/secret|tardy|parent/);
  expect(found).toMatchObject({ unanswered: 0, shed: 0 });

  await flow.query("delete from orders where id = 2000; insert into orders values (7, 'order 7', 7, 0)");
  await flow.end();
  expect(await at.green.query(contents)).toEqual(before);
  // The view shows the locks of every database of the server: other tests hold theirs.
  const held = await at.green.query(`select from pg_locks where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())`);
  expect(held).toEqual([]);

  await at.router.shadow.end();
  await client.query('delete from lines');
  expect((await at.router.shadow.tally()).writes).toMatchObject({ share: 0, real: 1 });
});

test('the flow goes first: neither a row that everybody writes nor a write that is slow on green holds it up', async () => {
  await using at = await shadowed();
  await at.green
    .query(`create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(5); return new; end $$;
    create trigger slow before update on lines for each row execute function slow()`);
  for (const database of [at.blue, at.green]) {
    await database.query(`set session_replication_role = replica; insert into lines values (1, 1)`);
  }
  await at.router.shadow.begin({ reads: 0, writes: 1 });
  const clients = [await at.connect(), await at.connect()];
  const flow = await flowTo(at);
  const over = new AbortController();
  const update = (id: number): string => `update orders set seen = seen + 1 where id = ${id}`;
  // One of them locks rows in another order than the flow does.
  const texts = [[update(1)], ['begin', update(2), update(1), 'commit']];
  const writing = clients.map(async (client, at) => {
    while (!over.signal.aborted) for (const text of texts[at] ?? []) await client.query(text);
  });
  const waits = { hot: [] as number[], slow: [] as number[] };
  const apply = async (sql: string, into: number[]): Promise<void> => {
    const fromMs = monotonicMs();
    await flow.query(sql);
    into.push(monotonicMs() - fromMs);
  };
  for (let n = 0; n < 200; n += 1) await apply(`${update(1)}; ${update(2)}`, waits.hot);
  const other = await at.connect();
  await waitFor({ what: 'green to be at the slow write', ...soon }, async () => {
    // Once more, as what finds the queue full is not tried.
    await other.query("update lines set note = 'x' where id = 1");
    const busy = await at.green.query(
      `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
    );
    return busy.length > 0 || undefined;
  });
  await apply("update lines set note = 'y' where id = 1", waits.slow);
  over.abort();
  await Promise.all(writing);
  await flow.end();
  const tally = await told(at, 'the slow write to be given up', ({ unanswered }) => unanswered >= 1);
  expect(tally).toMatchObject({ real: 0 });
  expect(tally.equal).toBeGreaterThan(10);
  const median = waits.hot.toSorted((a, b) => a - b)[100] ?? Infinity;
  expect(median).toBeLessThan(50);
  expect(Math.max(...waits.hot)).toBeLessThan(1_000);
  expect(waits.slow[0]).toBeLessThan(2_500);
});

test('on a copy of green writes are committed, so that what is checked at the COMMIT is seen too; a side of the migration is none', async () => {
  await using at = await shadowed();
  await using copy = await testDatabase(greenMajor());
  await copy.query(`${table}; alter table lines alter constraint lines_order_id_fkey deferrable initially deferred`);
  const onGreen = at.router.shadow.begin({ reads: 0, writes: 1, scratch: at.green.name });
  await expect(onGreen).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-070' });
  await at.router.shadow.begin({ reads: 0, writes: 1, scratch: copy.name });
  const client = await at.connect();
  await client.query("insert into orders (name) values ('new')");
  await client.query("update orders set name = slug('X') where id = 5");
  await client.query('begin');
  await client.query('insert into orders (id) values (1000)');
  await client.query('insert into lines (id, order_id) values (1, 1000)');
  await client.query('commit');
  await told(at, 'the transaction to be tried', ({ equal }) => equal === 3);
  await copy.query('delete from lines; delete from orders where id = 1000');
  await client.query('insert into lines (id, order_id) values (2, 1000)');
  const found = await told(at, 'all of them', ({ compared }) => compared === 5);
  expect(found).toMatchObject({ equal: 3, real: 1, unsettled: 1, unanswered: 0 });
  expect(of(found, 'slug')?.example).toMatchObject({ green: 'error 42883' });
  expect(of(found, 'lines')?.example).toMatchObject({ green: 'error 23503 at COMMIT' });
  expect(await copy.query("select count(*)::text as n from orders where name = 'new'")).toEqual([{ n: '1' }]);
  expect(await at.green.query("select from orders where name = 'new'")).toEqual([]);
  expect(await at.router.shadow.tally()).toMatchObject({ scratch: copy.name });
});
