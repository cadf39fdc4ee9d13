import { sleep } from '../../../src/kernel/clock.ts';
import { edges, faultKindOf, isCutStep, type PlannedFault } from '../faults.ts';
import type { Controller } from './controllers.ts';
import type { ControllerTask } from './controller.ts';
import { injectors } from './faults/index.ts';
import { tearJournal } from './faults/processes.ts';
import { maxPauseMs, type Place } from './place.ts';
import type { Injection } from './world.ts';

export interface Brought {
  /** Undefined when the place was never reached. */
  readonly injection?: Injection;
  /** It may still be under way. */
  readonly controller?: Controller;
}

const defaultLastsMs = 1_500;
const reachMs = 120_000;

/** Steps of a stage at which a fault may come, in their order: each fault of a run comes later than the one before. */
const stops = {
  'set-up': [
    'prepare:teal-schema-blue',
    'prepare:schema',
    'prepare:fence-green',
    'prepare:fence-blue',
    'copy:snapshot',
  ],
  copy: ['copy:rows', 'copy:keys', 'copy:analyse'],
  follow: ['follow:foreign-keys', 'follow:rest', 'follow:publication-green', 'prepare:slot-green'],
} as const;

/** These die, and with them whoever is at the failpoint. */
const killsController: ReadonlySet<string> = new Set(['kill controller', 'torn journal']);

/** Brings faults about at their places. */
export class Faults {
  readonly #place: Place;
  readonly #passed = { 'set-up': 0, copy: 0, follow: 0 };

  constructor(place: Place) {
    this.#place = place;
  }

  /** With a command: a controller of it meets the fault. Throws when the fault could not be done where its place was reached. */
  async bring(fault: PlannedFault, command: ControllerTask['command'] | undefined): Promise<Brought> {
    if (!this.#canBring(fault)) return command === undefined ? {} : { controller: this.#place.control(command) };
    if (command === undefined) return { injection: await this.#whole(fault) };
    if (fault.place === 'verify') return this.#duringVerify(fault);
    return killsController.has(fault.fault) ? this.#killed(fault, command) : this.#met(fault, command);
  }

  async #whole(fault: PlannedFault): Promise<Injection> {
    const injection = await this.#inject(fault);
    await sleep(faultKindOf(fault).lastsMs ?? defaultLastsMs);
    await injection.heal();
    return injection;
  }

  /** The controller stands at the place while the fault is made, and goes on under it. */
  async #met(fault: PlannedFault, command: ControllerTask['command']): Promise<Brought> {
    const { failpoints } = this.#place;
    await failpoints.arm(this.#pattern(fault, 'before'), 'wait');
    const controller = this.#place.control(command);
    const name = await failpoints.met(reachMs, () => controller.hasEnded);
    if (name === undefined) {
      await failpoints.disarm();
      return { controller };
    }
    try {
      if (fault.fault === 'deadline') return { injection: await this.#pastDeadline(name), controller };
      const injection = await this.#inject(fault);
      await failpoints.go(name);
      await sleep(faultKindOf(fault).lastsMs ?? defaultLastsMs);
      await injection.heal();
      return { injection, controller };
    } finally {
      await failpoints.go(name);
    }
  }

  async #pastDeadline(name: string): Promise<Injection> {
    await sleep(maxPauseMs + 300);
    return { what: `${name} took ${maxPauseMs + 300} ms`, heal: async () => undefined };
  }

  async #killed(fault: PlannedFault, command: ControllerTask['command']): Promise<Brought> {
    const { failpoints, random } = this.#place;
    const edge = fault.edge ?? random.pick(fault.fault === 'torn journal' ? ['before', 'journalled'] : edges);
    await failpoints.arm(this.#pattern(fault, edge), 'kill');
    const controller = this.#place.control(command);
    const name = await failpoints.met(reachMs, () => controller.hasEnded);
    await controller.ended;
    await failpoints.disarm();
    if (name === undefined) return { controller };
    if (fault.fault === 'torn journal') return { injection: await tearJournal(this.#place), controller };
    return { injection: { what: `killed at ${name}`, heal: async () => undefined }, controller };
  }

  /** No step runs then: somewhere in the comparison. */
  async #duringVerify(fault: PlannedFault): Promise<Brought> {
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

  #pattern({ fault, place }: PlannedFault, edge: string): string {
    if (isCutStep(place)) return `step:cut:*:${place}:${edge}`;
    if (place === 'verify') throw new Error('a comparison has no steps');
    const all = stops[place];
    // What is killed there runs from the snapshot to the end of the rows.
    const first = fault.includes('holder') ? 0 : this.#place.random.between(0, 1);
    const at = Math.min(all.length - 1, this.#passed[place] + first);
    this.#passed[place] = at + 1;
    return `step:${all[at]}:${edge}`;
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
