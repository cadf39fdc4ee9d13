import { expect, test } from 'vitest';
import { sleep, waitFor } from '../kernel/clock.ts';
import { deathsAllowed } from '../kernel/restarts.ts';
import { Supervisor, type SupervisorPorts } from './supervisor.ts';
import type { Thing } from './wanted.ts';

interface World {
  marks: Map<Thing, string>;
  readonly living: Set<Thing>;
  readonly starts: Thing[];
  onStart: (thing: Thing) => Promise<void>;
  told: Parameters<SupervisorPorts['tell']>[0];
}

function world(...marks: readonly Thing[]): World & { readonly ports: SupervisorPorts } {
  const it: World = {
    marks: new Map(marks.map((thing) => [thing, 'first'])),
    living: new Set<Thing>(),
    starts: [],
    onStart: async (thing) => void it.living.add(thing),
    told: {},
  };
  const ports: SupervisorPorts = {
    wanted: async () => new Map(it.marks),
    lives: async (thing) => it.living.has(thing),
    start: async (thing) => {
      it.starts.push(thing);
      await it.onStart(thing);
    },
    lock: async () => ({ [Symbol.dispose]: () => undefined }),
    tell: async (things) => void (it.told = things),
    log: () => undefined,
  };
  return Object.assign(it, { ports });
}

const never = new AbortController().signal;

test('ends at once when nothing ought to run', async () => {
  const here = world();
  await new Supervisor(here.ports, 1).run(never);
  expect(here.starts).toEqual([]);
});

test('starts what ought to run and does not, and nothing else', async () => {
  const here = world('forward', 'proxy');
  here.living.add('proxy');
  here.onStart = async (thing) => {
    here.living.add(thing);
    here.marks.clear();
  };
  await new Supervisor(here.ports, 1).run(never);
  expect(here.starts).toEqual(['forward']);
});

test('does not start what was ended while it waited for its turn', async () => {
  const here = world('forward');
  const ports = {
    ...here.ports,
    lock: async () => {
      here.marks.clear();
      return { [Symbol.dispose]: () => undefined };
    },
  };
  await new Supervisor(ports, 1).run(never);
  expect(here.starts).toEqual([]);
});

test('what cannot be asked is not dead', async () => {
  const here = world('forward');
  let asked = 0;
  const lives = async (): Promise<boolean> => {
    asked += 1;
    if (asked === 3) here.marks.clear();
    throw new Error('slow');
  };
  await new Supervisor({ ...here.ports, lives }, 1).run(never);
  expect([here.starts, here.told.forward?.restarts]).toEqual([[], 0]);
  expect(here.told.forward?.failure?.reason).toContain('slow');
});

test('gives up after too many deaths, says so, and begins anew when it is asked for again', async () => {
  const here = world('forward');
  const instant = { ...here.ports };
  here.onStart = async () => undefined;
  const told: string[] = [];
  instant.tell = async (things) => {
    told.push(things.forward?.failure?.code ?? 'starts');
    if (told.at(-1) === 'TEAL-APP-002' && here.marks.get('forward') === 'first') here.marks.set('forward', 'second');
    else if (here.marks.get('forward') === 'second') here.marks.clear();
  };
  await new Supervisor(instant, 1, () => 0).run(never);
  expect(here.starts.length).toBe(deathsAllowed + 1);
  expect(told.filter((code) => code === 'TEAL-APP-002')).toHaveLength(1);
});

test('a start that lasts keeps nobody else from being started, and is not begun twice', async () => {
  const here = world('cut', 'reverse');
  const started = Promise.withResolvers<void>();
  here.onStart = async (thing) => {
    here.living.add(thing);
    // A recovery waits for the flow back, which only this supervisor can start again.
    if (thing === 'cut') await started.promise;
    else started.resolve();
    here.marks.delete(thing);
  };
  here.living.add('reverse');
  const run = new Supervisor(here.ports, 1).run(never);
  await waitFor(
    { what: 'the recovery to begin', timeoutMs: 60_000, everyMs: 1 },
    () => here.starts.length || undefined,
  );
  here.living.clear();
  await run;
  expect(here.starts).toEqual(['cut', 'reverse']);
});

test('ends only when a start that lasts has ended, though nothing ought to run any more', async () => {
  const here = world('cut');
  const [begun, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  here.onStart = async () => {
    here.marks.clear();
    begun.resolve();
    await goes.promise;
  };
  let ended = false;
  const run = new Supervisor(here.ports, 1).run(never).then(() => (ended = true));
  await begun.promise;
  await sleep(20);
  expect(ended).toBe(false);
  goes.resolve();
  await run;
});
