import { monotonicMs, sleep } from '../../../src/kernel/clock.ts';
import { endedText, type Controller, type Ended } from './controllers.ts';
import { patiently } from './slowness.ts';

/** A run that does not do what its schedule asks for, though no fault explains it. */
export class Refused extends Error {}

/**
 * So long a command is given again before it counts as refused: a controller was killed, a cut met a long transaction, a flow was still on its way back. On a machine
 * whose cores are taken, transactions last for as long as the cut may wait for them, and it is only the next one or the twentieth that finds a moment without.
 */
const patienceMs = patiently(300_000);
const pauseMs = 500;

export interface Commanding {
  /** Gives the command. */
  readonly control: () => Controller;
  readonly heard: (controller: Controller, ended: Ended) => void;
  /** Asked for again it would only come off by chance. */
  readonly isHopeless?: (ended: Ended) => boolean;
}

/** Gives a command until it does what it must; a fault may have left much to be put right. Throws `Refused` when it does not. */
export async function commandUntil(
  { control, heard, isHopeless = () => false }: Commanding,
  isDone: (ended: Ended) => boolean | Promise<boolean>,
): Promise<Ended> {
  const untilMs = monotonicMs() + patienceMs;
  for (;;) {
    const controller = control();
    const ended = await controller.ended;
    heard(controller, ended);
    if (await isDone(ended)) return ended;
    if (controller.tookTooLong || isHopeless(ended) || monotonicMs() >= untilMs) {
      throw new Refused(`${controller.task.command} did not come off: ${endedText(ended)}`);
    }
    await sleep(pauseMs);
  }
}
