import { readFile, stat, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { routerContract } from 'teal/testing';
import { startNginx, whyNoNginx, type Nginx, type NginxOptions } from '../../../tools/servers/nginx.ts';
import { isTealError } from '../../kernel/errors.ts';
import { DeskRouter } from '../desk-router.ts';
import { dropped, twoSides, worldOf, type TwoSides } from '../test-support/two-sides.ts';
import { nginxDesk } from './nginx-desk.ts';

interface Led extends AsyncDisposable {
  readonly nginx: Nginx;
  readonly router: DeskRouter;
  readonly sides: TwoSides;
}

/** A real nginx before two servers, with owner rows in memory. */
async function led(
  options: Partial<NginxOptions> = {},
  more: Partial<Parameters<typeof nginxDesk>[0]> & { readonly green?: string } = {},
): Promise<Led> {
  const sides = await twoSides();
  const { blue, green } = sides.addresses;
  const nginx = await startNginx({
    upstreams: [`upstream old { server ${blue}; }`, `upstream new { server ${green}; }`],
    sides: ['old', 'new'],
    settings: ['worker_shutdown_timeout 1s;'],
    ...options,
  });
  const { config, status, test: tries, reload, folder } = nginx;
  const [blueStatus, greenStatus] = status;
  const desk = nginxDesk({
    config,
    test: tries,
    reload,
    folder,
    sides: {
      blue: { upstream: 'old', status: blueStatus },
      green: { upstream: more.green ?? 'new', status: greenStatus },
    },
    timeoutMs: 60_000,
    maxPauseMs: 3_000,
    ...more,
  });
  const router = new DeskRouter({ desk, switching: { clients: 'connections drop' }, readOwner: sides.readOwner });
  return { nginx, router, sides, [Symbol.asyncDispose]: async () => nginx[Symbol.asyncDispose]() };
}

const why = await whyNoNginx();
const tested = test.skipIf(why !== undefined);

const open = async (): ReturnType<Parameters<typeof routerContract>[0]> => {
  const { sides, router, nginx } = await led();
  return worldOf(sides, router, nginx.port, async () => nginx[Symbol.asyncDispose]());
};
for (const { name, run } of routerContract(open, false)) tested(`nginx as a router: ${name}${why ?? ''}`, run);

tested('who is on the losing side is dropped when the old workers end, and of the file two words change', async () => {
  await using world = await led();
  const { sides, router, nginx } = world;
  expect(await router.check()).toEqual([]);
  const [before, { uid, gid, mode }] = [await readFile(nginx.config, 'utf8'), await stat(nginx.config)];
  const client = await sides.connect(nginx.port);
  expect(await sides.sideOf(client)).toBe('blue');
  const isDropped = dropped(client);
  sides.decide('green', 1);
  await router.point('green', 1);
  await isDropped();
  expect(await readFile(nginx.config, 'utf8')).toBe(
    before.replace('old', 'new').replace(nginx.status[0], nginx.status[1]),
  );
  expect(await stat(nginx.config)).toMatchObject({ uid, gid, mode });
  sides.decide('blue', 2);
  await router.point('blue', 2);
  expect(await router.read()).toMatchObject({ pointsTo: 'blue', epoch: 2 });
  expect(await readFile(nginx.config, 'utf8')).toBe(before);
});

tested('without worker_shutdown_timeout a client stays where it is, which keeps a cut from its begin', async () => {
  await using world = await led({ settings: [] });
  const { sides, router, nginx } = world;
  expect(await router.check()).toMatchObject([
    { severity: 'blocker', what: 'nginx does not end connections that were there before a cut.' },
  ]);
  const client = await sides.connect(nginx.port);
  sides.decide('green', 1);
  await router.point('green', 1);
  expect(await sides.sideOf(client)).toBe('blue');
  await client.end();
});

tested('an upstream that is not there keeps a cut from its begin', async () => {
  await using world = await led({}, { green: 'newer' });
  expect(await world.router.check()).toMatchObject([{ severity: 'blocker', what: 'nginx has no upstream newer.' }]);
});

tested('an order that nginx would not take leaves the file as it was', async () => {
  await using world = await led({}, { test: ['sh', '-c', 'echo no good >&2; exit 1'] });
  const { sides, router, nginx } = world;
  const before = await readFile(nginx.config, 'utf8');
  sides.decide('green', 1);
  await expect(router.point('green', 1)).rejects.toSatisfy(
    (error) => isTealError(error, 'TEAL-TRAFFIC-019') && error.message.includes('no good'),
  );
  expect(await readFile(nginx.config, 'utf8')).toBe(before);
  expect(await router.read()).toMatchObject({ pointsTo: 'blue' });
});

tested('a file that was not read, and a reload that does nothing, are seen', async () => {
  await using world = await led({}, { reload: ['true'], test: ['true'], timeoutMs: 1_000 });
  const { sides, router, nginx } = world;
  expect(await router.check()).toMatchObject([
    { severity: 'warning', what: expect.stringContaining('does not print the files') },
  ]);
  const text = await readFile(nginx.config, 'utf8');
  await writeFile(nginx.config, text.replace('old', 'new').replace(nginx.status[0], nginx.status[1]));
  expect(await router.read()).toMatchObject({ pointsTo: 'unknown', epoch: 0 });
  expect((await router.check())[0]).toMatchObject({
    severity: 'blocker',
    what: `${nginx.config} leads to new; at ${nginx.status[0]} the answer is old, at ${nginx.status[1]} nobody listens.`,
  });
  sides.decide('green', 1);
  await expect(router.point('green', 1)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-021'));
});
