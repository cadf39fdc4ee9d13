import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import { DeskRouter } from '../desk-router.ts';
import { flagdDesk } from './flagd-desk.ts';
import { flagIn, withDefault } from './flags.ts';

const variants = { blue: 'old', green: 'new' };
const text = `{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "other": { "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "on" },
    "shop-database": {
      "state": "ENABLED",
      "variants": { "old": "postgres://db-old/shop", "new": "postgres://db-new/shop" },
      "defaultVariant": "old"
    }
  }
}
`;

interface Served extends AsyncDisposable {
  readonly config: string;
  readonly router: (timeoutMs?: number) => DeskRouter;
  readonly owners: Partial<Record<Side, OwnerRow>>;
  readonly ask: () => Promise<Side>;
  /** Whether it takes what is moved into place. */
  takes: boolean;
}

/**
 * A file of flags, and what answers for it as the OpenFeature Remote Evaluation Protocol (0.3) says that flagd does: by the default of the file, which it takes when another file is at its path.
 */
async function served(given = text): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-flagd-'));
  const config = join(folder, 'flags.json');
  await writeFile(config, given);
  let taken = { ino: (await stat(config)).ino, flags: JSON.parse(given) as { flags: Record<string, Flag> } };
  interface Flag {
    readonly state: string;
    readonly variants: Readonly<Record<string, unknown>>;
    readonly defaultVariant: string;
  }
  const server = createServer((request, response) => {
    void (async () => {
      const { ino } = await stat(config);
      if (it.takes && ino !== taken.ino) taken = { ino, flags: JSON.parse(await readFile(config, 'utf8')) };
      const key = decodeURIComponent((request.url ?? '').replace('/ofrep/v1/evaluate/flags/', ''));
      const { context } = (await json(request)) as { readonly context?: unknown };
      const flag = taken.flags.flags[key];
      const isAsked = request.method === 'POST' && context !== undefined;
      const [status, body] =
        flag === undefined || !isAsked
          ? [404, { key, errorCode: 'FLAG_NOT_FOUND' }]
          : [200, { key, reason: 'STATIC', variant: flag.defaultVariant, value: flag.variants[flag.defaultVariant] }];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const status = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const owners: Partial<Record<Side, OwnerRow>> = {};
  const it: Served = {
    config,
    owners,
    takes: true,
    router: (timeoutMs = 30_000) =>
      new DeskRouter({
        desk: flagdDesk({ config, flag: 'shop-database', variants, status, timeoutMs }),
        switching: { clients: 'stale', upToMs: 30_000 },
        readOwner: async (side) => owners[side],
      }),
    async ask() {
      const response = await fetch(`http://${status}/ofrep/v1/evaluate/flags/shop-database`, {
        method: 'POST',
        body: '{"context":{}}',
      });
      const { value } = (await response.json()) as { readonly value: string };
      return value.includes('db-old') ? 'blue' : 'green';
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
  return it;
}

function decide({ owners }: Served, side: Side, epoch: number): void {
  owners[side] = { epoch, owner: side, cut: `e${epoch}a1` };
}

function failsBy(code: ErrorCode, told: string): never {
  return expect.toSatisfy((error: unknown) => isTealError(error, code) && error.message.includes(told)) as never;
}

describe('a flag as a router', () => {
  const open = async (): Promise<RouterWorld> => {
    const it = await served();
    return {
      router: it.router(),
      decide: async (side, epoch) => decide(it, side, epoch),
      ask: it.ask,
      begin: async () => async () => undefined,
      [Symbol.asyncDispose]: async () => it[Symbol.asyncDispose](),
    };
  };
  for (const { name, run } of routerContract(open, false)) test(name, run);

  test('of the file one word changes, there and back', async () => {
    await using it = await served();
    const router = it.router();
    expect((await router.check()).map(({ severity }) => severity)).toEqual(['warning']);
    expect(await readFile(it.config, 'utf8')).toBe(text);
    decide(it, 'green', 1);
    await router.point('green', 1);
    expect(await readFile(it.config, 'utf8')).toBe(text.replace('"defaultVariant": "old"', '"defaultVariant": "new"'));
    decide(it, 'blue', 2);
    await router.point('blue', 2);
    expect(await readFile(it.config, 'utf8')).toBe(text);
    expect(await router.read()).toMatchObject({ pointsTo: 'blue', epoch: 2 });
  });

  test('it is pointed when flagd tells so, and not when the file does', async () => {
    await using it = await served();
    it.takes = false;
    decide(it, 'green', 1);
    await expect(it.router(500).point('green', 1)).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-065', 'it does not tell new as shop-database'),
    );
    expect(await it.router().read()).toMatchObject({ pointsTo: 'unknown' });
    expect((await it.router().check())[0]?.what).toMatch(/flags\.json says new, and flagd at .* tells old\.$/);
    it.takes = true;
    await it.router().point('green', 1);
    expect(await it.router().read()).toMatchObject({ pointsTo: 'green', epoch: 1 });
  });

  test.each([
    ['"old"\n', '"else"\n', 'The default of shop-database in'],
    ['"old"\n', '"old", "targeting": { "if": [true, "new"] }\n', 'has `targeting`'],
    ['"ENABLED",\n', '"DISABLED",\n', 'is not ENABLED'],
    ['"new":', '"newer":', 'Flag shop-database has no variant new.'],
    ['"shop-database"', '"shop"', 'has no flag shop-database'],
  ])('%s that is %s keeps a cut from its begin', async (from, to, what) => {
    await using it = await served(text.replace(from, to));
    expect(await it.router().check()).toContainEqual(
      expect.objectContaining({ severity: 'blocker', what: expect.stringContaining(what) }),
    );
  });

  test('one that is not there is told', async () => {
    await using it = await served();
    const desk = flagdDesk({
      config: it.config,
      flag: 'shop-database',
      variants,
      status: '127.0.0.1:1',
      timeoutMs: 500,
    });
    await expect(desk.read()).rejects.toThrow(failsBy('TEAL-TRAFFIC-065', 'flagd at 127.0.0.1:1'));
  });
});

test('a file in YAML keeps its words as they were written', () => {
  const yaml = `flags:\n  f: # by which the shop chooses\n    state: ENABLED\n    variants: { old: a, new: b }\n    defaultVariant: old # for now\n`;
  expect(flagIn(yaml, 'f', variants)).toMatchObject({ side: 'blue', isDisabled: false, isTargeted: false });
  expect(withDefault(yaml, 'f', variants, 'green')).toBe(yaml.replace('defaultVariant: old', 'defaultVariant: new'));
});
