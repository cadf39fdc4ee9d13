import { sleep } from '../../../src/kernel/clock.ts';
import { edges, faultKindOf, isCutStep, quietPlaces, type PlannedFault } from '../faults.ts';
import type { Controller } from './controllers.ts';
import type { ControllerTask } from './controller.ts';
import { injectors } from './faults/index.ts';
import { tearJournal } from './faults/processes.ts';
import type { PairKind } from '../systems.ts';
import { maxPauseMs, type Place } from './place.ts';
import { patiently } from './slowness.ts';
import type { Injection } from './world.ts';

export interface Brought {
  readonly fault: PlannedFault;
  /** Undefined when the place was never reached. */
  readonly injection?: Injection;
  /** It may still be under way. */
  readonly controller?: Controller;
}

type Met = Omit<Brought, 'fault'>;

const defaultLastsMs = 1_500;
const reachMs = patiently(120_000);

const setUp = ['prepare:teal-schema-blue', 'prepare:schema', 'prepare:fence-green', 'prepare:fence-blue'] as const;
const rest = ['follow:foreign-keys', 'follow:rest'] as const;

/** Steps of a stage at which a fault may come, in their order: each fault of a run comes later than the one before. */
const stops: Readonly<Record<PairKind, Readonly<Record<'set-up' | 'copy' | 'follow', readonly string[]>>>> = {
  postgres: {
    'set-up': [...setUp, 'copy:snapshot'],
    copy: ['copy:rows', 'copy:keys', 'copy:analyse'],
    follow: [...rest, 'follow:publication-green', 'prepare:slot-green'],
  },
  mysql: {
    'set-up': [...setUp, 'copy:first-position'],
    copy: ['copy:receive', 'copy:rows', 'copy:keys'],
    follow: [...rest, 'follow:first-position'],
  },
  'mysql to postgres': {
    'set-up': [...setUp, 'copy:first-position'],
    copy: ['copy:receive', 'copy:rows', 'copy:keys', 'copy:analyse'],
    follow: [...rest, 'prepare:slot-green'],
  },
};

/** These die, and with them whoever is at the failpoint. */
const killsController: ReadonlySet<string> = new Set(['kill controller', 'torn journal']);

/** A controller that ended before it came to the place is followed by another, so often. */
const reachAttempts = 6;

/** Brings faults about at their places. */
export class Faults {
  readonly #place: Place;
  readonly #passed = { 'set-up': 0, copy: 0, follow: 0 };

  constructor(place: Place) {
    this.#place = place;
  }

  /** While nothing but flows and proxy runs. */
  async alone(fault: PlannedFault): Promise<Brought> {
    return this.#canBring(fault) ? { fault, injection: await this.#whole(fault) } : { fault };
  }

  /**
   * Controllers of one command meet these faults, one after another: each is armed before the controller goes on from the one before. The last controller may still be
   * under way. Rejects when a fault could not be done where its place was reached.
   */
  async *during(faults: readonly PlannedFault[], command: ControllerTask['command']): AsyncGenerator<Brought> {
    const planned = inOrder(faults);
    for (const fault of planned.filter((each) => !this.#canBring(each))) yield { fault };
    const able = planned.filter((each) => this.#canBring(each));
    let controller: Controller | undefined;
    await this.#arm(able[0]);
    for (const [at, fault] of able.entries()) {
      const met =
        fault.place === 'verify'
          ? await this.#duringVerify(fault)
          : await this.#reach(fault, command, controller, able[at + 1]);
      controller = met.controller;
      yield { fault, ...met };
    }
  }

  async #whole(fault: PlannedFault): Promise<Injection> {
    const injection = await this.#inject(fault);
    await sleep(faultKindOf(fault).lastsMs ?? defaultLastsMs);
    await injection.heal();
    return injection;
  }

  /** Waits for a controller to come to the place, which is armed. Whatever becomes of it, the place of the next fault is armed after it. */
  async #reach(
    fault: PlannedFault,
    command: ControllerTask['command'],
    before: Controller | undefined,
    next: PlannedFault | undefined,
  ): Promise<Met> {
    const { failpoints } = this.#place;
    let controller = before;
    for (let attempt = 1; attempt <= reachAttempts; attempt += 1) {
      if (controller === undefined || controller.hasEnded) controller = this.#place.control(command);
      const running = controller;
      const name = await failpoints.met(reachMs, () => running.hasEnded);
      if (name !== undefined) {
        if (!killsController.has(fault.fault)) return this.#standing(fault, name, running, next);
        const injection = await this.#killed(fault, name, running);
        await this.#arm(next);
        return { controller: running, injection };
      }
      // One that has come to its end did not pass there: another would not either.
      if ((await running.ended).kind !== 'error') break;
    }
    await this.#arm(next);
    return controller === undefined ? {} : { controller };
  }

  /** It goes on under the fault. */
  async #standing(
    fault: PlannedFault,
    name: string,
    controller: Controller,
    next: PlannedFault | undefined,
  ): Promise<Met> {
    let injection: Injection;
    try {
      injection = fault.fault === 'deadline' ? await this.#pastDeadline(name) : await this.#inject(fault);
    } finally {
      await this.#arm(next);
      await this.#place.failpoints.go(name);
    }
    await sleep(faultKindOf(fault).lastsMs ?? defaultLastsMs);
    await injection.heal();
    return { controller, injection };
  }

  async #arm(fault: PlannedFault | undefined): Promise<void> {
    const { failpoints } = this.#place;
    if (fault === undefined || fault.place === 'verify') return failpoints.disarm();
    const kills = killsController.has(fault.fault);
    await failpoints.arm(this.#patterns(fault, kills ? this.#edge(fault) : 'before'), kills ? 'kill' : 'wait');
  }

  async #killed(fault: PlannedFault, name: string, controller: Controller): Promise<Injection> {
    await controller.ended;
    if (fault.fault === 'torn journal') return tearJournal(this.#place);
    return { what: `killed at ${name}`, heal: async () => undefined };
  }

  async #pastDeadline(name: string): Promise<Injection> {
    await sleep(maxPauseMs + 300);
    return { what: `${name} took ${maxPauseMs + 300} ms`, heal: async () => undefined };
  }

  #edge(fault: PlannedFault): string {
    if (fault.edge !== undefined) return fault.edge;
    return this.#place.random.pick(fault.fault === 'torn journal' ? ['before', 'journalled'] : edges);
  }

  /** No step runs then: somewhere in the comparison. */
  async #duringVerify(fault: PlannedFault): Promise<Met> {
    const controller = this.#place.control('verify');
    await controller.heard(({ kind }) => kind === 'verify progress' || kind === 'opened', reachMs);
    await sleep(this.#place.random.between(0, 400));
    if (fault.fault === 'kill controller') {
      const { pid } = controller;
      if (pid === undefined) return { controller };
      process.kill(pid, 'SIGKILL');
      return { injection: { what: `kill -9 of controller ${pid}`, heal: async () => undefined }, controller };
    }
    return { injection: await this.#whole(fault), controller };
  }

  #canBring({ fault }: PlannedFault): boolean {
    return fault === 'two controllers' || fault === 'deadline' || killsController.has(fault) || fault in injectors;
  }

  /** A step that is found done has no `before`: then it is met where it is journalled. */
  #patterns(fault: PlannedFault, edge: string): readonly string[] {
    // Found done the look is over at its first place: nobody could see what comes then.
    if (fault.fault === 'rogue writer' && fault.place === 'last-look') return ['step:cut:*:sequences:journalled'];
    const step = this.#step(fault);
    return [...new Set([edge, 'journalled'])].map((each) => `step:${step}:${each}`);
  }

  #step({ fault, place }: PlannedFault): string {
    if (isCutStep(place)) return `cut:*:${place}`;
    if (place === 'verify') throw new Error('a comparison has no steps');
    const all = stops[this.#place.kind][place];
    // What is killed there runs from the snapshot to the end of the rows.
    const first = fault.includes('holder') ? 0 : this.#place.random.between(0, 1);
    const at = Math.min(all.length - 1, this.#passed[place] + first);
    this.#passed[place] = at + 1;
    return all[at] ?? '';
  }

  async #inject(fault: PlannedFault): Promise<Injection> {
    if (fault.fault === 'two controllers') return this.#secondController();
    const injector = injectors[fault.fault];
    if (injector === undefined) throw new Error(`nobody knows how to bring about: ${fault.fault}`);
    return injector(this.#place, fault);
  }

  async #secondController(): Promise<Injection> {
    const ended = await this.#place.control('up', true).ended;
    if (ended.kind !== 'error' || ended.code !== 'TEAL-JOURNAL-003') {
      throw new Error(`a second controller was let in: ${JSON.stringify(ended)}`);
    }
    return { what: 'a second controller was refused', heal: async () => undefined };
  }
}

/** As their places come; what needs the holders first. */
function inOrder(faults: readonly PlannedFault[]): readonly PlannedFault[] {
  const rank = ({ fault, place }: PlannedFault): number =>
    (quietPlaces as readonly string[]).indexOf(place) * 2 + (fault.includes('holder') ? 0 : 1);
  return faults.toSorted((a, b) => rank(a) - rank(b));
}
