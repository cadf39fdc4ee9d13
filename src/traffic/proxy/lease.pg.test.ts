import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/support/postgres.ts';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { outcome } from './test-support/outcome.ts';
import { proxied } from './test-support/proxied.ts';

describe('a hold whose controller is silent', () => {
  const short = { cut: 'c', leaseMs: 200, drainMs: 1_000 };

  test('ends on blue when nothing was decided', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await at.router.hold(short);
    expect(await outcome(client.query('select 1'))).toBe('done');
    expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'blue', epoch: 0 });
  });

  test('lasts while it is renewed', async () => {
    await using at = await proxied();
    await at.connect();
    await at.router.hold(short);
    await at.router.renew(5_000);
    await sleep(400);
    expect((await at.router.read()).mode).toBe('holding');
  });

  test('goes to the owner when green was decided', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await at.router.hold(short);
    await at.decide('green', 1);
    const { rows } = await client.query<{ v: number }>(
      `select current_setting('server_version_num')::int / 10000 as v`,
    );
    expect(rows[0]?.v).toBe(at.green.major);
    expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'green', epoch: 1 });
  });

  test('keeps holding, and says so, while blue is fenced and nobody owns', async () => {
    await using at = await proxied();
    const client = await at.connect();
    await at.blue
      .query(`create table t (a int); create function teal.fence() returns trigger language plpgsql as $$ begin raise exception using errcode = '25006'; end $$;
      create trigger teal_fence before insert on t for each statement execute function teal.fence()`);
    await at.router.hold(short);
    const late = outcome(client.query('select 1'));
    await waitFor(
      { what: 'the alarm', timeoutMs: 60_000 },
      async () => (await at.router.stats()).alarm !== undefined || undefined,
    );
    expect((await at.router.read()).mode).toBe('holding');
    expect((await at.router.stats()).alarm).toContain('fenced');
    await at.decide('green', 1);
    expect(await late).toBe('done');
    expect(await at.router.stats()).not.toHaveProperty('alarm');
  });

  test('keeps holding while the owner cannot be asked', async () => {
    await using at = await proxied({ connectTimeoutMs: 500 });
    await using admin = await testDatabase(at.blue.major);
    const client = await at.connect();
    await at.router.hold(short);
    const late = outcome(client.query('select 1'));
    await admin.query(`alter database ${at.blue.name} allow_connections false`);
    await at.blue.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'teal proxy'`,
    );
    await waitFor(
      { what: 'the alarm', timeoutMs: 60_000 },
      async () => (await at.router.stats()).alarm !== undefined || undefined,
    );
    const { mode } = await at.router.read();
    await admin.query(`alter database ${at.blue.name} allow_connections true`);
    expect(mode).toBe('holding');
    expect(await late).toBe('done');
  });
});
