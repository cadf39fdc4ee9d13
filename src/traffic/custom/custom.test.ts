import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import { DeskRouter, type Desk } from '../desk-router.ts';
import { runProgram } from '../program.ts';
import { commandDesk } from './commands.ts';
import { webhookDesk } from './webhook.ts';

const hold = { cut: 'e1a1', leaseMs: 30_000, drainMs: 10_000 };

/** A router by a desk, and clients that go by what the desk has written down. */
function worldOf(desk: Desk, isAt: () => Promise<Side>, end: () => Promise<void>): RouterWorld {
  const owners: Partial<Record<Side, OwnerRow>> = {};
  const router = new DeskRouter({
    desk,
    switching: { clients: 'stale', upToMs: 30_000 },
    readOwner: async (side) => owners[side],
  });
  return {
    router,
    decide: async (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
    ask: isAt,
    begin: async () => async () => undefined,
    [Symbol.asyncDispose]: end,
  };
}

function failsBy(code: ErrorCode, text: string): { readonly asymmetricMatch: (error: unknown) => boolean } {
  return expect.toSatisfy((error: unknown) => isTealError(error, code) && error.message.includes(text)) as never;
}

async function folderOf(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'teal-custom-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

describe('programs', () => {
  const desk = (folder: string): Desk =>
    commandDesk({
      read: ['cat', 'side'],
      point: [
        'sh',
        '-c',
        'echo "$0" > side; echo "$TEAL_SIDE $TEAL_EPOCH" >> told; echo moved, by postgres://u:s3cret@h',
      ],
      folder,
      timeoutMs: 30_000,
    });
  const open = async (): Promise<RouterWorld> => {
    const folder = await folderOf();
    await writeFile(join(folder.path, 'side'), 'blue\n');
    const isAt = async (): Promise<Side> => (await readFile(join(folder.path, 'side'), 'utf8')).trim() as Side;
    return worldOf(desk(folder.path), isAt, async () => folder[Symbol.asyncDispose]());
  };
  for (const { name, run } of routerContract(open, false)) test(name, run);

  test('what one says about the switch is kept, without passwords', async () => {
    await using folder = await folderOf();
    await writeFile(join(folder.path, 'side'), 'blue\n');
    await using world = worldOf(
      desk(folder.path),
      async () => 'blue',
      async () => undefined,
    );
    await world.decide('green', 7);
    expect(await world.router.point('green', 7)).toEqual({ told: 'moved, by postgres://u:***@h' });
    expect(await readFile(join(folder.path, 'told'), 'utf8')).toBe('green 7\n');
  });

  test('each is told which topics it is about, where it is about some', async () => {
    await using folder = await folderOf();
    const told = (name: string): string[] => ['sh', '-c', `echo "${name} $TEAL_TOPICS" >> told; echo blue`];
    const of = commandDesk({
      read: told('read'),
      point: told('point'),
      holding: { hold: told('hold'), release: told('release') },
      folder: folder.path,
      timeoutMs: 30_000,
      topics: ['shop.orders', 'shop.bills'],
    });
    await of.read();
    await of.holding?.hold(hold);
    await of.point('green', 1);
    await of.holding?.release();
    const lines = (await readFile(join(folder.path, 'told'), 'utf8')).trim().split('\n');
    expect(lines).toEqual(['read', 'hold', 'point', 'release'].map((name) => `${name} shop.orders,shop.bills`));
  });

  test('those that can hold are asked to, in the time that there is, and to release', async () => {
    await using folder = await folderOf();
    const router = new DeskRouter({
      desk: commandDesk({
        read: ['sh', '-c', 'test -e held && echo blue holding || echo blue'],
        point: ['true'],
        holding: {
          hold: ['sh', '-c', 'test "$TEAL_DRAIN_MS" = 50 && sleep 60; touch held'],
          release: ['rm', '-f', 'held'],
        },
        folder: folder.path,
        timeoutMs: 60_000,
      }),
      switching: { clients: 'none fails' },
      readOwner: async () => undefined,
    });
    expect(router.holdsClients).toBe(true);
    expect(await router.hold(hold)).toMatchObject({ drained: true });
    expect(await router.read()).toMatchObject({ mode: 'holding', pointsTo: 'blue' });
    await router.release();
    expect(await router.read()).toMatchObject({ mode: 'running' });
    await expect(router.hold({ ...hold, drainMs: 50 })).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-019', '`sh` did not end within 50 ms'),
    );
    expect(await router.read()).toMatchObject({ mode: 'running' });
  });

  test('one that fails is told with the end of what it said; one that answers nonsense, or is not there, is a finding', async () => {
    await using folder = await folderOf();
    const run = async (...command: string[]): Promise<string> =>
      runProgram({ command, folder: folder.path, timeoutMs: 30_000 }, [], {});
    await expect(run('sh', '-c', 'echo no >&2; exit 3')).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-019', '`sh` ended with 3: no'),
    );
    const told = await run('sh', '-c', 'yes | head -c 100000');
    expect(told.length).toBe(4_096);
    const reading = (...read: string[]): DeskRouter =>
      new DeskRouter({
        desk: commandDesk({ read, point: ['true'], folder: folder.path, timeoutMs: 30_000 }),
        switching: { clients: 'connections drop' },
        readOwner: async () => undefined,
      });
    expect(await reading('echo', 'blue').check()).toEqual([]);
    const whats = await Promise.all(
      [reading('echo', 'unknown'), reading('echo', 'teal'), reading('./not-there')].map(
        async (router) => (await router.check())[0]?.what,
      ),
    );
    expect(whats).toEqual([
      '`traffic.read` cannot tell where clients are.',
      expect.stringContaining('TEAL-TRAFFIC-019: `traffic.read` printed something else'),
      expect.stringContaining('TEAL-TRAFFIC-019: `./not-there` cannot be run'),
    ]);
  });

  test('what it has started is ended with it', async () => {
    await using folder = await folderOf();
    const command = ['sh', '-c', 'sleep 600 & echo $! > pid; wait'];
    await expect(runProgram({ command, folder: folder.path, timeoutMs: 3_000 }, [], {})).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-019', 'did not end within'),
    );
    const pid = Number(await readFile(join(folder.path, 'pid'), 'utf8'));
    await waitFor({ what: 'the child of the program to end', timeoutMs: 30_000 }, async () => {
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ');
      return / Z /.test(state) ? true : undefined;
    });
  });
});

interface Service extends AsyncDisposable {
  readonly url: string;
  readonly asked: { readonly key: string; readonly authorization: string; readonly body: Record<string, unknown> }[];
  side: Side;
  isHolding: boolean;
  /** Answered, one after the other, before anything is done. */
  readonly refusals: number[];
}

async function service(): Promise<Service> {
  const server: Server = createServer((request, response) => {
    void (async () => {
      const body = (await json(request)) as Record<string, unknown>;
      const { authorization = '' } = request.headers;
      it.asked.push({ key: String(request.headers['idempotency-key']), authorization, body });
      const refusal = it.refusals.shift();
      if (refusal !== undefined) {
        response.writeHead(refusal, { location: 'http://127.0.0.1:1/' }).end(`not now, ${authorization}`);
        return;
      }
      if (body['action'] === 'point') it.side = body['side'] as Side;
      if (body['action'] === 'hold') it.isHolding = true;
      if (body['action'] === 'release') it.isHolding = false;
      response.end(body['action'] === 'read' ? JSON.stringify({ pointsTo: it.side, holding: it.isHolding }) : 'done');
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const it: Service = {
    url: `http://127.0.0.1:${port}/switch`,
    asked: [],
    side: 'blue',
    isHolding: false,
    refusals: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return it;
}

describe('a service', () => {
  const options = { migration: 'shop', token: 's3cret-token', holds: false, timeoutMs: 30_000 };
  const open = async (): Promise<RouterWorld> => {
    const it = await service();
    const desk = webhookDesk({ ...options, url: it.url });
    return worldOf(
      desk,
      async () => it.side,
      async () => it[Symbol.asyncDispose](),
    );
  };
  for (const { name, run } of routerContract(open, false)) test(name, run);

  test('is asked again with the same key where it may not have heard, and by the next controller too', async () => {
    await using it = await service();
    const desk = webhookDesk({ ...options, url: it.url });
    it.refusals.push(503, 429);
    expect(await desk.point('green', 3)).toBe('done');
    await webhookDesk({ ...options, url: it.url }).point('green', 3);
    expect(it.asked.map(({ key }) => key)).toEqual(Array(4).fill('shop/point/green/3'));
    expect(it.asked[0]).toMatchObject({
      authorization: 'Bearer s3cret-token',
      body: { migration: 'shop', action: 'point', side: 'green', epoch: 3 },
    });
  });

  test('that can hold is asked to, and to release', async () => {
    await using it = await service();
    const router = new DeskRouter({
      desk: webhookDesk({ ...options, holds: true, url: it.url }),
      switching: { clients: 'none fails' },
      readOwner: async () => undefined,
    });
    expect(await router.hold(hold)).toMatchObject({ drained: true });
    expect(await router.read()).toMatchObject({ mode: 'holding' });
    await router.release();
    expect(await router.read()).toMatchObject({ mode: 'running' });
    expect(it.asked[0]?.body).toEqual({ migration: 'shop', action: 'hold', ...hold });
  });

  test('is told which topics it is asked about, where it is about some', async () => {
    await using it = await service();
    const desk = webhookDesk({ ...options, holds: true, url: it.url, topics: ['shop.orders'] });
    await desk.read();
    await desk.point('green', 3);
    await desk.holding?.release();
    expect(it.asked.map(({ body }) => [body['action'], body['topics']])).toEqual(
      ['read', 'point', 'release'].map((action) => [action, ['shop.orders']]),
    );
  });

  test.each([
    ['refuses', [400], 'point: it answered 400: not now, Bearer ***'],
    // The key is for one service.
    ['sends elsewhere', [307], 'point: it answered 307'],
  ])('that %s is told, without its key', async (_, refusals, text) => {
    await using it = await service();
    it.refusals.push(...refusals);
    const desk = webhookDesk({ ...options, url: it.url });
    await expect(desk.point('green', 1)).rejects.toThrow(failsBy('TEAL-TRAFFIC-020', text));
    expect(it.side).toBe('blue');
  });

  test('that does not come round in time is told, by what it last answered where it has', async () => {
    await using it = await service();
    it.refusals.push(...Array<number>(100).fill(503));
    const desk = webhookDesk({ ...options, timeoutMs: 1_000, url: it.url });
    // The second on a machine that does other things too.
    await expect(desk.point('green', 1)).rejects.toThrow(
      /^TEAL-TRAFFIC-020: point: (it answered 503|there was no answer)/,
    );
    expect(it.side).toBe('blue');
  });

  test('that is not there, or answers something else, is a finding', async () => {
    const away = webhookDesk({ ...options, timeoutMs: 300, url: 'http://127.0.0.1:1/' });
    const rest = { switching: { clients: 'connections drop' }, readOwner: async () => undefined } as const;
    const gone = new DeskRouter({ ...rest, desk: away });
    expect(await gone.check()).toMatchObject([
      { severity: 'blocker', what: expect.stringContaining('TEAL-TRAFFIC-020: read:') },
    ]);
    await using it = await service();
    it.side = 'teal' as Side;
    const odd = new DeskRouter({ ...rest, desk: webhookDesk({ ...options, url: it.url }) });
    expect(await odd.check()).toMatchObject([
      { severity: 'blocker', what: expect.stringContaining('its answer is not { "pointsTo"') },
    ]);
  });
});
