import { monotonicMs, sleep, waitFor } from '../../../src/kernel/clock.ts';
import type { CutTold, Comparison, Replay } from '../../../src/testing/checker/invariants.ts';
import { commandUntil } from '../run/command-until.ts';
import { endedText, type Controller, type Ended } from '../run/controllers.ts';
import type { ControllerTask } from '../run/controller.ts';
import { patiently } from '../run/slowness.ts';
import { logFaultKindOf, logFaultText, type LogFault } from './faults.ts';
import { meetAlone, meetFault, type Met } from './inject.ts';
import type { BrokenTime } from './judge.ts';
import type { LogPlace } from './place.ts';
import type { LogDeed } from './schedule.ts';

type Command = ControllerTask['command'];

/** Clients that a broker has left have come back after so long. */
const comeBackMs = 15_000;

const isDone = (ended: Ended): boolean => ended.kind === 'outcome' && ended.outcome.outcome === 'done';

/** The migration's side of a run of two clusters: does the deeds, brings the faults about, and keeps what was seen. */
export class LogRun {
  readonly cuts: CutTold[] = [];
  readonly comparisons: Comparison[] = [];
  readonly replays: Replay[] = [];
  readonly broken: BrokenTime[] = [];
  readonly injected: LogFault[] = [];
  /** For people: everything in its order. */
  readonly told: string[] = [];
  end: 'running' | 'aborted' | 'finalised' = 'running';
  readonly #place: LogPlace;
  readonly #say: (line: string) => void;

  /** `say` hears what happens at once. */
  constructor(place: LogPlace, say: (line: string) => void = () => undefined) {
    this.#place = place;
    this.#say = say;
  }

  async do(deeds: readonly LogDeed[]): Promise<void> {
    for (const deed of deeds) {
      await sleep(deed.afterMs);
      this.tell(deed.do);
      await this.#deed(deed);
    }
  }

  tell(text: string): void {
    const line = `${(monotonicMs() / 1_000).toFixed(1)} ${text}`;
    this.told.push(line);
    this.#say(line);
  }

  async #deed(deed: LogDeed): Promise<void> {
    switch (deed.do) {
      case 'up':
        if (deed.fault !== undefined) await this.#disturbed(deed.fault, 'up');
        await this.#until('up', (ended) => ended.kind === 'outcome' && ended.outcome.outcome === 'waiting');
        return;
      case 'verify':
        return this.#verify(deed.fault);
      case 'switch':
        return this.#switch(deed.fault);
      case 'fault':
        return this.#alone(deed.fault);
      case 'group':
        return this.#moveGroup();
      case 'finalise':
        if ((await this.#place.owner()).owner === 'blue') await this.#switch();
        return this.#finish('finalise');
      case 'abort':
        if ((await this.#place.owner()).owner === 'green') await this.#switch();
        return this.#finish('abort');
      case 'stop':
        return this.#replay();
    }
  }

  /** To the side that is not live now, whatever faults make of it. */
  async #switch(fault?: LogFault): Promise<void> {
    const before = await this.#place.owner();
    const command = before.owner === 'blue' ? 'cutover' : 'rollback';
    const moved = async (): Promise<boolean> => (await this.#place.owner()).epoch > before.epoch;
    if (fault === undefined) await this.#until(command, moved);
    else await this.#disturbed(fault, command);
    const cut = `of ${before.owner}, epoch ${before.epoch + 1}`;
    const outcome = (await moved()) ? 'done' : 'aborted';
    this.cuts.push({ cut, conditionsMet: true, outcome });
    this.tell(`switch ${cut}: ${outcome}`);
  }

  async #verify(fault?: LogFault): Promise<void> {
    if (fault !== undefined) await this.#disturbed(fault, 'verify');
    const ended = await this.#until('verify', ({ kind }) => kind === 'comparison');
    if (ended.kind === 'comparison') this.comparisons.push(ended.comparison);
  }

  async #moveGroup(): Promise<void> {
    const { owner } = await this.#place.owner();
    const group = this.#place.random.pick(Object.keys(this.#place.crowd.options.groups));
    const command = owner === 'blue' ? 'cutover' : 'rollback';
    await this.#until(command, isDone, [group]);
    this.tell(`group ${group} left ${owner} alone`);
    // What is live stays so, and whoever ends a migration takes care of who reads elsewhere.
    if (owner === 'green') await this.#until('cutover', isDone, [group]);
  }

  /** A command that finds everything done does nothing. */
  async #replay(): Promise<void> {
    const before = await this.#place.outside();
    await this.#until('up', ({ kind }) => kind === 'outcome');
    this.replays.push({ what: '`up` once more', before, after: await this.#place.outside() });
  }

  async #finish(command: 'finalise' | 'abort'): Promise<void> {
    await this.#replay();
    await this.#until(command, isDone);
    this.end = command === 'abort' ? 'aborted' : 'finalised';
  }

  async #alone(fault: LogFault): Promise<void> {
    const fromMs = monotonicMs();
    await this.#over(fault, await meetAlone(this.#place, fault), fromMs);
  }

  async #disturbed(fault: LogFault, command: Command): Promise<void> {
    const fromMs = monotonicMs();
    await this.#over(fault, await meetFault(this.#place, fault, command), fromMs);
  }

  /** A fault is over. A cut whose controller was killed is ended by the supervisor, one way or the other: nobody gives a command for that. */
  async #over(fault: LogFault, { what, controller }: Met, fromMs: number): Promise<void> {
    this.tell(`${logFaultText(fault)}: ${what ?? 'did not come to pass'}`);
    if (controller !== undefined) this.#heard(controller, await controller.ended);
    if (what === undefined) return;
    this.injected.push(fault);
    await waitFor({ what: 'the writers to go on', timeoutMs: patiently(120_000) }, () =>
      this.#place.crowd.isHeld ? undefined : true,
    );
    if (logFaultKindOf(fault).breaksClients) this.broken.push({ fromMs, untilMs: monotonicMs() + comeBackMs });
  }

  async #until(
    command: Command,
    isOver: (ended: Ended) => boolean | Promise<boolean>,
    groups?: readonly string[],
  ): Promise<Ended> {
    return commandUntil(
      {
        control: () => this.#place.control(command, groups === undefined ? {} : { groups }),
        heard: (controller, ended) => this.#heard(controller, ended),
      },
      isOver,
    );
  }

  #heard({ task, tookTooLong }: Controller, ended: Ended): void {
    this.tell(`${task.command}: ${endedText(ended)}${tookTooLong ? ' (it took too long)' : ''}`);
  }
}
