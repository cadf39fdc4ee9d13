import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from '../../../kernel/clock.ts';
import { isTealError } from '../../../kernel/errors.ts';
import { readProxyConfig } from '../config.ts';
import { startProxy } from '../proxy.ts';
import { outcome } from '../test-support/outcome.ts';
import { proxied } from '../test-support/proxied.ts';

const lent = 'create table teal.lent (tenant text primary key, run text, session text, at timestamptz default now())';
const row = `insert into teal.lent values ('17', 'r', 'app.tenant')`;
const theirs = { tenants: ['17'], session: 'app.tenant' };
const wait = { leaseMs: 30_000, drainMs: 5_000, anyway: false };
const of17 = { options: '-c app.tenant=17' };
const major = `select current_setting('server_version_num')::int / 10000 as v`;

test('sessions of tenants go where their rows are taken, and nobody else does', async () => {
  await using at = await proxied();
  await at.blue.query(lent);
  await at.green.query(lent);
  const [mine, other] = [await at.connect(of17), await at.connect({ options: '-c app.tenant=170' })];
  const on = async (client: typeof mine): Promise<unknown> => (await client.query<{ v: number }>(major)).rows[0]?.v;

  // What cannot be carried is told before anybody waits.
  await mine.query('create temporary table kept (a int)');
  const pinned = await at.router.tenants.hold(theirs, wait);
  expect(pinned).toMatchObject({
    drained: false,
    pinned: [{ reason: expect.stringContaining('temporary') as unknown }],
  });
  expect(await on(mine)).toBe(at.blue.major);
  await mine.query('drop table kept');

  expect(await at.router.tenants.hold(theirs, wait)).toMatchObject({ drained: true, clients: 1 });
  const held = outcome(mine.query(major));
  const late = await at.connect(of17);
  const heldToo = outcome(late.query(major));
  expect(await on(other)).toBe(at.blue.major);
  // Between: neither side takes their rows.
  await at.blue.query(row);
  await expect(at.router.tenants.settle()).rejects.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-080'));
  expect(await at.router.tenants.tally()).toMatchObject({ holding: true, sessions: 2, side: 'blue' });
  await at.green.query(row);
  await at.router.tenants.settle();
  expect([await held, await heldToo]).toEqual(['done', 'done']);
  expect([await on(mine), await on(late), await on(other)]).toEqual([at.green.major, at.green.major, at.blue.major]);
  expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'blue' });
  expect(await on(await at.connect(of17))).toBe(at.green.major);

  // A transaction that does not end is no reason to let the others go; it goes home when it ends.
  await mine.query('begin; select 1');
  expect(await at.router.tenants.hold(theirs, { ...wait, drainMs: 300, anyway: true })).toMatchObject({
    drained: false,
  });
  await at.green.query('delete from teal.lent');
  await at.blue.query('delete from teal.lent');
  await at.router.tenants.settle();
  expect(await on(late)).toBe(at.blue.major);
  await mine.query('commit');
  expect(await on(mine)).toBe(at.blue.major);
});

test('past its lease a hold ends by what both sides say, and a proxy that begins looks there first', async () => {
  await using at = await proxied();
  await at.blue.query(lent);
  await at.green.query(lent);
  const mine = await at.connect(of17);
  await at.router.tenants.hold(theirs, { ...wait, leaseMs: 200 });
  expect(await outcome(mine.query('select 1'))).toBe('done');

  await at.router.tenants.hold(theirs, { ...wait, leaseMs: 200 });
  await at.blue.query(row);
  const held = outcome(mine.query('select 1'));
  await waitFor({ what: 'the lease to end', timeoutMs: 20_000 }, async () => {
    const { holding } = await at.router.tenants.tally();
    return holding ? true : undefined;
  });
  await at.green.query(row);
  expect(await held).toBe('done');
  expect(await at.router.tenants.tally()).toMatchObject({
    side: 'green',
    tenants: ['17'],
    sessions: 1,
    holding: false,
  });

  await using folder = await folderOfTest();
  const config = readProxyConfig({
    migration: 'test',
    stopGraceMs: 0,
    listen: { host: '127.0.0.1', port: 0 },
    clientAuth: 'trust',
    controlPath: join(folder.path, 'proxy.sock'),
  });
  const again = await startProxy({ config, blueUrl: at.blue.url, greenUrl: at.green.url, log: () => {} });
  try {
    const client = await at.connect({ ...of17, port: again.port });
    expect((await client.query<{ v: number }>(major)).rows[0]?.v).toBe(at.green.major);
    await client.end();
  } finally {
    await again.stop();
  }
});

async function folderOfTest(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'teal-tenancy-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}
