import { Client } from 'pg';
import { expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { blueMajor, greenMajor, testServer } from '../../../test/support/postgres.ts';
import { startHaproxy, whyNoHaproxy, type Haproxy, type HaproxyOptions } from '../../../tools/servers/haproxy.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import { HaproxyRouter } from './router.ts';

interface Balanced extends AsyncDisposable {
  readonly haproxy: Haproxy;
  readonly router: HaproxyRouter;
  readonly decide: (side: Side, epoch: number) => void;
  readonly connect: () => Promise<Client>;
  readonly sideOf: (client: Client) => Promise<Side>;
}

/** A real HAProxy before two servers, with owner rows in memory. */
async function balanced(level: HaproxyOptions['level'] = 'admin', isBoth = false): Promise<Balanced> {
  const blue = await testServer(blueMajor());
  // Where both majors are one, two servers all the same.
  const settings = blueMajor() === greenMajor() ? { 'teal.side': 'green' } : {};
  const green = await testServer(greenMajor(), { settings });
  const at = ({ url }: { readonly url: string }): string => new URL(url).host;
  const haproxy = await startHaproxy({
    level,
    servers: [`server old ${at(blue)}`, `server new ${at(green)}${isBoth ? '' : ' disabled'}`],
  });
  const owners: Partial<Record<Side, OwnerRow>> = {};
  const router = new HaproxyRouter({
    socket: haproxy.socket,
    backend: 'shop',
    servers: { blue: 'old', green: 'new' },
    readOwner: async (side) => owners[side],
  });
  return {
    haproxy,
    router,
    decide: (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
    async connect() {
      const client = new Client({ host: '127.0.0.1', port: haproxy.port, user: 'postgres', database: 'postgres' });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    async sideOf(client) {
      const { rows } = await client.query<{ port: string }>(`select current_setting('port') as port`);
      return rows[0]?.port === new URL(blue.url).port ? 'blue' : 'green';
    },
    [Symbol.asyncDispose]: async () => haproxy[Symbol.asyncDispose](),
  };
}

const why = await whyNoHaproxy();
const tested = test.skipIf(why !== undefined);

const open = async (): Promise<RouterWorld> => {
  const world = await balanced();
  return {
    router: world.router,
    decide: async (...to) => world.decide(...to),
    async ask() {
      const client = await world.connect();
      try {
        return await world.sideOf(client);
      } finally {
        await client.end();
      }
    },
    begin: async () => async () => undefined,
    [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose](),
  };
};
for (const { name, run } of routerContract(open, false)) tested(`HAProxy as a router: ${name}${why ?? ''}`, run);

tested('who is on the losing side is dropped, nobody is left there, and the way back is the same', async () => {
  await using world = await balanced();
  const client = await world.connect();
  expect(await world.sideOf(client)).toBe('blue');
  let isDropped = false;
  client.on('end', () => (isDropped = true));
  await expect(world.router.point('green', 1)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-001'));
  expect(await world.sideOf(client)).toBe('blue');
  world.decide('green', 1);
  await world.router.point('green', 1);
  await waitFor({ what: 'the connection to end', timeoutMs: 30_000 }, () => isDropped || undefined);
  const again = await world.connect();
  expect(await world.sideOf(again)).toBe('green');
  world.decide('blue', 2);
  await world.router.point('blue', 2);
  expect(await world.router.read()).toMatchObject({ pointsTo: 'blue', epoch: 2 });
  const back = await world.connect();
  expect(await world.sideOf(back)).toBe('blue');
  await back.end();
});

tested('what stands against a cut is told before one', async () => {
  await using world = await balanced();
  expect(await world.router.check()).toMatchObject([
    { severity: 'warning', what: expect.stringContaining('forgets what it was told') },
  ]);
  await using both = await balanced('admin', true);
  expect(await both.router.read()).toMatchObject({ pointsTo: 'unknown', epoch: 0 });
  expect((await both.router.check())[0]).toMatchObject({
    severity: 'blocker',
    what: 'Connections of backend shop go to old and new.',
  });
  await using lesser = await balanced('operator');
  expect(await lesser.router.check()).toMatchObject([
    { severity: 'blocker', what: expect.stringContaining('TEAL-TRAFFIC-018: it may not be told anything') },
  ]);
  const { haproxy } = world;
  const of = (backend: string, socket: string): HaproxyRouter =>
    new HaproxyRouter({ socket, backend, servers: { blue: 'old', green: 'nix' }, readOwner: async () => undefined });
  const byTcp = `127.0.0.1:${haproxy.socketPort}`;
  const whats = await Promise.all(
    [of('shop', byTcp), of('other', byTcp), of('shop', '/nowhere.sock')].map(
      async (router) => (await router.check())[0]?.what,
    ),
  );
  expect(whats).toEqual([
    'TEAL-TRAFFIC-018: backend shop has no server nix.',
    expect.stringContaining("TEAL-TRAFFIC-018: it answered: Can't find backend."),
    expect.stringContaining('TEAL-TRAFFIC-018: connect ENOENT /nowhere.sock'),
  ]);
});
