import type { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { encodeBind, encodeExecute, encodeParse, encodeQuery, encodeSync } from '../../wire/postgres/frontend.ts';
import { proxied, type Proxied } from './test-support/proxied.ts';
import { copyData, copyDone, RawClient } from './test-support/raw-client.ts';

type Queries = Pick<Client, 'query'>;

async function major(client: Queries): Promise<number> {
  const { rows } = await client.query<{ v: number }>(`select current_setting('server_version_num')::int / 10000 as v`);
  return rows[0]?.v ?? 0;
}

async function one(client: Queries, sql: string): Promise<unknown> {
  const { rows } = await client.query<{ v: unknown }>(`select ${sql} as v`);
  return rows[0]?.v;
}

const theHold = { what: 'the hold', timeoutMs: 60_000 };
const hold = { cut: 'c', leaseMs: 20_000, drainMs: 3_000 };

async function switchTo(at: Proxied, side: 'blue' | 'green', epoch: number): Promise<void> {
  await at.decide(side, epoch);
  await at.router.point(side, epoch);
  await at.router.release();
}

describe('a session across a cut', () => {
  test('goes on on the other side, and back', async () => {
    await using at = await proxied();
    const client = await at.connect();
    expect(await major(client)).toBe(at.blue.major);
    await at.cut('green', 1);
    expect(await major(client)).toBe(at.green.major);
    await at.cut('blue', 2);
    expect(await major(client)).toBe(at.blue.major);
  });

  test('has its statements planned on the other side beforehand, and not run; nothing is left of that', async () => {
    await using at = await proxied();
    for (const side of [at.blue, at.green]) await side.query('create sequence numbers; create table t (id int, n int)');
    const client = await at.connect();
    const next = { name: 'next', text: `select nextval('numbers')::int as v` };
    await client.query(next);
    await client.query({ name: 'add', text: 'insert into t values ($1, $2)', values: [1, 2] });
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    raw.send(encodeParse('own', 'select count(*) from t where id = $1'), encodeSync());
    await raw.until((types) => types.endsWith('Z'));
    await at.cut('green', 1);
    raw.forget();
    raw.send(encodeBind('', []), encodeSync());
    await raw.until((types) => types.endsWith('Z'));
    expect(raw.bodies('E')).toEqual(['26000']);
    expect(await one(client, '(select count(*)::int from t)')).toBe(0);
    const { rows } = await client.query<{ v: number }>(next);
    expect(rows).toEqual([{ v: 1 }]);
    expect(await one(client, `current_setting('lock_timeout')`)).toBe('0');
  });

  test('waits while held and is then answered, by the side that is pointed at', async () => {
    await using at = await proxied();
    const client = await at.connect();
    expect(await at.router.hold(hold)).toMatchObject({ drained: true, clients: 1 });
    let answered = false;
    const late = major(client).finally(() => {
      answered = true;
    });
    expect(await at.router.read()).toMatchObject({ mode: 'holding', pointsTo: 'blue', epoch: 0, inFlight: 0 });
    await at.decide('green', 1);
    await at.router.point('green', 1);
    expect(answered).toBe(false);
    await at.router.release();
    expect(await late).toBe(at.green.major);
    expect((await at.router.stats()).waits[0]?.waitMs).toBeGreaterThan(0);
  });

  test('that begins during a hold is let in, and its first statement waits for the owner', async () => {
    await using at = await proxied();
    const busy = await at.connect();
    await busy.query('begin');
    const holding = at.router.hold(hold);
    await waitFor(theHold, async () => (await at.router.read()).mode === 'holding' || undefined);
    const client = await at.connect();
    const late = major(client);
    await busy.query('commit');
    expect(await holding).toMatchObject({ drained: true, clients: 2 });
    const last = await at.connect();
    await switchTo(at, 'green', 1);
    expect([await late, await major(last)]).toEqual([at.green.major, at.green.major]);
  });

  test('an attempt that is given up leaves everybody where they were', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await client.query(`set work_mem = '7MB'`);
    await at.router.hold(hold);
    const late = one(client, `current_setting('work_mem')`);
    await at.router.release();
    expect(await late).toBe('7MB');
    expect(await major(client)).toBe(at.blue.major);
    const left = await at.green.query(
      `select from pg_stat_activity where datname = current_database() and application_name not like 'teal%'`,
    );
    expect(left).toHaveLength(0);
  });

  test('keeps its settings, role, authorization and settings of its own', async () => {
    await using at = await proxied();
    const client = await at.connect({ application_name: 'the shop' });
    await client.query(`set work_mem = '7MB'; set timezone to 'Asia/Tokyo'; set search_path to "$user", pg_catalog`);
    await client.query(`set app.tenant = 'it''s "42"'`);
    await client.query(`select set_config($1, $2, false)`, ['app.other', 'from a parameter']);
    await client.query('set role pg_monitor');
    await at.cut('green', 1);
    const states = [`current_setting('work_mem')`, `current_setting('timezone')`, `current_setting('search_path')`];
    const kept: unknown[] = [];
    for (const state of [...states, `current_setting('app.tenant')`, `current_setting('app.other')`, 'current_user']) {
      kept.push(await one(client, state));
    }
    expect(kept).toEqual(['7MB', 'Asia/Tokyo', '"$user", pg_catalog', `it's "42"`, 'from a parameter', 'pg_monitor']);
    expect(await one(client, `current_setting('application_name')`)).toBe('the shop');
    expect(await one(client, `current_setting('server_version_num')::int / 10000`)).toBe(at.green.major);
  });

  test('keeps settings in bytes of its own encoding', async () => {
    await using at = await proxied();
    await using client = await RawClient.open(at.proxy.port, at.blue.name);
    await client.query(`set client_encoding to 'LATIN1'`);
    client.send(encodeQuery('x').subarray(0, 0));
    const sql = Buffer.from(`Q....set app.name = 'Zo\u00eb'\0`, 'latin1');
    sql.writeInt32BE(sql.length - 1, 1);
    client.forget();
    client.send(sql);
    await client.until((types) => types.endsWith('Z'));
    await at.cut('green', 1);
    await client.query(`select current_setting('app.name')`);
    expect(client.bodies('D')[0]).toContain('Zo\u00eb');
  });

  test('keeps prepared statements: named, unnamed, and of SQL', async () => {
    await using at = await proxied();
    const client = await at.connect();
    for (const side of [at.blue, at.green]) {
      await side.query(
        `create table side (name text); insert into side values ('${side === at.blue ? 'blue' : 'green'}')`,
      );
    }
    const named = { name: 'which', text: 'select name as v from side where $1::int = 1', values: [1] };
    await client.query('prepare by_sql as select name as v from side');
    expect((await client.query(named)).rows).toEqual([{ v: 'blue' }]);
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    raw.send(encodeParse('', 'select name from side'), encodeSync());
    await raw.until((types) => types.endsWith('Z'));
    await at.cut('green', 1);
    expect((await client.query(named)).rows).toEqual([{ v: 'green' }]);
    expect((await client.query('execute by_sql')).rows).toEqual([{ v: 'green' }]);
    raw.forget();
    raw.send(encodeBind('', []), encodeExecute(), encodeSync());
    await raw.until((types) => types.endsWith('Z'));
    expect(raw.types).toBe('2DCZ');
    await at.cut('blue', 2);
    expect((await client.query(named)).rows).toEqual([{ v: 'blue' }]);
    expect((await client.query('execute by_sql')).rows).toEqual([{ v: 'blue' }]);
  });

  test('keeps statements with parameters of types that have other numbers there', async () => {
    await using at = await proxied();
    await at.green.query('create type filler as enum (); create type filler2 as enum ()');
    for (const side of [at.blue, at.green]) await side.query(`create type mood as enum ('sad', 'happy')`);
    const oid = Number((await at.blue.query(`select 'mood'::regtype::oid::int as v`))[0]?.['v']);
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    const parse = encodeParse('m', 'select $1::text');
    const typed = Buffer.concat([parse.subarray(0, -2), Buffer.from([0, 1]), Buffer.alloc(4)]);
    typed.writeUInt32BE(oid, typed.length - 4);
    typed.writeInt32BE(typed.length - 1, 1);
    raw.send(typed, encodeSync());
    await raw.until((types) => types.endsWith('Z'));
    expect(raw.types).toBe('1Z');
    await at.cut('green', 1);
    raw.forget();
    raw.send(encodeBind('m', [Buffer.from('happy')]), encodeExecute(), encodeSync());
    await raw.until((types) => types.endsWith('Z'));
    expect([raw.types, raw.bodies('D')[0]?.endsWith('happy')]).toEqual(['2DCZ', true]);
  });

  test('keeps listening', async () => {
    await using at = await proxied();
    const client = await at.connect();
    const heard: string[] = [];
    client.on('notification', ({ channel, payload }) => heard.push(`${channel}: ${payload}`));
    await client.query('listen "a ""channel"""');
    await at.blue.query(`select pg_notify('a "channel"', 'from blue')`);
    await at.cut('green', 1);
    await at.green.query(`select pg_notify('a "channel"', 'from green')`);
    await waitFor({ what: 'both notifications', timeoutMs: 60_000 }, () => heard.length === 2 || undefined);
    expect(heard).toEqual(['a "channel": from blue', 'a "channel": from green']);
  });

  test('sees one server: what it saw at first stays, what it can set is set', async () => {
    await using at = await proxied();
    await at.green.query(`alter database ${at.green.name} set timezone to 'Asia/Tokyo'`);
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    await at.cut('green', 1);
    await raw.query('show timezone');
    expect(raw.bodies('D')[0]).toContain('UTC');
    expect(raw.bodies('S').filter((pair) => pair.startsWith('server_version'))).toEqual([]);
  });
});

/** The client is in a transaction when the gate closes, and comes out of it with what cannot cross. */
async function isToldWhileClosing(at: Proxied, client: Client): Promise<void> {
  await client.query('begin');
  const holding = at.router.hold(hold);
  await waitFor(theHold, async () => (await at.router.read()).mode === 'holding' || undefined);
  await client.query('create temp table t (a int)');
  await client.query('commit');
  expect(await holding).toMatchObject({ drained: false, inFlight: 0, pinned: [{ reason: 'temporary table' }] });
  await at.router.release();
  expect(await one(client, '(select count(*) from t)')).toBe('0');
}

describe('what cannot cross', () => {
  test.each([
    ['temporary table', 'create temp table t (a int)', 'drop table t'],
    ['cursor WITH HOLD', 'begin; declare c cursor with hold for select 1; commit', 'close c'],
    ['session advisory lock', 'select pg_advisory_lock(42)', 'select pg_advisory_unlock(42)'],
  ])('is told, with nobody held and nothing failed: %s', async (reason, make, unmake) => {
    await using at = await proxied();
    const client = await at.connect();
    const other = await at.connect();
    await client.query(make);
    const held = await at.router.hold(hold);
    expect(held).toMatchObject({ drained: false, inFlight: 0, pinned: [{ reason }] });
    expect((await at.router.read()).mode).toBe('running');
    await at.router.release();
    expect(await major(other)).toBe(at.blue.major);
    await client.query(unmake);
    await at.cut('green', 1);
    expect(await major(client)).toBe(at.green.major);
  });

  test('is told when it comes up while the gate is closing, of a session whose next backend an attempt before had made ready', async () => {
    await using at = await proxied();
    const [client, other] = [await at.connect(), await at.connect()];
    await client.query('select 1');
    await other.query('select pg_advisory_lock(42)');
    expect(await at.router.hold(hold)).toMatchObject({ drained: false, pinned: [{ reason: 'session advisory lock' }] });
    await other.query('select pg_advisory_unlock(42)');
    await isToldWhileClosing(at, client);
  });

  test('is told when it comes up while the gate is closing', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await isToldWhileClosing(at, client);
  });

  test('is closed between transactions where the policy says so', async () => {
    await using at = await proxied({ pinned: 'close' });
    await using pinned = await RawClient.open(at.proxy.port, at.blue.name);
    const other = await at.connect();
    await pinned.query('create temp table t (a int)');
    pinned.forget();
    await at.cut('green', 1);
    await pinned.until(() => pinned.bodies('E').length > 0);
    expect(pinned.bodies('E')).toEqual(['57P01']);
    expect(await major(other)).toBe(at.green.major);
  });

  test('a setting that the other side does not know stops the cut, not the client', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await at.blue.query('create role only_blue');
    try {
      await client.query('set role only_blue');
      const held = await at.router.hold(hold);
      expect(held).toMatchObject({ drained: false, pinned: [{ reason: 'green does not take setting role (22023)' }] });
      await at.router.release();
      expect(await one(client, 'current_user')).toBe('only_blue');
      await client.query('reset role');
    } finally {
      await at.blue.query('drop role only_blue');
    }
  });

  test('an address that answers nobody stops the cut before anybody waits', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await at.green.query(`alter database ${at.green.name} connection limit 0`);
    await at.blue.query('create role teal_proxy_user login');
    await at.green.query('create role teal_proxy_user login');
    try {
      const limited = await at.connect({ user: 'teal_proxy_user' });
      expect(await at.router.hold(hold)).toMatchObject({
        drained: false,
        pinned: [{ reason: 'green refuses its login (53300)' }],
      });
      await at.router.release();
      expect(await major(limited)).toBe(at.blue.major);
      expect(await major(client)).toBe(at.blue.major);
      await limited.end();
    } finally {
      await at.blue.query('drop role teal_proxy_user');
      await at.green.query('drop role teal_proxy_user');
    }
  });
});

describe('what is under way', () => {
  test('a long transaction is waited for, and when it is too long nothing is cancelled', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await client.query('begin');
    const held = await at.router.hold({ ...hold, drainMs: 100 });
    expect(held).toMatchObject({
      drained: false,
      inFlight: 1,
      pinned: [],
      busy: [{ reason: 'in a transaction or statement' }],
    });
    expect(await major(client)).toBe(at.blue.major);
    await client.query('commit');
    await at.router.release();
    expect(await major(client)).toBe(at.blue.major);
  });

  test('a statement that runs for longer than a hold waits is not cancelled', async () => {
    await using at = await proxied();
    const client = await at.connect();
    const running = client.query<{ v: number }>('select pg_sleep(1.2), 1 as v');
    await waitFor({ what: 'the statement', timeoutMs: 60_000 }, async () =>
      (await at.router.read()).inFlight === 1 ? true : undefined,
    );
    expect(await at.router.hold({ ...hold, drainMs: 100 })).toMatchObject({ drained: false, inFlight: 1 });
    await at.router.release();
    expect((await running).rows[0]?.v).toBe(1);
  });

  test('a transaction goes on while others are held, and the hold ends with it', async () => {
    await using at = await proxied();
    for (const side of [at.blue, at.green]) await side.query('create table t (a int)');
    const client = await at.connect();
    await client.query('begin; insert into t values (1)');
    const holding = at.router.hold(hold);
    await waitFor(theHold, async () => (await at.router.read()).mode === 'holding' || undefined);
    await client.query('insert into t values (2)');
    await client.query('commit');
    expect(await holding).toMatchObject({ drained: true });
    const late = client.query('insert into t values (3)');
    await switchTo(at, 'green', 1);
    await late;
    expect(await at.blue.query('select string_agg(a::text, $1 order by a) as v from t', [','])).toEqual([{ v: '1,2' }]);
    expect(await at.green.query('select string_agg(a::text, $1 order by a) as v from t', [','])).toEqual([{ v: '3' }]);
  });

  test('a pipeline is cut between its units, and answered in order', async () => {
    await using at = await proxied();
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    const unit = (sql: string): Buffer =>
      Buffer.concat([encodeParse('', sql), encodeBind('', []), encodeExecute(), encodeSync()]);
    const where = `select current_setting('server_version_num')`;
    raw.send(unit('select pg_sleep(0.3)'), unit(where));
    const holding = at.router.hold(hold);
    await waitFor(theHold, async () => (await at.router.read()).mode === 'holding' || undefined);
    raw.send(unit(where), unit(where));
    expect(await holding).toMatchObject({ drained: true });
    expect(raw.types).toBe('12DCZ12DCZ');
    await switchTo(at, 'green', 1);
    await raw.until((types) => types.length === 20);
    const majors = raw
      .bodies('D')
      .slice(1)
      .map((row) => (Number(row.slice(6)) / 10_000) | 0);
    expect(majors).toEqual([at.blue.major, at.green.major, at.green.major]);
  });

  test('a prepared statement is there behind a unit that failed before it was first used', async () => {
    await using at = await proxied();
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    raw.send(encodeParse('s', 'select 1'), encodeSync());
    await raw.until((types) => types === '1Z');
    await at.cut('green', 1);
    raw.forget();
    const use = [encodeBind('s', []), encodeExecute(), encodeSync()];
    // Without waiting: the first unit fails before it comes to the statement.
    raw.send(encodeParse('', 'no sql'), ...use, ...use, ...use);
    await raw.until((types) => types.split('Z').length === 4);
    expect([raw.types, raw.bodies('E')]).toEqual(['EZ2DCZ2DCZ', ['42601']]);
    // As before, when nothing of it is new any more.
    raw.forget();
    raw.send(...use);
    await raw.until((types) => types.endsWith('Z'));
    expect(raw.types).toBe('2DCZ');
  });

  test('an unfinished pipeline is in flight', async () => {
    await using at = await proxied();
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    raw.send(encodeParse('', 'select 1'));
    await sleep(50);
    expect(await at.router.hold({ ...hold, drainMs: 50 })).toMatchObject({ drained: false, inFlight: 1 });
    raw.send(encodeBind('', []), encodeExecute(), encodeSync());
    await raw.until((types) => types === '12DCZ');
    await at.router.release();
  });

  test('COPY in is in flight to its end', async () => {
    await using at = await proxied();
    await at.blue.query('create table t (a int)');
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    raw.send(encodeQuery('copy t from stdin'));
    await raw.until((types) => types === 'G');
    raw.send(copyData('1\n'));
    const holding = at.router.hold(hold);
    await waitFor(theHold, async () => (await at.router.read()).mode === 'holding' || undefined);
    raw.send(copyData('2\n'), copyDone);
    expect(await holding).toMatchObject({ drained: true });
    expect(raw.types).toBe('GCZ');
    expect(await at.blue.query('select count(*) as v from t')).toEqual([{ v: '2' }]);
    await at.router.release();
  });

  test('a client that sends 100 MB while held costs a bounded part of it, and loses none', async () => {
    await using at = await proxied();
    for (const side of [at.blue, at.green]) await side.query('create table t (a text)');
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    await at.router.hold(hold);
    const part = encodeQuery(`insert into t values ('${'x'.repeat(1 << 20)}')`);
    let accepted = 0;
    for (let n = 0; n < 100; n += 1) {
      raw.socket.write(part, () => {
        accepted += part.length;
      });
    }
    await sleep(300);
    // What the proxy has read plus what two kernels buffer; the rest is still with the client.
    expect(at.proxy.hub.counters.bytesIn).toBeLessThan(1 << 20);
    expect(accepted).toBeLessThan(16 << 20);
    await switchTo(at, 'green', 1);
    await raw.until((types) => types.length === 200);
    expect(await at.green.query('select count(*) as n, sum(length(a)) as bytes from t')).toEqual([
      { n: '100', bytes: String(100 << 20) },
    ]);
  });

  test('a held client that leaves is not answered for', async () => {
    await using at = await proxied();
    for (const side of [at.blue, at.green]) await side.query('create table t (a int)');
    const raw = await RawClient.open(at.proxy.port, at.blue.name);
    await at.router.hold(hold);
    raw.send(encodeQuery('insert into t values (1)'));
    await sleep(50);
    raw.socket.end();
    await waitFor(
      { what: 'the client to be gone', timeoutMs: 60_000 },
      async () => (await at.router.read()).clients === 0 || undefined,
    );
    await switchTo(at, 'green', 1);
    expect(await at.green.query('select count(*) as v from t')).toEqual([{ v: '0' }]);
  });
});

describe('pointing', () => {
  test('is refused when the side does not say that it owns', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await at.router.hold(hold);
    await expect(at.router.point('green', 1)).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-001' });
    await at.decide('green', 1);
    await expect(at.router.point('green', 2)).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-001' });
    await expect(at.router.point('blue', 1)).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-001' });
    await at.router.point('blue', 0);
    await at.router.point('green', 1);
    await at.router.point('green', 1);
    await expect(at.router.point('blue', 0)).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-001' });
    await at.router.release();
    expect(await major(client)).toBe(at.green.major);
  });
});

test('a client that breaks the protocol ends its own session alone', async () => {
  await using at = await proxied();
  const other = await at.connect();
  await using raw = await RawClient.open(at.proxy.port, at.blue.name);
  raw.send(Buffer.from([0x51, 0, 0, 0, 1]));
  await raw.until((types) => types.length > 0);
  expect(raw.bodies('E')).toEqual(['08P01']);
  expect(await major(other)).toBe(at.blue.major);
});
