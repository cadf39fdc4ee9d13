import { expect, test } from 'vitest';
import { monotonicMs, waitFor } from '../../../kernel/clock.ts';
import type { ShadowTally } from '../../../ports/shadow.ts';
import { blueMajor, greenMajor, ownServer, testDatabase } from '../../../../test/support/postgres.ts';
import { proxied, type Proxied } from '../test-support/proxied.ts';

const soon = { timeoutMs: 60_000 };
const table = `create type mood as enum ('calm', 'busy');
  create table orders (id int primary key, name text, total numeric, at timestamptz default '2026-01-01', feels mood default 'calm');
  insert into orders (id, name, total) select n, 'order ' || n, n * 1.5 from generate_series(1, 20) n`;
/** As the flow keeps it on green. */
const progress = 'create table teal.progress (stream text primary key, position text)';

async function shadowed(databases?: Parameters<typeof proxied>[1]): Promise<Proxied> {
  const at = await proxied({}, databases);
  await at.blue.query(table);
  await at.green.query(`${table}; ${progress}; insert into teal.progress values ('test_fwd', '0000000000000000')`);
  await caughtUp(at);
  return at;
}

/** Green has applied all that is on blue now. */
async function caughtUp(at: Proxied): Promise<void> {
  const [row] = await at.blue.query(
    "select lpad(upper(to_hex((pg_current_wal_insert_lsn() - '0/0')::bigint + (1 << 30))), 16, '0') as at",
  );
  await at.green.query('update teal.progress set position = $1', [row?.['at']]);
}

/** The tally, once it looks as it should. */
async function told(at: Proxied, what: string, look: (tally: ShadowTally) => boolean): Promise<ShadowTally> {
  let last: ShadowTally | undefined;
  try {
    return await waitFor({ what, ...soon }, async () => {
      last = await at.router.shadow.tally();
      return look(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`not told: ${what}: ${JSON.stringify(last)}`, { cause: error });
  }
}

const of = (tally: ShadowTally, text: string): ShadowTally['statements'][number] | undefined =>
  tally.statements.find(({ statement }) => statement.includes(text));

test('reads of clients are put to green: equal ones, planted differences, volatile ones and rows that are late are told apart', async () => {
  await using at = await shadowed();
  const before = await at.connect();
  // It has settings of its own from before: they are asked for, once.
  await before.query("set time zone 'Asia/Tokyo'");
  await at.router.shadow.begin({ reads: 1, writes: 0 });
  await told(at, 'the session to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
  const client = await at.connect();

  await before.query('select at::text from orders where id = 1');
  await client.query('select * from orders order by id');
  await client.query('select name from orders where id = $1', [3]);
  await client.query({ name: 'by id', text: 'select total, feels from orders where id = $1', values: [4] });
  await client.query({ name: 'by id', text: 'select total, feels from orders where id = $1', values: [5] });
  await client.query('select 1 / (id - 1) from orders').catch(() => undefined);
  await client.query('begin read only');
  await client.query('select count(*) from orders');
  await client.query('commit');
  const equal = await told(at, 'seven equal reads', (tally) => tally.compared >= 7);
  expect(equal).toMatchObject({ compared: 7, equal: 7, real: 0 });
  expect(Object.keys(of(equal, 'order by id')?.latencies.green ?? {})).toHaveLength(1);

  await client.query('insert into orders (id, name) values (100, $1)', ['unseen by green']);
  await client.query('select random()');
  expect(await at.green.query('select id from orders where id = 100')).toEqual([]);
  const idle = await told(
    at,
    'what writes to be left out',
    ({ skipped }) => skipped['calls a volatile function'] === 1,
  );
  expect(idle.compared).toBe(7);

  // Late: blue has the row, green has not come so far yet.
  await at.green.query("update teal.progress set position = '0000000000000000'");
  await client.query('select name from orders where id > 99');
  await told(
    at,
    'green to have answered without it',
    (tally) => Object.keys(of(tally, 'id > ?')?.latencies.green ?? {}).length === 1,
  );
  expect(await at.router.shadow.tally()).toMatchObject({ compared: 7, real: 0 });
  await at.green.query("insert into orders (id, name) values (100, 'unseen by green')");
  await caughtUp(at);
  expect(await told(at, 'the late row', ({ lag }) => lag === 1)).toMatchObject({ real: 0, lag: 1 });

  await client.query('select now()');
  expect(await told(at, 'the volatile read', (tally) => tally.volatile === 1)).toMatchObject({ real: 0 });

  await at.green.query("update orders set name = 'wrong' where id = 7");
  await at.blue.query('create table only_on_blue ()');
  await client.query("select id, name from orders where name <> 'secret' and id = 7");
  await client.query('select * from only_on_blue');
  const found = await told(at, 'two real differences', ({ real }) => real === 2);
  expect(of(found, 'from orders where name <> ? and id = ?')).toMatchObject({
    real: 1,
    example: { kind: 'rows', blue: '1 row', green: '1 of them differ, in name' },
  });
  expect(of(found, 'only_on_blue')?.example).toMatchObject({ kind: 'error', blue: '0 rows', green: 'error 42P01' });
  expect(JSON.stringify(found)).not.toMatch(/secret|wrong/);

  await at.router.shadow.end();
  await client.query('select 1');
  expect(await at.router.shadow.tally()).toMatchObject({ share: 0, real: 2 });
  await at.cut('green', 1);
  await at.router.shadow.begin({ reads: 1, writes: 0 });
  // Green is live: there is nothing to compare it with.
  await client.query('select name from orders where id = 3');
  expect(await at.router.shadow.tally()).toMatchObject({ compared: 0, skipped: {} });
});

test('clients of a green that stands still get every answer as fast as before, and what cannot wait is shed', async () => {
  await using green = await ownServer(greenMajor());
  await using blue = await testDatabase(blueMajor());
  await using database = await testDatabase({ major: greenMajor(), url: green.url });
  await using at = await shadowed({ blue, green: database });
  const client = await at.connect();
  const other = await at.connect();
  await at.green.query('create table teal.doomed (at timestamptz default now())');
  const ask = async (each: typeof client): Promise<number> => {
    const fromMs = monotonicMs();
    await each.query("update orders set name = 'x' where id = $1", [each === client ? 1 : 2]);
    const { rows } = await each.query('select count(*)::int as n from orders');
    expect(rows[0]?.n).toBe(20);
    return monotonicMs() - fromMs;
  };
  const askOften = async (): Promise<number> => {
    const took: number[] = [];
    for (let round = 0; round < 200; round += 1) took.push(...(await Promise.all([client, other].map(ask))));
    return took.toSorted((a, b) => a - b)[360] ?? Infinity;
  };
  await askOften();
  const aloneMs = await askOften();
  await at.router.shadow.begin({ reads: 1, writes: 1 });
  await told(at, 'both to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
  await client.query('select 1');
  await told(at, 'one read', ({ compared }) => compared === 1);
  const pids = await database.query('select pid::text from pg_stat_activity where backend_type = $1', [
    'client backend',
  ]);
  const frozen = [green.pid ?? 0, ...pids.map((row) => Number(row['pid']))];
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  try {
    // Nine of ten, on a machine where other tests run.
    expect(await askOften()).toBeLessThan(3 * aloneMs + 10);
    const tally = await told(at, 'reads and writes to be shed', ({ shed, writes }) => shed > 0 && writes.shed > 0);
    expect([tally.compared, tally.writes.compared]).toEqual([1, 0]);
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  const after = await told(
    at,
    'green to be asked again',
    ({ compared, writes }) => compared > 1 && writes.compared > 0,
  );
  expect([after.real, after.writes.real]).toEqual([0, 0]);
});
