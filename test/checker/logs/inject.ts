import { sleep } from '../../../src/kernel/clock.ts';
import { must } from '../../../src/kernel/assert.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { edges, type StepEdge } from '../faults.ts';
import type { Controller } from '../run/controllers.ts';
import type { ControllerTask } from '../run/controller.ts';
import { tearJournal } from '../run/faults/processes.ts';
import { patiently } from '../run/slowness.ts';
import { isOfCut, isOfGroup, type LogFault, type LogPlace as Where } from './faults.ts';
import type { LogPlace } from './place.ts';

export interface Met {
  /** As it came to pass; undefined when its place was never reached. */
  readonly what?: string;
  /** It may still be under way. */
  readonly controller?: Controller;
}

interface Injected {
  readonly what: string;
  /** Ends what lasts. */
  readonly heal: () => Promise<void>;
}

const lastsMs = 1_500;
const reachMs = patiently(120_000);
/** A controller that ended before it came to the place is followed by another, so often. */
const reachAttempts = 6;

/** These die, and with them whoever is at the failpoint. */
const killsController: ReadonlySet<string> = new Set(['kill controller', 'torn journal']);

/** Steps of a stage at which a fault may come. */
const stops: Partial<Record<Where, readonly string[]>> = {
  'set-up': ['prepare:fence-blue', 'prepare:topics', 'prepare:hold-back', 'prepare:rules'],
  // The mirror runs from the step before it on.
  copy: ['copy:catch-up'],
};

/** While nothing but the mirrors runs. */
export async function meetAlone(place: LogPlace, fault: LogFault): Promise<Met> {
  return { what: await whole(place, fault) };
}

/** A controller of the command meets the fault at its place, whatever becomes of it. */
export async function meetFault(place: LogPlace, fault: LogFault, command: ControllerTask['command']): Promise<Met> {
  if (fault.place === 'verify') return duringVerify(place, fault);
  const { failpoints } = place;
  const kills = killsController.has(fault.fault);
  await failpoints.arm(patternsOf(place, fault), kills ? 'kill' : 'wait');
  try {
    let controller: Controller | undefined;
    for (let attempt = 1; attempt <= reachAttempts; attempt += 1) {
      const running = place.control(command);
      controller = running;
      const name = await failpoints.met(reachMs, () => running.hasEnded);
      if (name !== undefined) {
        return {
          controller,
          what: kills ? await killed(place, fault, name, running) : await standing(place, fault, name),
        };
      }
      // One that has come to its end did not pass there: another would not either.
      if ((await running.ended).kind !== 'error') break;
    }
    return controller === undefined ? {} : { controller };
  } finally {
    await failpoints.disarm();
  }
}

async function killed(place: LogPlace, { fault }: LogFault, name: string, controller: Controller): Promise<string> {
  await controller.ended;
  return fault === 'torn journal' ? (await tearJournal(place)).what : `killed at ${name}`;
}

/** The controller goes on under the fault. */
async function standing(place: LogPlace, fault: LogFault, name: string): Promise<string> {
  let injected: Injected;
  try {
    injected = await inject(place, fault);
  } finally {
    await place.failpoints.go(name);
  }
  await sleep(lastsMs);
  await injected.heal();
  return `${injected.what} at ${name}`;
}

async function whole(place: LogPlace, fault: LogFault): Promise<string> {
  const { what, heal } = await inject(place, fault);
  await sleep(lastsMs);
  await heal();
  return what;
}

/** No step runs then: somewhere in the comparison. */
async function duringVerify(place: LogPlace, fault: LogFault): Promise<Met> {
  const controller = place.control('verify');
  await controller.heard(({ kind }) => kind === 'verify progress' || kind === 'opened', reachMs);
  await sleep(place.random.between(0, 200));
  if (fault.fault !== 'kill controller') return { controller, what: await whole(place, fault) };
  const { pid } = controller;
  if (pid === undefined) return { controller };
  process.kill(pid, 'SIGKILL');
  return { controller, what: `kill -9 of controller ${pid}` };
}

/** A step that is found done has no `before`: then it is met where it is journalled. */
function patternsOf(place: LogPlace, fault: LogFault): readonly string[] {
  const step = stepOf(place, fault);
  return [...new Set([edgeOf(place, fault), 'journalled'])].map((edge) => `step:${step}:${edge}`);
}

function edgeOf({ random }: LogPlace, { fault, edge }: LogFault): StepEdge {
  if (edge !== undefined) return edge;
  if (fault === 'torn journal') return random.pick(['before', 'journalled'] as const);
  return fault === 'kill controller' ? random.pick(edges) : 'before';
}

function stepOf(place: LogPlace, fault: LogFault): string {
  if (isOfCut(fault)) return `cut:*:${fault.place}`;
  if (isOfGroup(fault)) return `group:*:${fault.place}:*`;
  return place.random.pick(must(stops[fault.place], `the steps of ${fault.place}`));
}

async function inject(place: LogPlace, { fault }: LogFault): Promise<Injected> {
  const over = async (): Promise<void> => undefined;
  switch (fault) {
    case 'restart blue broker':
    case 'restart green broker':
      return restart(place, fault === 'restart blue broker' ? 'blue' : 'green');
    case 'two controllers': {
      const ended = await place.control('up', { second: true }).ended;
      if (ended.kind !== 'error' || ended.code !== 'TEAL-JOURNAL-003') {
        throw new Error(`a second controller was let in: ${JSON.stringify(ended)}`);
      }
      return { what: 'a second controller was refused', heal: over };
    }
    case 'kill supervisor':
    case 'kill worker forward':
    case 'kill worker reverse': {
      const name = fault.replace('kill ', '') as 'supervisor' | 'worker forward' | 'worker reverse';
      const running = place.pids(name);
      if (running.length === 0) throw new Error(`no ${name} runs`);
      const pid = place.random.pick(running);
      process.kill(pid, 'SIGKILL');
      return { what: `kill -9 of ${name} ${pid}`, heal: over };
    }
    default:
      throw new Error(`nobody knows how to bring about: ${fault}`);
  }
}

async function restart(place: LogPlace, side: Side): Promise<Injected> {
  const server = must(place.servers, 'a broker of its own')[side];
  const { pid } = server;
  await server.kill9();
  return { what: `kill -9 of ${side}'s broker ${pid}`, heal: async () => server.restart() };
}
