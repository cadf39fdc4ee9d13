import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { givenFlagd, startFlagd } from '../../../tools/servers/flagd.ts';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import { DeskRouter } from '../desk-router.ts';
import { flagdDesk } from './flagd-desk.ts';
import { flagIn, withDefault } from './flags.ts';
import { flagdDouble } from './test-support/flagd-double.ts';

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
}

type Start = (given: string) => Promise<AsyncDisposable & { readonly config: string; readonly status: string }>;

async function served(start: Start, given = text): Promise<Served> {
  const flagd = await start(given);
  const { config, status } = flagd;
  const owners: Partial<Record<Side, OwnerRow>> = {};
  return {
    config,
    owners,
    router: (timeoutMs = 30_000) => routerOf({ config, status, timeoutMs }, owners),
    async ask() {
      const response = await fetch(`http://${status}/ofrep/v1/evaluate/flags/shop-database`, {
        method: 'POST',
        body: '{"context":{}}',
      });
      const { value } = (await response.json()) as { readonly value: string };
      return value.includes('db-old') ? 'blue' : 'green';
    },
    [Symbol.asyncDispose]: async () => flagd[Symbol.asyncDispose](),
  };
}

function routerOf(
  place: { readonly config: string; readonly status: string; readonly timeoutMs: number },
  owners: Served['owners'],
): DeskRouter {
  return new DeskRouter({
    desk: flagdDesk({ ...place, flag: 'shop-database', variants }),
    switching: { clients: 'stale', upToMs: 30_000 },
    readOwner: async (side) => owners[side],
  });
}

const program = givenFlagd();
const worlds = [
  { of: 'a double of flagd', isThere: true, start: flagdDouble as Start },
  {
    of: 'flagd itself',
    isThere: program !== undefined,
    start: async (given: string) => startFlagd(program ?? '', given),
  },
];

function decide({ owners }: Served, side: Side, epoch: number): void {
  owners[side] = { epoch, owner: side, cut: `e${epoch}a1` };
}

function failsBy(code: ErrorCode, told: string): never {
  return expect.toSatisfy((error: unknown) => isTealError(error, code) && error.message.includes(told)) as never;
}

describe.each(worlds)('a flag as a router, with $of', ({ isThere, start }) => {
  const tried = test.runIf(isThere);
  const open = async (): Promise<RouterWorld> => {
    const it = await served(start);
    return {
      router: it.router(),
      decide: async (side, epoch) => decide(it, side, epoch),
      ask: it.ask,
      begin: async () => async () => undefined,
      [Symbol.asyncDispose]: async () => it[Symbol.asyncDispose](),
    };
  };
  for (const { name, run } of routerContract(open, false)) tried(name, run);

  tried('of the file one word changes, there and back', async () => {
    await using it = await served(start);
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

  tried.each([
    ['"old"\n', '"else"\n', 'The default of shop-database in'],
    ['"old"\n', '"old", "targeting": { "if": [true, "new"] }\n', 'has `targeting`'],
    ['"ENABLED",\n', '"DISABLED",\n', 'is not ENABLED'],
    ['"new":', '"newer":', 'Flag shop-database has no variant new.'],
    ['"shop-database"', '"shop"', 'has no flag shop-database'],
  ])('%s that is %s keeps a cut from its begin', async (from, to, what) => {
    await using it = await served(start, text.replace(from, to));
    expect(await it.router().check()).toContainEqual(
      expect.objectContaining({ severity: 'blocker', what: expect.stringContaining(what) }),
    );
    if (!what.includes('no variant') && !what.includes('no flag'))
      expect(await it.router().read()).toMatchObject({ pointsTo: 'unknown' });
  });
});

test('it is pointed when flagd tells so, and not when the file does', async () => {
  await using double = await flagdDouble(text);
  const owners: Partial<Record<Side, OwnerRow>> = { green: { epoch: 1, owner: 'green', cut: 'e1a1' } };
  const router = (timeoutMs = 30_000): DeskRouter => routerOf({ ...double, timeoutMs }, owners);
  double.takes = false;
  await expect(router(500).point('green', 1)).rejects.toThrow(
    failsBy('TEAL-TRAFFIC-065', 'it does not tell new as shop-database'),
  );
  expect(await router().read()).toMatchObject({ pointsTo: 'unknown' });
  expect((await router().check())[0]?.what).toMatch(/flags\.json says new, and flagd at .* tells old\.$/);
  double.takes = true;
  await router().point('green', 1);
  expect(await router().read()).toMatchObject({ pointsTo: 'green', epoch: 1 });
});

test('one that is not there is told', async () => {
  await using double = await flagdDouble(text);
  const { config } = double;
  const desk = flagdDesk({ config, flag: 'shop-database', variants, status: '127.0.0.1:1', timeoutMs: 500 });
  await expect(desk.read()).rejects.toThrow(failsBy('TEAL-TRAFFIC-065', 'flagd at 127.0.0.1:1'));
});

test('a file in YAML keeps its words as they were written', () => {
  const yaml = `flags:\n  f: # by which the shop chooses\n    state: ENABLED\n    variants: { old: a, new: b }\n    defaultVariant: old # for now\n`;
  expect(flagIn(yaml, 'f', variants)).toMatchObject({ side: 'blue', isDisabled: false, isTargeted: false });
  expect(withDefault(yaml, 'f', variants, 'green')).toBe(yaml.replace('defaultVariant: old', 'defaultVariant: new'));
});
