import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError } from '../../../kernel/errors.ts';
import { positionAtLeast } from '../../../model/position.ts';
import type { ShadowDesk } from './options.ts';

const lookEveryMs = 100;

export interface CatchUp {
  readonly desk: Pick<ShadowDesk, 'written' | 'applied'>;
  readonly lagLimitMs: number;
  readonly stopped: AbortSignal;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Waits until green has applied all that blue has committed before now; false when it has not in the time there is, or nothing flows. Never throws. */
export async function caughtUp({ desk, lagLimitMs, stopped, log }: CatchUp): Promise<boolean> {
  const untilMs = monotonicMs() + lagLimitMs;
  try {
    const written = await desk.written();
    for (;;) {
      const applied = await desk.applied();
      if (applied !== undefined && positionAtLeast(applied, written)) return true;
      if (applied === undefined || stopped.aborted || monotonicMs() > untilMs) return false;
      await sleep(lookEveryMs, stopped);
    }
  } catch (error) {
    log('it cannot be told how far green is', { because: describeError(error) });
    return false;
  }
}
