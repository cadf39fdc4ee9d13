import { Resolver } from 'node:dns/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { startBind, whyNoBind, type Bind } from '../../../tools/servers/bind.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import { DeskRouter } from '../desk-router.ts';
import { dnsDesk, type DnsOptions } from './dns-desk.ts';

interface Named extends AsyncDisposable {
  readonly bind: Bind;
  readonly router: (options?: Partial<DnsOptions>) => DeskRouter;
  readonly decide: (side: Side, epoch: number) => void;
  /** What a client that looks the name up is told. */
  readonly lookUp: (type: string, name?: string) => Promise<unknown>;
}

const zone = 'shop.example';
const addresses = { blue: '10.0.0.1', green: '10.0.0.2' };

/** A real BIND, asked by a resolver that knows nothing of Teal's, with owner rows in memory. */
async function named(records = ['db 60 IN A 10.0.0.1']): Promise<Named> {
  const bind = await startBind({ records, updatable: [`db.${zone}`, `cname.${zone}`, `six.${zone}`] });
  const owners: Partial<Record<Side, OwnerRow>> = {};
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${bind.port}`]);
  return {
    bind,
    router(options = {}) {
      const server = { host: '127.0.0.1', port: bind.port, key: bind.key, timeoutMs: 30_000 };
      const desk = dnsDesk({
        server,
        zone,
        name: `db.${zone}`,
        type: 'A',
        records: addresses,
        ttlMs: 60_000,
        ...options,
      });
      const switching = { clients: 'stale', upToMs: 60_000 } as const;
      return new DeskRouter({ desk, switching, readOwner: async (side) => owners[side] });
    },
    decide: (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
    lookUp: async (type, name = `db.${zone}`) => resolver.resolve(name, type),
    [Symbol.asyncDispose]: async () => bind[Symbol.asyncDispose](),
  };
}

const why = await whyNoBind();
const tested = test.skipIf(why !== undefined);

const open = async (): Promise<RouterWorld> => {
  const world = await named();
  return {
    router: world.router(),
    decide: async (...to) => world.decide(...to),
    async ask() {
      const [address] = (await world.lookUp('A')) as string[];
      return address === addresses.blue ? 'blue' : 'green';
    },
    begin: async () => async () => undefined,
    [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose](),
  };
};
for (const { name, run } of routerContract(open, false)) tested(`DNS as a router: ${name}${why ?? ''}`, run);

tested('of any type one record takes the place of the other, there and back, with the TTL of the file', async () => {
  await using world = await named(['cname 60 IN CNAME Old', 'six 60 IN AAAA 2001:db8::1', 'db 60 IN A 10.0.0.1']);
  const kinds: readonly (readonly [Partial<DnsOptions>, unknown, unknown])[] = [
    [
      { name: `cname.${zone}`, type: 'CNAME', records: { blue: `old.${zone}`, green: `new.${zone}.` } },
      [`Old.${zone}`],
      [`new.${zone}`],
    ],
    [
      { name: `six.${zone}`, type: 'AAAA', records: { blue: '2001:db8:0::1', green: '2001:db8::2' } },
      ['2001:db8::1'],
      ['2001:db8::2'],
    ],
    [{ name: `DB.${zone}`, ttlMs: 5_000 }, ['10.0.0.1'], ['10.0.0.2']],
  ];
  for (const [options, before, after] of kinds) {
    const [router, type] = [world.router(options), options.type ?? 'A'];
    expect(await world.lookUp(type, options.name)).toEqual(before);
    expect(await router.read()).toMatchObject({ pointsTo: 'blue' });
    world.decide('green', 1);
    await router.point('green', 1);
    expect(await world.lookUp(type, options.name)).toEqual(after);
    expect(await router.read()).toMatchObject({ pointsTo: 'green', epoch: 1 });
    world.decide('blue', 2);
    await router.point('blue', 2);
    expect(await router.read()).toMatchObject({ pointsTo: 'blue', epoch: 2 });
  }
  // The TTL came with the update.
  expect(await world.router({ ttlMs: 5_000 }).check()).toMatchObject([{ severity: 'warning' }]);
});

tested('what stands against a cut is told before one, and changes nothing', async () => {
  await using world = await named([
    'db 300 IN A 10.0.0.1',
    'two 60 IN A 10.0.0.1',
    'two 60 IN A 10.0.0.9',
    'shut 60 IN A 10.0.0.1',
  ]);
  const whats = async (options: Partial<DnsOptions>): Promise<readonly string[]> =>
    (await world.router(options).check()).map(({ severity, what }) => `${severity}: ${what}`);
  const connections = 'warning: A name is looked up when a connection is made.';
  expect(await whats({})).toEqual([`blocker: db.${zone} may be kept for 300 s, and traffic.ttl is 60 s.`, connections]);
  expect(await whats({ name: `two.${zone}` })).toEqual([
    expect.stringMatching(/^blocker: two\.shop\.example leads to 10\.0\.0\.[19] and 10\.0\.0\.[19]\.$/),
  ]);
  expect(await whats({ name: `none.${zone}` })).toEqual([`blocker: none.${zone} leads to no A.`]);
  expect(await whats({ name: `shut.${zone}` })).toEqual([
    `blocker: An update of shut.${zone} is answered with REFUSED.`,
    connections,
  ]);
  const server = { host: '127.0.0.1', port: world.bind.port, key: world.bind.key, timeoutMs: 30_000 };
  expect(await whats({ name: 'db.elsewhere.example' })).toEqual([expect.stringContaining('TEAL-TRAFFIC-023')]);
  const wrong = { ...server, key: { ...server.key, secret: Buffer.from('another') } };
  expect(await whats({ server: wrong })).toEqual([
    expect.stringContaining('TEAL-WIRE-006: the signature of the answer: the server says BADSIG'),
  ]);
  const unknown = { ...server, key: { ...server.key, name: 'nobody' } };
  expect(await whats({ server: unknown })).toEqual([expect.stringContaining('the server says BADKEY')]);
  expect(await whats({ server: { ...server, port: 1 } })).toEqual([expect.stringContaining('ECONNREFUSED')]);
  expect(await world.lookUp('A', `two.${zone}`)).toHaveLength(2);
  expect(await world.lookUp('SOA', zone)).toMatchObject({ serial: 1 });
});

tested('a name that leads to neither side is not touched, and an order that is refused says why', async () => {
  await using world = await named(['db 60 IN A 10.0.0.9', 'shut 60 IN A 10.0.0.1']);
  world.decide('green', 1);
  await expect(world.router().point('green', 1)).rejects.toSatisfy(
    (error) => isTealError(error, 'TEAL-TRAFFIC-023') && error.message.includes(`db.${zone} leads to 10.0.0.9`),
  );
  expect(await world.lookUp('A')).toEqual(['10.0.0.9']);
  await expect(world.router({ name: `shut.${zone}` }).point('green', 1)).rejects.toSatisfy(
    (error) => isTealError(error, 'TEAL-TRAFFIC-023') && error.message.includes('REFUSED'),
  );
});

test('a server that says nothing, or hangs up, is told in its time', async () => {
  const server = createServer((socket) => void socket.once('data', () => socket.end(Buffer.of(0))));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const key = { name: 'k', algorithm: 'hmac-sha256', secret: Buffer.from('k') } as const;
  const desk = dnsDesk({
    server: { host: '127.0.0.1', port, key, timeoutMs: 30_000 },
    zone,
    name: `db.${zone}`,
    type: 'A',
    records: addresses,
    ttlMs: 60_000,
  });
  await expect(desk.read()).rejects.toSatisfy(
    (error) => isTealError(error, 'TEAL-TRAFFIC-023') && error.message.includes('hung up'),
  );
  server.close();
});
