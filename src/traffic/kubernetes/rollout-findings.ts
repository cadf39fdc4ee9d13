import { otherSide, type Side } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { leadsNowhere } from '../desk-router.ts';
import { keptBy } from './object-desk.ts';
import { hashOf, tellPhase, type Labels, type SeenRollout } from './rollout-objects.ts';
import { isUp, revisionOf, stateOf, type RolloutOptions, type Sides } from './rollout-state.ts';

/** What a cut, or going back, by this Rollout would stumble over. */
export function findingsOf(seen: SeenRollout, options: RolloutOptions): readonly RouterFinding[] {
  const name = `Rollout ${options.rollout}`;
  const { spec } = seen.rollout;
  const service = spec.strategy?.blueGreen?.activeService;
  if (service === undefined) return [otherStrategy(name)];
  if ((spec.workloadRef ?? undefined) !== undefined) return [otherTemplate(name)];
  const { active } = stateOf(seen, options.sides);
  if (active === 'unknown') {
    return [
      leadsNowhere(
        `${name}: the pods to which Service ${service} leads have neither ${tellLabels(options.sides.blue)} nor ${tellLabels(options.sides.green)}, or both.`,
        'Give the template of each revision the labels of its side (traffic.blue, traffic.green), and have the live one be active.',
      ),
    ];
  }
  return [
    ...goingAlone(name, seen),
    ...atRest(name, seen),
    ...awaited(name, seen, otherSide(active), options.sides),
    ...wayBack(name, seen, options),
    ...keptBy(name, seen.rollout),
    oldPods(name, seen, options),
  ];
}

function otherStrategy(name: string): RouterFinding {
  return {
    severity: 'blocker',
    what: `${name} is not of strategy blueGreen.`,
    why: 'By `canary` clients come to old and new pods at once: one of both is refused whatever it writes, before a cut and after it.',
    mend: 'Give it `strategy.blueGreen` with `autoPromotionEnabled: false`.',
  };
}

function otherTemplate(name: string): RouterFinding {
  return {
    severity: 'blocker',
    what: `${name} has its pods described elsewhere (workloadRef).`,
    why: 'What leads it back would be the template of another object, which Teal does not change.',
    mend: 'Put the template into the Rollout; or use router command.',
  };
}

function goingAlone(name: string, { rollout: { spec } }: SeenRollout): readonly RouterFinding[] {
  const { autoPromotionEnabled, previewReplicaCount } = spec.strategy?.blueGreen ?? {};
  return [
    ...(autoPromotionEnabled === false
      ? []
      : [
          {
            severity: 'blocker',
            what: `${name} promotes new revisions by itself.`,
            why: 'Clients would come to the pods of a side before it takes writes.',
            mend: 'Set `strategy.blueGreen.autoPromotionEnabled: false`.',
          } as const,
        ]),
    ...((spec.rollbackWindow ?? undefined) === undefined
      ? []
      : [
          {
            severity: 'blocker',
            what: `${name} promotes older revisions by itself (rollbackWindow).`,
            why: 'Clients would come to the pods of a side before it takes writes.',
            mend: 'Take `rollbackWindow` away for the time of the migration.',
          } as const,
        ]),
    ...((previewReplicaCount ?? Infinity) < (spec.replicas ?? 1)
      ? [
          {
            severity: 'blocker',
            what: `${name} has ${previewReplicaCount} pods of a revision before it is promoted, and ${spec.replicas ?? 1} after.`,
            why: 'The others are started after the decision, and until they are there all writes are refused.',
            mend: 'Take `previewReplicaCount` away for the cut.',
          } as const,
        ]
      : []),
  ];
}

function atRest(name: string, { rollout: { spec, status } }: SeenRollout): readonly RouterFinding[] {
  const halted =
    spec.paused === true
      ? ['is paused by hand (`spec.paused`)', 'Resume it: `kubectl argo rollouts resume`.']
      : status?.abort === true
        ? ['has aborted its newest revision', 'Retry it (`kubectl argo rollouts retry rollout`), or mend it.']
        : undefined;
  if (halted === undefined) return [];
  const [what = '', mend = ''] = halted;
  return [{ severity: 'blocker', what: `${name} ${what}.`, why: 'Its controller would lead nobody anywhere.', mend }];
}

/** The pods that clients are to come to next, whichever way. */
function awaited(name: string, seen: SeenRollout, side: Side, sides: Sides): readonly RouterFinding[] {
  const { status } = seen.rollout;
  const { described, isObserved } = stateOf(seen, sides);
  const newest = seen.revisions.find((each) => hashOf(each) === status?.currentPodHash);
  const isThere =
    described === side
      ? isObserved && newest !== undefined && isUp(newest, seen)
      : revisionOf(seen, sides, side) !== undefined;
  if (!isThere) {
    return [
      {
        severity: 'blocker',
        what: `${name} has no revision with ${tellLabels(sides[side])} whose pods are all available.`,
        why: 'They would be started after the decision, and until they are there all writes are refused.',
        mend: `Apply a template of ${side} to it (back: \`kubectl argo rollouts undo\`), and wait until it is Paused with all of its pods available.`,
      },
    ];
  }
  const reasons = status?.pauseConditions ?? [];
  if (described !== side || (reasons.length > 0 && reasons.every(({ reason }) => reason === awaitsPromotion)))
    return [];
  return [
    {
      severity: 'blocker',
      what: `${name} does not wait for the promotion of its newest revision: ${tellPhase(seen)}.`,
      why: 'A cut promotes it whatever an analysis before it would say.',
      mend: 'Wait until it is Paused, with the message BlueGreenPause.',
    },
  ];
}

const awaitsPromotion = 'BlueGreenPause';

const defaultDelaySeconds = 30;

function delayOf({ rollout: { spec } }: SeenRollout): number {
  return spec.strategy?.blueGreen?.scaleDownDelaySeconds ?? defaultDelaySeconds;
}

function wayBack(name: string, seen: SeenRollout, { soakMs }: RolloutOptions): readonly RouterFinding[] {
  const seconds = delayOf(seen);
  if (seconds * 1_000 >= soakMs) return [];
  return [
    {
      severity: 'warning',
      what: `${name} takes the pods of the side that has lost away ${seconds} s after a cut, and the soak is ${soakMs / 1_000} s.`,
      why: 'Going back then begins by starting them again, which is yours to do.',
      mend: `Set \`strategy.blueGreen.scaleDownDelaySeconds: ${Math.ceil(soakMs / 1_000)}\`.`,
    },
  ];
}

function oldPods(name: string, seen: SeenRollout, { ttlMs }: RolloutOptions): RouterFinding {
  const seconds = delayOf(seen);
  const more = seconds * 1_000 > ttlMs ? `, and traffic.ttl is ${ttlMs / 1_000} s` : '';
  return {
    severity: 'warning',
    what: `${name} leads requests to other pods; those that were there go on running for ${seconds} s${more}.`,
    why: 'What they do by themselves, or for requests that they have, writes to the side that has lost, where it is refused, until they are taken away.',
    mend: 'Have jobs and consumers of the application give up on that error (SQLSTATE 25006), and say by traffic.ttl for how long they may run.',
  };
}

function tellLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
