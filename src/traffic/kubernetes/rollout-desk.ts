import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { Desk } from '../desk-router.ts';
import { findingsOf } from './rollout-findings.ts';
import { hashOfService, seeRollout, tellPhase, type SeenRollout } from './rollout-objects.ts';
import { changeTo, stateOf, type RolloutOptions } from './rollout-state.ts';

const lookEveryMs = 250;

/**
 * A Rollout (Argo Rollouts, blue-green) as a router: of an application, of which one revision writes to blue and another to green. It is told by its labels whose pods a revision has, is promoted, or described
 * again, and is pointed when its active Service leads to that revision and its controller calls that the stable one. Errors: TEAL-TRAFFIC-060, -062, -120.
 */
export function rolloutDesk(options: RolloutOptions): Desk {
  const { sides, rollout: name } = options;
  return {
    name: `Rollout ${name}`,
    read: async () => ({ side: stateOf(await seeRollout(options), sides).active, isHolding: false }),
    async point(side) {
      const deadline = monotonicMs() + options.timeoutMs;
      for (;;) {
        const seen = await seeRollout(options);
        if (await leadsTo(seen, side, options)) return '';
        await change(seen, side, options);
        if (monotonicMs() + lookEveryMs >= deadline) throw stays(seen, side, options);
        await sleep(lookEveryMs);
      }
    },
    async look() {
      const seen = await seeRollout(options);
      // Whether one may is told, and nothing changes.
      await options.api.patch(seen.path, seen.rollout, { spec: {} }, true);
      await options.api.patch(`${seen.path}/status`, seen.rollout, { status: {} }, true);
      return findingsOf(seen, options);
    },
  };
}

async function leadsTo(seen: SeenRollout, side: Side, options: RolloutOptions): Promise<boolean> {
  const { active, isObserved, isSettled } = stateOf(seen, options.sides);
  const service = seen.rollout.spec.strategy?.blueGreen?.activeService;
  if (active !== side || !isObserved || !isSettled || service === undefined) return false;
  return (await hashOfService(options, service)) === seen.rollout.status?.stableRS;
}

/** What somebody else has written meanwhile is not overwritten: it is looked at anew. */
async function change(seen: SeenRollout, side: Side, { api, sides }: RolloutOptions): Promise<void> {
  const wanted = changeTo(seen, sides, side);
  if (wanted === undefined) return;
  await api.patch(wanted.of === 'status' ? `${seen.path}/status` : seen.path, seen.rollout, wanted.patch);
}

function stays(seen: SeenRollout, side: Side, { rollout: name, sides }: RolloutOptions): TealError {
  const { active, described } = stateOf(seen, sides);
  return new TealError(
    'TEAL-TRAFFIC-120',
    `Rollout ${name} leads to pods of ${active} and not of ${side}; its template is of ${described}; it says ${tellPhase(seen)}`,
  );
}
