import { describe, expect, test } from 'vitest';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { outcome } from './test-support/outcome.ts';
import { proxied } from './test-support/proxied.ts';

const hold = { cut: 'c', leaseMs: 20_000, drainMs: 3_000 };

describe('a backend that is lost', () => {
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'victim'`;

  test('is replaced unseen when nothing of the session was in it', async () => {
    await using at = await proxied();
    const client = await at.connect({ application_name: 'victim' });
    await at.blue.query(end);
    await waitFor(
      { what: 'the loss', timeoutMs: 60_000 },
      async () =>
        (await at.blue.query(`select from pg_stat_activity where application_name = 'victim'`)).length === 0 ||
        undefined,
    );
    await sleep(50);
    expect(await outcome(client.query('select 1'))).toBe('done');
  });

  test('ends the session otherwise, as the server does', async () => {
    await using at = await proxied();
    const client = await at.connect({ application_name: 'victim' });
    await client.query('set app.x = 1');
    const ended = new Promise((resolve) => client.once('error', resolve));
    await at.blue.query(end);
    expect(await ended).toMatchObject({ code: '57P01' });
  });

  test('ends a session that listens: nobody would tell its client that it missed something', async () => {
    await using at = await proxied();
    const client = await at.connect({ application_name: 'victim' });
    await client.query('listen news');
    // Its state is read, and put into a backend of the other side.
    await at.router.hold(hold);
    await at.router.release();
    const ended = new Promise((resolve) => client.once('error', resolve));
    await at.blue.query(end);
    expect(await ended).toMatchObject({ code: '57P01' });
  });

  test('in a hold does not matter to a session whose state is carried already', async () => {
    await using at = await proxied();
    const client = await at.connect({ application_name: 'victim' });
    await client.query(`set work_mem = '7MB'`);
    await at.router.hold(hold);
    await at.blue.query(end);
    await sleep(100);
    await at.decide('green', 1);
    await at.router.point('green', 1);
    await at.router.release();
    const { rows } = await client.query(
      `select current_setting('work_mem') as v, current_setting('server_version_num')::int / 10000 as major`,
    );
    expect(rows).toEqual([{ v: '7MB', major: at.green.major }]);
  });
});
