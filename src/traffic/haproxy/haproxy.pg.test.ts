import { expect, test } from 'vitest';
import { routerContract } from 'teal/testing';
import { startHaproxy, whyNoHaproxy, type Haproxy, type HaproxyOptions } from '../../../tools/servers/haproxy.ts';
import { isTealError } from '../../kernel/errors.ts';
import { dropped, twoSides, worldOf, type TwoSides } from '../test-support/two-sides.ts';
import { HaproxyRouter } from './router.ts';

interface Balanced extends AsyncDisposable {
  readonly haproxy: Haproxy;
  readonly router: HaproxyRouter;
  readonly sides: TwoSides;
}

/** A real HAProxy before two servers, with owner rows in memory. */
async function balanced(level: HaproxyOptions['level'] = 'admin', isBoth = false): Promise<Balanced> {
  const sides = await twoSides();
  const { blue, green } = sides.addresses;
  const haproxy = await startHaproxy({
    level,
    servers: [`server old ${blue}`, `server new ${green}${isBoth ? '' : ' disabled'}`],
  });
  const router = new HaproxyRouter({
    socket: haproxy.socket,
    backend: 'shop',
    servers: { blue: 'old', green: 'new' },
    readOwner: sides.readOwner,
  });
  return { haproxy, router, sides, [Symbol.asyncDispose]: async () => haproxy[Symbol.asyncDispose]() };
}

const why = await whyNoHaproxy();
const tested = test.skipIf(why !== undefined);

const open = async (): ReturnType<Parameters<typeof routerContract>[0]> => {
  const { sides, router, haproxy } = await balanced();
  return worldOf(sides, router, haproxy.port, async () => haproxy[Symbol.asyncDispose]());
};
for (const { name, run } of routerContract(open, false)) tested(`HAProxy as a router: ${name}${why ?? ''}`, run);

tested('who is on the losing side is dropped, nobody is left there, and the way back is the same', async () => {
  await using world = await balanced();
  const { sides, router, haproxy } = world;
  const client = await sides.connect(haproxy.port);
  expect(await sides.sideOf(client)).toBe('blue');
  const isDropped = dropped(client);
  await expect(router.point('green', 1)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-001'));
  expect(await sides.sideOf(client)).toBe('blue');
  sides.decide('green', 1);
  await router.point('green', 1);
  await isDropped();
  const again = await sides.connect(haproxy.port);
  expect(await sides.sideOf(again)).toBe('green');
  sides.decide('blue', 2);
  await router.point('blue', 2);
  expect(await router.read()).toMatchObject({ pointsTo: 'blue', epoch: 2 });
  const back = await sides.connect(haproxy.port);
  expect(await sides.sideOf(back)).toBe('blue');
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
