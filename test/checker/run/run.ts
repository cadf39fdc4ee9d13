import { monotonicMs, sleep } from '../../../src/kernel/clock.ts';
import { describeError } from '../../../src/kernel/errors.ts';
import { faultKindOf, faultText, isCutStep, type PlannedFault } from '../faults.ts';
import type { Comparison, CutTold, DoorMove, Excuse, Replay, Sample } from '../../../src/testing/checker/invariants.ts';
import type { OwnerState } from '../../../src/testing/checker/owner-state.ts';
import { comesDuringUp, isUnfounded, type ClientGroup, type Deed } from '../schedule.ts';
import { endedText, type Controller, type Ended } from './controllers.ts';
import type { ControllerTask } from './controller.ts';
import { answers } from './answers.ts';
import { commandUntil, Refused } from './command-until.ts';
import { Faults, type Brought } from './inject.ts';
import type { Place } from './place.ts';
import { patiently } from './slowness.ts';
import { nowUs } from './tables.ts';

/** From then on clients write on the gaining side: what it does not have yet is missing, though a flow may still bring it. */
const isRelease = /^cut:.*:release$/;

/** The migration's side of a run: does the deeds, brings the faults about, and keeps what was seen. */
export class Run {
  readonly #place: Place;
  readonly #groups: readonly ClientGroup[];
  readonly #faults: Faults;
  readonly #say: (line: string) => void;
  readonly states: OwnerState[] = [];
  readonly cuts: CutTold[] = [];
  readonly comparisons: Comparison[] = [];
  readonly excuses: Excuse[] = [];
  readonly injected: PlannedFault[] = [];
  /** For people: everything in its order. */
  readonly told: string[] = [];
  readonly replays: Replay[] = [];
  readonly samples: Sample[] = [];
  doors: readonly DoorMove[] = [];
  end: 'running' | 'aborted' | 'finalised' = 'running';
  /** A fault after which a migration cannot go on: only its end is left. */
  #isOver = false;
  /** At the owner, while clients have only just come to it: each says why it saw nothing. */
  #looks: Promise<string | undefined>[] = [];

  /** `say` hears what happens at once. */
  constructor(place: Place, groups: readonly ClientGroup[], say: (line: string) => void = () => undefined) {
    this.#say = say;
    this.#groups = groups;
    this.#place = place;
    this.#faults = new Faults(place);
    place.onEvent = (event) => {
      if (event.kind === 'step done' && isRelease.test(event.step)) this.#looks.push(this.#tryToLook());
    };
  }

  /** Starts the proxy, and nothing else. */
  async open(): Promise<void> {
    await this.#until('look', ({ kind }) => kind === 'outcome');
    await answers(this.#place.clientUrl, patiently(30_000));
  }

  async do(deeds: readonly Deed[]): Promise<void> {
    for (let at = 0; at < deeds.length && this.end === 'running'; at += 1) {
      const deed = deeds[at] as Deed;
      const following = deeds.slice(at + 1);
      const next = following.findIndex((each) => each.do !== 'fault' || !comesDuringUp(each.fault));
      const early = following.slice(0, next === -1 ? following.length : next);
      await sleep(deed.afterMs);
      this.#tell(deed.do);
      if (deed.do === 'up') {
        await this.#up(early.flatMap((each) => (each.do === 'fault' ? [each.fault] : [])));
        at += early.length;
      } else if (!this.#isOver) await this.#deed(deed);
      else if (at === deeds.length - 1) await this.#giveUp();
      await this.#sample();
    }
  }

  async #deed(deed: Deed): Promise<void> {
    switch (deed.do) {
      case 'verify':
        return this.#verify();
      case 'switch':
        return this.#switch(deed.fault);
      case 'finalise':
        if ((await this.#place.live()) === 'blue') await this.#switch();
        return this.#finish('finalise');
      case 'abort':
        if ((await this.#place.live()) === 'green') await this.#switch();
        return this.#finish('abort');
      case 'fault':
        return this.#alone(deed.fault);
      case 'stop':
        return this.#replay();
      case 'up':
        return;
    }
  }

  /** Until it waits for a person. */
  async #up(faults: readonly PlannedFault[]): Promise<void> {
    await this.#disturbed(faults, 'up');
    if (this.#isOver) return;
    await this.#until('up', (ended) => ended.kind === 'outcome' && ended.outcome.outcome === 'waiting');
  }

  async #switch(fault?: PlannedFault): Promise<void> {
    const before = await this.#place.owner();
    const command = before.side === 'blue' ? 'cutover' : 'rollback';
    const cut = `of ${before.side}, epoch ${before.epoch + 1}`;
    const moved = async (): Promise<boolean> => (await this.#place.owner()).epoch > before.epoch;
    if (fault === undefined) await this.#until(command, async () => moved());
    else await this.#disturbed([fault], command);
    const outcome = (await moved()) ? 'done' : 'aborted';
    this.cuts.push({ cut, conditionsMet: fault === undefined || faultKindOf(fault).refusesCut !== true, outcome });
    this.#tell(`switch ${cut}: ${outcome}`);
    await this.#endLooks(fault !== undefined);
    await this.lookAtOwner();
  }

  /** A server that a fault has ended cannot be looked at. */
  async #endLooks(mayFail: boolean): Promise<void> {
    const looks = await Promise.all(this.#looks);
    this.#looks = [];
    for (const error of looks.filter((each) => each !== undefined)) {
      if (!mayFail) throw new Refused(`the owner could not be looked at: ${error}`);
      this.#tell(`the owner could not be looked at: ${error}`);
    }
  }

  async #tryToLook(): Promise<string | undefined> {
    return this.lookAtOwner().then(() => undefined, describeError);
  }

  async #verify(): Promise<void> {
    const ended = await this.#until('verify', ({ kind }) => kind === 'comparison');
    if (ended.kind === 'comparison') this.comparisons.push(ended.comparison);
  }

  async #alone(fault: PlannedFault): Promise<void> {
    if (fault.place === 'verify') return this.#disturbed([fault], 'verify');
    const fromUs = nowUs();
    await this.#after(await this.#faults.alone(fault), fromUs);
  }

  /** A command that finds everything done does nothing. */
  async #replay(): Promise<void> {
    const before = await this.#place.outside();
    await this.#until('up', ({ kind }) => kind === 'outcome');
    this.replays.push({ what: '`up` once more', before, after: await this.#place.outside() });
  }

  async #finish(command: 'finalise' | 'abort'): Promise<void> {
    if (!this.#isOver) await this.#replay();
    this.doors = await this.#place.doorMoves();
    await this.lookAtOwner();
    await this.#until(command, (ended) => ended.kind === 'outcome' && ended.outcome.outcome === 'done');
    this.end = command === 'abort' ? 'aborted' : 'finalised';
  }

  /** What a person does when a flow is lost for good: back to blue alone, or on with green alone. */
  async #giveUp(): Promise<void> {
    await this.#finish((await this.#place.live()) === 'blue' ? 'abort' : 'finalise');
  }

  /** Controllers of a command that meet the faults, whatever becomes of them. */
  async #disturbed(faults: readonly PlannedFault[], command: ControllerTask['command']): Promise<void> {
    let fromUs = nowUs();
    let last: Controller | undefined;
    for await (const brought of this.#faults.during(faults, command)) {
      await this.#after(brought, fromUs);
      fromUs = nowUs();
      last = brought.controller;
      if (this.#isOver) break;
    }
    const isUnderWay = last?.hasEnded === false;
    const ended = await last?.ended;
    if (last !== undefined && ended !== undefined && isUnderWay) this.#heard(last, ended);
  }

  /** A fault is over, and perhaps its controller. */
  async #after({ fault, injection, controller }: Brought, fromUs: number): Promise<void> {
    const kind = faultKindOf(fault);
    this.#tell(`${faultText(fault)}: ${injection?.what ?? 'did not come to pass'}`);
    // On its way through `up` a controller meets more than one.
    const ended = isCutStep(fault.place) || fault.place === 'verify' ? await controller?.ended : undefined;
    if (ended !== undefined && controller !== undefined) this.#heard(controller, ended);
    if (injection === undefined) return;
    this.injected.push(fault);
    if (kind.ends === true) this.#isOver = true;
    // A cut whose controller was killed is ended by the supervisor, one way or the other: nobody gives a command here.
    await answers(this.#place.clientUrl, patiently(60_000));
    if (kind.breaksClients) this.excuses.push({ fromUs, untilUs: nowUs() + 500_000, why: faultText(fault) });
    if (kind.repair === true) await this.#until('fix', ({ kind: how }) => how === 'outcome');
    else if (ended?.kind === 'comparison') this.comparisons.push(ended.comparison);
  }

  /** Gives a command until it does what it must; a fault may have left much to be put right. */
  async #until(
    command: ControllerTask['command'],
    isDone: (ended: Ended) => boolean | Promise<boolean>,
  ): Promise<Ended> {
    return commandUntil(
      {
        control: () => this.#place.control(command),
        heard: (controller, ended) => this.#heard(controller, ended),
        isHopeless: (ended) => this.#isUnfounded(ended),
      },
      isDone,
    );
  }

  /** Asked for again it would only come off by chance. */
  #isUnfounded(ended: Ended): boolean {
    return ended.kind === 'error' && isUnfounded(ended.code, this.#groups);
  }

  #heard(controller: Controller, ended: Ended): void {
    this.#tell(`${controller.task.command}: ${endedText(ended)}${controller.tookTooLong ? ' (it took too long)' : ''}`);
  }

  async #sample(): Promise<void> {
    this.samples.push(...(await this.#place.sample()));
  }

  async lookAtOwner(): Promise<void> {
    const { side, epoch } = await this.#place.owner();
    this.states.push(await this.#place.store(side).readState(epoch));
  }

  async readDoors(): Promise<void> {
    if (this.end === 'running') this.doors = await this.#place.doorMoves();
  }

  #tell(text: string): void {
    const line = `${(monotonicMs() / 1_000).toFixed(1)} ${text}`;
    this.told.push(line);
    this.#say(line);
  }
}
