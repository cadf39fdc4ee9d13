import { readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { isTealError } from '../../kernel/errors.ts';
import { whyNoPgBouncer } from '../../../tools/servers/pgbouncer.ts';
import { pooled, pooledName } from './test-support/pooled.ts';

const hold = { cut: 'e1a1', leaseMs: 30_000, drainMs: 5_000 };

const missing = { here: await whyNoPgBouncer('here'), newer: await whyNoPgBouncer('newer') };
const tested = test.skipIf(missing.newer !== undefined);

describe.each(['here', 'newer'] as const)('PgBouncer as a router, %s release', (release) => {
  const open = async (): Promise<RouterWorld> => {
    const world = await pooled(release);
    const client = await world.connect();
    return {
      router: world.router,
      decide: async (...to) => world.decide(...to),
      ask: async () => world.sideOf(client),
      async begin() {
        await client.query('begin; select 1');
        return async () => void (await client.query('commit'));
      },
      [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose](),
    };
  };
  const why = missing[release];
  for (const { name, run } of routerContract(open, true)) test.skipIf(why !== undefined)(`${name}${why ?? ''}`, run);
});

tested('of its file one line changes, and its owner and mode stay', async () => {
  await using world = await pooled('newer');
  const { config } = world.bouncer;
  const [before, { uid, gid, mode }] = [await readFile(config, 'utf8'), await stat(config)];
  await world.router.hold(hold);
  world.decide('green', 1);
  await world.router.point('green', 1);
  await world.router.release();
  const { blue, green } = world.places;
  expect(await readFile(config, 'utf8')).toBe(
    before.replace(`port=${blue.port} dbname='${blue.database}'`, `port=${green.port} dbname=${green.database}`),
  );
  expect(await stat(config)).toMatchObject({ uid, gid, mode });
});

tested('a hold in vain names who kept it, lets everybody go on, and cancels nothing', async () => {
  await using world = await pooled('newer');
  const [busy, other] = [await world.connect(), await world.connect()];
  await busy.query('begin; select 1');
  expect(await world.router.hold({ ...hold, drainMs: 200 })).toMatchObject({
    drained: false,
    inFlight: 1,
    busy: [{ client: expect.stringMatching(/^postgres at 127\.0\.0\.1:\d+$/), reason: 'it is in a transaction' }],
  });
  // Nobody has asked for a release.
  expect(await world.sideOf(other)).toBe('blue');
  await busy.query('commit');
  expect(await world.router.read()).toMatchObject({ mode: 'running', pointsTo: 'blue' });
});

tested('what is paused and whose controller is gone is seen, and let go, by another', async () => {
  await using world = await pooled('newer');
  const client = await world.connect();
  await world.sideOf(client);
  await world.bouncer.say(`PAUSE "${pooledName}"`);
  const asked = world.sideOf(client);
  expect(await world.router.read()).toMatchObject({ mode: 'holding', pointsTo: 'blue', inFlight: 0 });
  await world.router.release();
  expect(await asked).toBe('blue');
});

tested('where it leads to neither side nobody guesses', async () => {
  await using world = await pooled('newer');
  const { config } = world.bouncer;
  const { blue } = world.places;
  await writeFile(config, (await readFile(config, 'utf8')).replace(blue.database, 'postgres'));
  await world.bouncer.say('RELOAD');
  expect(await world.router.read()).toMatchObject({ pointsTo: 'unknown', epoch: 0 });
  expect(await world.router.check()).toContainEqual(
    expect.objectContaining({ severity: 'blocker', what: expect.stringContaining('which is neither') }),
  );
});

test.skipIf(missing.here !== undefined || missing.newer !== undefined)(
  'a PgBouncer as Teal needs it has nothing against a cut, and one as it is by default is told what to change',
  async () => {
    await using world = await pooled('newer');
    expect(await world.router.check()).toEqual([]);
    await using older = await pooled('here', { server_login_retry: 15, pool_mode: 'session', query_wait_timeout: 3 });
    const found = await older.router.check();
    expect(found.map(({ severity, what }) => `${severity}: ${what}`)).toEqual([
      expect.stringContaining('blocker: PgBouncer pools sessions'),
      'blocker: server_login_retry of PgBouncer is 15 s.',
      'blocker: query_wait_timeout of PgBouncer is 3 s, and cutover.maxPause is 3 s.',
      expect.stringContaining('warning: This PgBouncer cannot keep prepared statements'),
    ]);
  },
);

tested(
  'a console that does not answer, a name that is not there and a file that is not its own are findings, not surprises',
  async () => {
    await using world = await pooled('newer', {}, { database: 'other' });
    expect(await world.router.check()).toMatchObject([
      { severity: 'blocker', what: expect.stringContaining('TEAL-TRAFFIC-016') },
    ]);
    await expect(world.router.hold(hold)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-015'));
    await using away = await pooled('newer', {}, { admin: 'postgres://postgres@127.0.0.1:1/pgbouncer' });
    expect(await away.router.check()).toMatchObject([
      { severity: 'blocker', what: expect.stringContaining('TEAL-TRAFFIC-014') },
    ]);
    await expect(away.router.release()).rejects.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-014'));
  },
);
