import type { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { outcome } from './test-support/outcome.ts';
import { proxied, type Proxied } from './test-support/proxied.ts';

describe('a statement that meets the fence', () => {
  const closed = `create or replace function teal.fence() returns trigger language plpgsql as $$
    begin raise exception using errcode = '25006', message = 'teal: fenced: t takes no writes here'; end $$`;
  const opened = `create or replace function teal.fence() returns trigger language plpgsql as $$ begin return null; end $$`;
  const fence = `${closed};
    create trigger teal_fence before insert on t for each statement execute function teal.fence();`;

  async function withTable(at: Proxied): Promise<Client> {
    for (const side of [at.blue, at.green]) await side.query('create table t (a int)');
    await at.green.query('create table log (a int)');
    await at.blue.query('create table log (a int)');
    const client = await at.connect();
    await client.query('select 1');
    await at.blue.query(fence);
    return client;
  }

  test('waits for the new owner and is run there, once, simple or extended', async () => {
    await using at = await proxied();
    const client = await withTable(at);
    const other = await at.connect();
    const late = [client.query('insert into t values (1)'), other.query('insert into t values ($1)', [2])];
    await sleep(100);
    expect(await at.router.read()).toMatchObject({ mode: 'running', inFlight: 0 });
    await at.decide('green', 1);
    await Promise.all(late);
    expect(await at.green.query(`select string_agg(a::text, ',' order by a) as v from t`)).toEqual([{ v: '1,2' }]);
    expect(await at.router.read()).toMatchObject({ pointsTo: 'green', epoch: 1 });
  });

  test('is run where it was when the fence is lowered again', async () => {
    await using at = await proxied();
    const client = await withTable(at);
    const late = client.query('insert into t values (1)');
    await sleep(100);
    await at.blue.query(opened);
    await late;
    expect(await at.blue.query('select count(*) as v from t')).toEqual([{ v: '1' }]);
  });

  test('is an error like any other later in a transaction, or when a part of it was done', async () => {
    await using at = await proxied({ stragglerMs: 500 });
    const client = await withTable(at);
    await client.query('begin');
    await client.query('select 1');
    expect(await outcome(client.query('insert into t values (1)'))).toBe('25006');
    await at.blue.query(opened);
    await client.query('rollback');
    // It holds from the first error on, and looks who owns the data: closed again before it has seen blue open, nobody would own them, and it would hold for ever.
    await waitFor({ what: 'the proxy to run', timeoutMs: 60_000 }, async () =>
      (await at.router.read()).mode === 'running' ? true : undefined,
    );
    await at.blue.query(closed);
    expect(await outcome(client.query('begin; insert into log values (1); commit; insert into t values (1)'))).toBe(
      '25006',
    );
    expect(await at.blue.query('select count(*) as v from log')).toEqual([{ v: '1' }]);
  });

  test('in a transaction tells the proxy that the data are on their way: what comes next waits, and is run by the new owner', async () => {
    await using at = await proxied();
    const client = await withTable(at);
    const other = await at.connect();
    await client.query('begin');
    await client.query('select 1');
    expect(await outcome(client.query('insert into t values (1)'))).toBe('25006');
    await client.query('rollback');
    const late = Promise.all([
      client.query('begin').then(async () => client.query('insert into t values (1)')),
      other.query('insert into t values (2)'),
    ]);
    await waitFor({ what: 'the proxy to hold', timeoutMs: 60_000 }, async () =>
      (await at.router.read()).mode === 'holding' ? true : undefined,
    );
    await at.decide('green', 1);
    await late;
    await client.query('commit');
    expect(await at.green.query(`select string_agg(a::text, ',' order by a) as v from t`)).toEqual([{ v: '1,2' }]);
    expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'green', epoch: 1 });
  });

  test('gets its error when nobody becomes the owner in time, and the session goes on', async () => {
    await using at = await proxied({ stragglerMs: 200 });
    const client = await withTable(at);
    expect(await outcome(client.query('insert into t values (1)'))).toBe('25006');
    expect(await outcome(client.query('insert into log values (1)'))).toBe('done');
  });
});
