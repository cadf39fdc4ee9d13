import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, ownServer, testDatabase } from '../../../../test/support/postgres.ts';
import { waitFor } from '../../../kernel/clock.ts';
import type { CanaryTally } from '../../../ports/canary.ts';
import { encodeBind, encodeExecute, encodeParse, encodeSync } from '../../../wire/postgres/frontend.ts';
import { lotOf } from './lot.ts';
import { cancel } from '../test-support/cancel.ts';
import { outcome } from '../test-support/outcome.ts';
import { proxied, proxiedBy, type Proxied } from '../test-support/proxied.ts';
import { RawClient } from '../test-support/raw-client.ts';
import { startAsUsersDo } from '../test-support/start-as-users-do.ts';

const soon = { timeoutMs: 60_000 };
const leaseMs = 120_000;
/** The same schema; one row tells which side it is read from, and types have other numbers on the other side. */
const schema = (side: string): string => `${side === 'green' ? 'create type unlike as enum (); ' : ''}
  create type mood as enum ('calm', 'busy');
  create table side (name text, feels mood default 'calm', at timestamptz default '2026-01-01');
  insert into side values ('${side}');
  create sequence numbers;
  create view numbered as select nextval('numbers') as n`;
const progress = 'create table teal.progress (stream text primary key, position text)';

async function moved<Of extends Awaited<ReturnType<typeof proxiedBy>>>(at: Of): Promise<Of> {
  await at.blue.query(schema('blue'));
  await at.green.query(
    `${schema('green')}; ${progress}; insert into teal.progress values ('test_fwd', '0000000000000000')`,
  );
  await caughtUp(at);
  return at;
}

/** Green has applied all that is on blue now, and far beyond. */
async function caughtUp(at: Pick<Proxied, 'blue' | 'green'>): Promise<void> {
  const [row] = await at.blue.query(
    "select lpad(upper(to_hex((pg_current_wal_insert_lsn() - '0/0')::bigint + (1 << 30))), 16, '0') as at",
  );
  await at.green.query('update teal.progress set position = $1', [row?.['at']]);
}

const behind = async (at: Pick<Proxied, 'green'>): Promise<unknown> =>
  at.green.query("update teal.progress set position = '0000000000000000'");

async function sideOf(client: Client, text = 'select name from side'): Promise<string> {
  return (await client.query<{ name: string }>(text)).rows[0]?.name ?? '';
}

async function readsGreen(client: Client): Promise<void> {
  await waitFor({ what: 'reads to go to green', ...soon }, async () => (await sideOf(client)) === 'green' || undefined);
}

async function told(
  at: Pick<Proxied, 'router'>,
  what: string,
  look: (tally: CanaryTally) => boolean,
): Promise<CanaryTally> {
  let last: CanaryTally | undefined;
  try {
    return await waitFor({ what, ...soon }, async () => {
      last = await at.router.canary.tally();
      return look(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`not told: ${what}: ${JSON.stringify(last)}`, { cause: error });
  }
}

test('reads go to green with the whole state of their session; writes, transactions and what only seems to read go to blue', async () => {
  await using at = await moved(await proxied());
  const client = await at.connect();
  await client.query("set time zone 'Asia/Tokyo'");
  const types = async (): Promise<unknown> =>
    (await client.query('select feels, name from side')).fields[0]?.dataTypeID;
  const mood = await types();
  await at.router.canary.set(1, leaseMs);
  await readsGreen(client);

  expect(await types()).toBe(mood);
  expect(await sideOf(client, 'select name, at::text as t from side')).toBe('green');
  expect((await client.query("select at::text from side where name = 'green'")).rows).toEqual([
    { at: '2026-01-01 09:00:00+09' },
  ]);
  for (let round = 0; round < 3; round += 1) {
    const named = { name: 'by name', text: 'select name from side where name <> $1', values: ['x'] };
    expect((await client.query(named)).rows).toEqual([{ name: round === 0 ? 'blue' : 'green' }]);
    await readsGreen(client);
    expect((await client.query('select name from side where name <> $1', ['x'])).rows).toEqual([{ name: 'green' }]);
  }
  await client.query('begin');
  expect(await sideOf(client)).toBe('blue');
  expect((await client.query({ name: 'by name', text: '', values: ['x'] })).rows).toEqual([{ name: 'blue' }]);
  await client.query('commit');

  await readsGreen(client);
  expect((await client.query('select n from numbered')).rows).toEqual([{ n: '1' }]);
  await readsGreen(client);
  expect((await client.query('select n from numbered')).rows).toEqual([{ n: '2' }]);
  expect(await at.green.query('select is_called::text as c from numbers')).toEqual([{ c: 'false' }]);

  // Another state of the session: blue's until green has it too.
  await client.query("set time zone 'UTC'");
  await readsGreen(client);
  expect((await client.query("select at::text from side where name = 'green'")).rows).toEqual([
    { at: '2026-01-01 00:00:00+00' },
  ]);
  await client.query('create temp table side as select 1 as name');
  expect(await sideOf(client)).toBe(1);
  await client.query('drop table pg_temp.side');
  await readsGreen(client);

  const found = await at.router.canary.tally();
  expect(found).toMatchObject({ share: 1, errors: 0, unanswered: 0, leftOut: 1 });
  await at.router.canary.end();
  expect(await sideOf(client)).toBe('blue');
  expect(await at.router.canary.tally()).toMatchObject({ share: 0, reads: found.reads });
  const left = `select 1 from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and application_name = '' and pid <> pg_backend_pid()`;
  await waitFor(
    { what: 'its connection to green to end', ...soon },
    async () => (await at.green.query(left)).length === 0 || undefined,
  );
});

test('where a setting decides, all sessions of a tenant are in a share or none is', async () => {
  await using at = await moved(await proxied());
  const by = 'app.tenant';
  const lot = (tenant: string): number =>
    lotOf({ key: { pid: 0, secret: Buffer.alloc(4) }, parameters: new Map([[by, tenant]]) }, by);
  const tenants = Array.from({ length: 20 }, (_, tenant) => String(tenant));
  const [inside, outside] = [tenants.find((each) => lot(each) < 0.5), tenants.find((each) => lot(each) >= 0.5)];
  const of = async (tenant = ''): Promise<Client> => at.connect({ options: `-c ${by}=${tenant}` });
  const theirs = [await of(inside), await of(inside)];
  const others = [await of(outside), await of(outside)];
  await at.router.canary.set(0.5, leaseMs, by);
  for (const client of theirs) await readsGreen(client);
  expect(await at.router.canary.tally()).toMatchObject({ share: 0.5, sessions: 2, waiting: 0 });
  for (const client of others) expect(await sideOf(client)).toBe('blue');
});

test('a session reads on green only what it has written itself before, and one that only reads need not wait', async () => {
  await using at = await moved(await proxied());
  const [client, other] = [await at.connect(), await at.connect()];
  await at.router.canary.set(1, leaseMs);
  await readsGreen(client);
  await readsGreen(other);
  await at.router.canary.set(0.000_001, leaseMs);
  await behind(at);
  await client.query("insert into side values ('written')");
  for (const text of ['begin read only', 'select name from side', 'commit', 'select name from side'])
    await other.query(text);
  await at.router.canary.set(1, leaseMs);
  for (let read = 0; read < 20; read += 1) {
    expect((await client.query('select name from side order by name')).rows).toEqual([
      { name: 'blue' },
      { name: 'written' },
    ]);
  }
  expect((await at.router.canary.tally()).behind).toBeGreaterThanOrEqual(20);
  expect(await sideOf(other)).toBe('green');
  await at.green.query("insert into side values ('written')");
  await caughtUp(at);
  await waitFor({ what: 'reads to go to green', ...soon }, async () => {
    const { rows } = await client.query('select name from side order by name');
    expect(rows).toHaveLength(2);
    return rows[0]?.name === 'green' || undefined;
  });
});

test('what green refuses blue answers, and it counts only where blue does not refuse it too; a client can end a read on green', async () => {
  await using at = await moved(await proxied());
  const client = await at.connect();
  await at.blue.query("create table only_on_blue as select 'blue' as name");
  await at.router.canary.set(1, leaseMs);
  await readsGreen(client);
  expect(await sideOf(client, 'select name from only_on_blue')).toBe('blue');
  await readsGreen(client);
  expect(await outcome(client.query('select 1 / (length(name) - 5) from side'))).toBe('done');
  await readsGreen(client);
  expect(await outcome(client.query('select name::int from side'))).toBe('22P02');
  await readsGreen(client);
  expect(await at.router.canary.tally()).toMatchObject({
    errors: 2,
    statements: expect.arrayContaining([
      expect.objectContaining({ statement: 'select name from only_on_blue', errors: 1, lastError: '42P01' }),
    ]),
  });
  const slow = outcome(client.query('select count(*) from generate_series(1, 100000000000)'));
  const running = `select 1 from pg_stat_activity where query like 'select count(*) from gen%' and state = 'active' and datname = current_database()`;
  await waitFor({ what: 'the read to run on green', ...soon }, async () => (await at.green.query(running))[0]);
  await cancel(at, client);
  expect(await slow).toBe('57014');
  expect(await sideOf(client)).toBe('green');
  // Longer than what is kept back: it is passed on as it comes.
  const { rows } = await client.query("select repeat('x', 1000) as x, name from side, generate_series(1, 500)");
  expect([rows.length, rows[499].name]).toEqual([500, 'green']);
});

test("a transaction that only reads is green's as a whole, until there is something in it that green cannot do", async () => {
  await using at = await moved(await proxied());
  const client = await at.connect();
  await at.blue.query("create table only_on_blue as select 'blue' as name");
  await at.router.canary.set(1, leaseMs);
  const named = { name: 'all', text: 'select name from side', values: [] };
  await client.query(named);
  await readsGreen(client);

  await client.query('begin read only');
  expect(await sideOf(client)).toBe('green');
  expect((await client.query(named)).rows).toEqual([{ name: 'green' }]);
  expect(await at.router.read()).toMatchObject({ inFlight: 1 });
  await client.query('commit');
  expect(await at.router.read()).toMatchObject({ inFlight: 0 });

  for (const [text, answer] of [
    ['select name from only_on_blue', 'done'],
    ["select nextval('numbers')", '25006'],
    ['savepoint s', 'done'],
  ] as const) {
    await readsGreen(client);
    await client.query('begin read only');
    expect(await sideOf(client)).toBe('green');
    expect(await outcome(client.query(text))).toBe(answer);
    if (answer === 'done') expect(await sideOf(client)).toBe('blue');
    await client.query('rollback');
  }
  expect((await at.router.canary.tally()).errors).toBe(1);

  // One that sees a moment for as long as it lasts cannot go on elsewhere.
  await readsGreen(client);
  await client.query('begin isolation level repeatable read read only');
  expect(await sideOf(client)).toBe('blue');
  await client.query('commit');
  await client.query("set default_transaction_isolation = 'repeatable read'");
  await readsGreen(client);
  await client.query('begin read only');
  expect(await sideOf(client)).toBe('blue');
  await client.query("commit; set default_transaction_isolation = 'read committed'");

  // A cut waits for it, and it goes on to its end.
  await readsGreen(client);
  await client.query('begin read only');
  expect(await sideOf(client)).toBe('green');
  const cut = at.cut('green', 1);
  await waitFor({ what: 'the hold', ...soon }, async () => (await at.router.read()).mode === 'holding' || undefined);
  expect(await sideOf(client)).toBe('green');
  await client.query('select nextval($1)', ['numbers']).catch(() => undefined);
  await client.query('rollback');
  await cut;
  expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'green' });
  await client.query("insert into side values ('zz')");
});

test('an unnamed statement that green has prepared is there when blue is asked for it', async () => {
  await using at = await moved(await proxied());
  await using client = await RawClient.open(at.proxy.port, at.blue.name);
  await at.router.canary.set(1, leaseMs);
  const whole = [encodeParse('', 'select name from side'), encodeBind('', []), encodeExecute(), encodeSync()];
  await waitFor({ what: 'reads to go to green', ...soon }, async () => {
    client.forget();
    client.send(...whole);
    await client.until((types) => types.endsWith('Z'));
    return client.bodies('D')[0]?.endsWith('green') === true || undefined;
  });
  expect(client.types).toBe('12DCZ');
  client.forget();
  client.send(encodeBind('', []), encodeExecute(), encodeSync());
  await client.until((types) => types.endsWith('Z'));
  expect([client.types, client.bodies('D')[0]?.endsWith('green')]).toEqual(['2DCZ', true]);
  await client.query('begin');
  client.forget();
  client.send(...whole.slice(1));
  // A simple query has destroyed it.
  await client.until((types) => types.endsWith('Z'));
  expect(client.types).toBe('EZ');
  await client.query('rollback');
  client.forget();
  client.send(whole[0] ?? Buffer.alloc(0), encodeSync());
  client.send(...whole.slice(1));
  await client.until((types) => types.endsWith('CZ'));
  expect(client.types).toBe('1Z2DCZ');
});

test('clients of a green that stands still, or ends their connections, have every answer', async () => {
  await using green = await ownServer(greenMajor());
  await using blue = await testDatabase(blueMajor());
  await using database = await testDatabase({ major: greenMajor(), url: green.url });
  await using at = await moved(await proxied({}, { blue, green: database }));
  const clients = [await at.connect(), await at.connect()];
  await at.router.canary.set(1, leaseMs);
  for (const client of clients) await readsGreen(client);
  for (let read = 0; read < 20; read += 1) await sideOf(clients[0] as Client);
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
  );
  for (const client of clients) expect(await sideOf(client)).toMatch(/blue|green/);
  for (const client of clients) await readsGreen(client);

  const pids = await database.query('select pid::text from pg_stat_activity where backend_type = $1', [
    'client backend',
  ]);
  const frozen = [green.pid ?? 0, ...pids.map((row) => Number(row['pid']))];
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  try {
    // One each is left to blue when its time is over; then blue is asked at once.
    for (let round = 0; round < 20; round += 1)
      expect(await Promise.all(clients.map(async (client) => sideOf(client)))).toEqual(['blue', 'blue']);
    expect((await at.router.canary.tally()).unanswered).toBeGreaterThanOrEqual(2);
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
});

test('it ends with its lease, and with a cut; of two processes each moves reads of its own clients', async () => {
  await using at = await moved(await proxiedBy(startAsUsersDo, { processes: 2 }));
  const clients = [await at.connect(), await at.connect()];
  await at.router.canary.set(1, leaseMs);
  for (const client of clients) await readsGreen(client);
  expect(await at.router.canary.tally()).toMatchObject({ share: 1, sessions: 2, waiting: 0 });
  await at.router.canary.set(1, 500);
  await told(at, 'the lease to be over', ({ share }) => share === 0);
  // The least share is told: the other process may be a moment behind.
  for (const client of clients) {
    await waitFor({ what: 'reads to go to blue', ...soon }, async () => (await sideOf(client)) === 'blue' || undefined);
  }

  await at.router.canary.set(0.000_001, leaseMs);
  for (const client of clients) expect(await sideOf(client)).toBe('blue');
  expect(await at.router.canary.tally()).toMatchObject({ share: 0.000_001, sessions: 0, reads: 0 });
  await at.router.canary.set(1, leaseMs);
  for (const client of clients) await readsGreen(client);
  await at.cut('green', 1);
  await told(at, 'the cut to have ended it', ({ share }) => share === 0);
  for (const client of clients) {
    await client.query("insert into side values ('zz')");
    expect(await sideOf(client, 'select max(name) as name from side')).toBe('zz');
  }
});
