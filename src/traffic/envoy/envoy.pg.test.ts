import { readFile, stat, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { routerContract } from 'teal/testing';
import { startEnvoy, whyNoEnvoy, type Envoy, type EnvoyOptions } from '../../../tools/servers/envoy.ts';
import { isTealError } from '../../kernel/errors.ts';
import { DeskRouter } from '../desk-router.ts';
import { dropped, twoSides, worldOf, type TwoSides } from '../test-support/two-sides.ts';
import { envoyDesk } from './envoy-desk.ts';

interface Led extends AsyncDisposable {
  readonly envoy: Envoy;
  readonly router: DeskRouter;
  readonly sides: TwoSides;
}

/** A real Envoy before two servers, with owner rows in memory. */
async function led(options: Partial<EnvoyOptions> = {}, timeoutMs = 60_000): Promise<Led> {
  const sides = await twoSides();
  const { blue, green } = sides.addresses;
  const envoy = await startEnvoy({ clusters: { old: blue, new: green }, leadsTo: 'old', drainSeconds: 1, ...options });
  const { config, status } = envoy;
  const desk = envoyDesk({ config, status, clusters: { blue: 'old', green: 'new' }, timeoutMs, maxPauseMs: 3_000 });
  const router = new DeskRouter({ desk, switching: { clients: 'connections drop' }, readOwner: sides.readOwner });
  return { envoy, router, sides, [Symbol.asyncDispose]: async () => envoy[Symbol.asyncDispose]() };
}

const why = await whyNoEnvoy();
const tested = test.skipIf(why !== undefined);

const open = async (): ReturnType<Parameters<typeof routerContract>[0]> => {
  const { sides, router, envoy } = await led();
  return worldOf(sides, router, envoy.port, async () => envoy[Symbol.asyncDispose]());
};
for (const { name, run } of routerContract(open, false)) tested(`Envoy as a router: ${name}${why ?? ''}`, run);

tested(
  'who is on the losing side is dropped when the old listener is drained, and of the file one word changes',
  async () => {
    await using world = await led();
    const { sides, router, envoy } = world;
    expect(await router.check()).toEqual([]);
    const [before, { uid, gid, mode }] = [await readFile(envoy.config, 'utf8'), await stat(envoy.config)];
    const client = await sides.connect(envoy.port);
    expect(await sides.sideOf(client)).toBe('blue');
    const isDropped = dropped(client);
    sides.decide('green', 1);
    await router.point('green', 1);
    await isDropped();
    expect(await readFile(envoy.config, 'utf8')).toBe(before.replace('"old"', '"new"'));
    expect(await stat(envoy.config)).toMatchObject({ uid, gid, mode });
    sides.decide('blue', 2);
    await router.point('blue', 2);
    expect(await router.read()).toMatchObject({ pointsTo: 'blue', epoch: 2 });
  },
);

tested('what stands against a cut is told before one', async () => {
  await using world = await led({ drainSeconds: 600, clusters: { old: '127.0.0.1:1' } });
  const { sides, router, envoy } = world;
  expect((await router.check()).map(({ severity, what }) => `${severity}: ${what}`)).toEqual([
    'blocker: Envoy has no cluster new.',
    'blocker: Envoy ends connections that were there before a cut only after 600 s, and cutover.maxPause is 3 s.',
  ]);
  // Written over and not moved into place: Envoy does not see it.
  await writeFile(envoy.config, (await readFile(envoy.config, 'utf8')).replace('"old"', '"new"'));
  expect(await router.read()).toMatchObject({ pointsTo: 'unknown', epoch: 0 });
  expect((await router.check())[0]).toMatchObject({
    severity: 'blocker',
    what: `${envoy.config} leads to new, and the active listeners (shop) do not.`,
  });
  sides.decide('green', 1);
  await router.point('green', 1);
  expect(await router.read()).toMatchObject({ pointsTo: 'green', epoch: 1 });
});

tested('a file that Envoy does not take is told with why', async () => {
  await using world = await led({}, 3_000);
  const { sides, router, envoy } = world;
  const text = await readFile(envoy.config, 'utf8');
  await writeFile(envoy.config, text.replace('"stat_prefix": "shop"', '"stat_prefix": ""'));
  sides.decide('green', 1);
  await expect(router.point('green', 1)).rejects.toSatisfy(
    (error) => isTealError(error, 'TEAL-TRAFFIC-022') && error.message.includes('did not take the file'),
  );
});
