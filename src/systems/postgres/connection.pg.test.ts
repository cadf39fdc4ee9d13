import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../tools/servers/free-port.ts';
import { testDatabase, testServer } from '../../../test/support/postgres.ts';
import { waitFor } from '../../kernel/clock.ts';
import { describeError, isTealError, type TealError } from '../../kernel/errors.ts';
import { FrameReader } from '../../wire/postgres/frames.ts';
import { connect, withLockRetry, type PgConnection } from './connection.ts';
import { quoteIdent, quoteLiteral } from './quote.ts';

async function refusal(work: Promise<unknown>): Promise<TealError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isTealError(thrown)) throw new Error(`expected an error of Teal, got ${String(thrown)}`);
  return thrown;
}

function withUser(url: string, user: string, password: string): string {
  const other = new URL(url);
  other.username = user;
  other.password = password;
  return other.href;
}

test('a database is found by its name, whatever has to be escaped in a URL', async () => {
  await using db = await testDatabase(18);
  const name = `${db.name}/a b?c#d;e&f%41`;
  await db.query(`create database ${quoteIdent(name)}`);
  try {
    const url = new URL(db.url);
    url.pathname = `/${encodeURIComponent(name)}`;
    await using session = await connect({ url: url.href, applicationName: 'teal test' });
    expect((await session.query('select current_database() as name')).rows).toEqual([{ name }]);
    url.pathname = '/100%';
    expect((await refusal(connect({ url: url.href, applicationName: 'teal test' }))).code).toBe('TEAL-SYSTEMS-009');
  } finally {
    await db.query(`drop database ${quoteIdent(name)} with (force)`);
  }
});

describe.each([14, 18] as const)('a session on PostgreSQL %i', (major) => {
  test('pins its settings against those of the database', async () => {
    await using db = await testDatabase(major);
    await db.query(`
      alter database ${db.name} set default_transaction_read_only = on;
      alter database ${db.name} set datestyle = 'German';
      alter database ${db.name} set timezone = 'Asia/Tokyo';
      alter database ${db.name} set bytea_output = 'escape';
      alter database ${db.name} set statement_timeout = '1s';
      alter database ${db.name} set search_path = 'nowhere'`);
    await using session = await connect({
      url: `${db.url}?options=-c%20timezone%3DUTC%2B3`,
      applicationName: 'teal test',
      lockTimeoutMs: 1234,
      extraOptions: { synchronous_commit: 'off', work_mem: '5 MB' },
    });
    expect(session.serverMajor).toBe(major);
    const { rows } = await session.query(`
      select name, setting from pg_catalog.pg_settings where name in
        ('default_transaction_read_only', 'DateStyle', 'TimeZone', 'bytea_output', 'statement_timeout', 'search_path',
         'lock_timeout', 'synchronous_commit', 'work_mem', 'application_name', 'extra_float_digits', 'client_encoding')`);
    expect(Object.fromEntries(rows.map((row) => [row['name'], row['setting']]))).toEqual({
      default_transaction_read_only: 'off',
      DateStyle: 'ISO, MDY',
      TimeZone: 'UTC',
      bytea_output: 'hex',
      statement_timeout: '0',
      search_path: 'pg_catalog',
      lock_timeout: '1234',
      synchronous_commit: 'off',
      work_mem: '5120',
      application_name: 'teal test',
      extra_float_digits: '3',
      client_encoding: 'UTF8',
    });
  });

  test('gives every value as the server writes it', async () => {
    await using db = await testDatabase(major);
    await using session = await connect({ url: db.url, applicationName: 'teal test' });
    const { rows } = await session.query(
      `select 9223372036854775807::int8 as big, $1::numeric as exact, timestamptz '2024-02-29 23:59:59.123456+00' as at,
              true as flag, null::int as nothing, '\\x00ff'::bytea as bytes, 0.1::float8 + 0.2::float8 as float, $2::text[] as list`,
      ['12345678901234567890.000', ['a"b', null, 'c\\d']],
    );
    expect(rows).toEqual([
      {
        big: '9223372036854775807',
        exact: '12345678901234567890.000',
        at: '2024-02-29 23:59:59.123456+00',
        flag: 't',
        nothing: null,
        bytes: '\\x00ff',
        float: '0.30000000000000004',
        list: '{"a\\"b",NULL,"c\\\\d"}',
      },
    ]);
  });

  test('names what went wrong when it cannot connect', async () => {
    await using db = await testDatabase(major);
    const { url } = await testServer(major);
    const open = async (address: string) => refusal(connect({ url: address, applicationName: 'teal test' }));
    const nobody = new URL(url);
    nobody.port = String(await freePort());
    expect((await open(nobody.href)).code).toBe('TEAL-SYSTEMS-001');
    expect((await open(url.replace(/\/postgres$/, '/no_such_database'))).code).toBe('TEAL-SYSTEMS-003');
    expect((await open(`${db.url}?sslmode=require`)).code).toBe('TEAL-SYSTEMS-004');
    expect((await open('mysql://127.0.0.1/db')).code).toBe('TEAL-SYSTEMS-009');
    expect((await open(withUser(url, 'teal_nobody', 'secret word'))).code).toBe('TEAL-SYSTEMS-002');
    expect(describeError(await open(withUser(nobody.href, 'teal_nobody', 'secret word')))).not.toContain('secret');
  });

  test('keeps values and rows out of its errors', async () => {
    await using db = await testDatabase(major);
    await db.query(`create table t (id int primary key, v text); insert into t values (4711, 'private')`);
    await using session = await connect({ url: db.url, applicationName: 'teal test' });
    const cases = [
      [`insert into public.t values (4711, 'other')`, '23505'],
      [`select 'private'::text::int`, '22P02'],
      [`select 'private' 'private`, '42601'],
      [`do $$ begin raise exception 'row is %', 'private'; end $$`, 'P0001'],
      [`do $$ begin raise exception 'row is %', 'private' using errcode = 'check_violation'; end $$`, '23514'],
    ] as const;
    for (const [sql, sqlState] of cases) {
      const error = await refusal(session.query(sql));
      expect(error.code).toBe('TEAL-SYSTEMS-007');
      expect(error.facts['sqlState']).toBe(sqlState);
      expect(describeError(error) + JSON.stringify(error.facts)).not.toMatch(/private|4711/);
    }
    expect((await refusal(session.query(`insert into public.t values (4711)`))).facts['constraint']).toBe('t_pkey');
  });

  test('knows when the server has ended it', async () => {
    await using db = await testDatabase(major);
    await using session = await connect({ url: db.url, applicationName: 'teal test' });
    const ended = once(session.ended, 'abort');
    await db.query('select pg_terminate_backend($1)', [session.processId]);
    await ended;
    expect((await refusal(session.query('select 1'))).code).toBe('TEAL-SYSTEMS-006');
    await session.close();
  });

  test('commits what succeeds and rolls back what throws', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int)');
    await using session = await connect({ url: db.url, applicationName: 'teal test' });
    await session.transaction(async () => session.query('insert into public.t values (1)'));
    await expect(
      session.transaction(async () => {
        await session.query('insert into public.t values (2)');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const swallowed = session.transaction(async () => {
      await session.query('insert into public.t values (3)');
      await session.query('select 1 / 0').catch(() => undefined);
    });
    expect((await refusal(swallowed)).code).toBe('TEAL-SYSTEMS-007');
    expect(await db.query('select id from t')).toEqual([{ id: '1' }]);
  });

  test('repeats a transaction that was refused a lock, and cancels one that runs', async () => {
    await using db = await testDatabase(major);
    await db.query('create table t (id int)');
    await using session = await connect({ url: db.url, applicationName: 'teal test', lockTimeoutMs: 30 });
    const holder = await db.connect();
    await holder.query('begin; lock table t');
    const refused: number[] = [];
    const locked = withLockRetry({ onRetry: (attempt) => refused.push(attempt) }, async () => {
      if (refused.length === 2) await holder.query('commit');
      return session.transaction(async () => session.query('lock table public.t'));
    });
    await locked;
    expect(refused).toEqual([1, 2]);
    await holder.query('begin; lock table t');
    const once = withLockRetry({ attempts: 1 }, async () => session.query('select from public.t'));
    expect((await refusal(once)).code).toBe('TEAL-SYSTEMS-008');

    const slow = refusal(session.query('select pg_sleep(60)'));
    // A cancel that comes before the statement is for nothing.
    await waitFor({ what: 'the statement to run', timeoutMs: 60_000 }, async () => {
      const rows = await db.query(
        `select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`,
      );
      return rows.length > 0 || undefined;
    });
    await session.cancel();
    expect((await slow).facts['sqlState']).toBe('57014');
  });

  test('gives its socket away at a message boundary', async () => {
    await using db = await testDatabase(major);
    const session = await connect({ url: db.url, applicationName: 'teal test' });
    await session.query('select 1');
    const socket = session.takeOver();
    await expect(session.query('select 1')).rejects.toThrow('taken over');
    const sql = Buffer.from('select 7 as seven\0');
    const query = Buffer.alloc(5 + sql.length);
    query.write('Q', 0);
    query.writeInt32BE(4 + sql.length, 1);
    sql.copy(query, 5);
    socket.write(query);
    const types: string[] = [];
    const reader = new FrameReader();
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const frame of reader.push(chunk)) types.push(String.fromCharCode(frame.type));
      if (types.at(-1) === 'Z') break;
    }
    expect(types).toEqual(['T', 'D', 'C', 'Z']);
    await session.close();
  });

  test('quotes what no name and no text should hold', async () => {
    await using db = await testDatabase(major);
    await using session: PgConnection = await connect({ url: db.url, applicationName: 'teal test' });
    const name = 'a"b\\ $1; select';
    const text = `it's \\ "x" $$ é`;
    for (const conforming of ['on', 'off']) {
      await session.query(`set standard_conforming_strings = ${conforming}`);
      const { rows } = await session.query(`select ${quoteLiteral(text)} as ${quoteIdent(name)}`);
      expect(rows).toEqual([{ [name]: text }]);
    }
  });
});
