import type { Side } from '../../model/catalog.ts';
import { mergeChange } from './merge-change.ts';
import {
  hashLabel,
  hashOf,
  isWrittenInto,
  sideOfLabels,
  type Labels,
  type Revision,
  type RolloutPlace,
  type SeenRollout,
} from './rollout-objects.ts';

/** Labels that the pods of a side have, and those of the other have not. */
export type Sides = Readonly<Record<Side, Labels>>;

export interface RolloutOptions extends RolloutPlace {
  readonly sides: Sides;
  /** For how long going back is meant to be quick. */
  readonly soakMs: number;
  /** For how long the file says that clients may be left behind. */
  readonly ttlMs: number;
  readonly timeoutMs: number;
}

/** Where the pods of a Rollout are, of which side they are, and what it is about to do. */
export interface RolloutState {
  /** Of the pods to which its active Service leads. */
  readonly active: Side | 'unknown';
  /** Of the pods that its template describes: those that it would lead to next. */
  readonly described: Side | 'unknown';
  /** Its controller has seen the newest template. */
  readonly isObserved: boolean;
  /** Its controller calls the active revision the stable one: by itself it leads nobody back. */
  readonly isSettled: boolean;
}

export function stateOf({ rollout, revisions }: SeenRollout, sides: Sides): RolloutState {
  const { spec, status, metadata } = rollout;
  const activeHash = status?.blueGreen?.activeSelector ?? undefined;
  const activeSet = revisions.find((each) => activeHash !== undefined && hashOf(each) === activeHash);
  return {
    active: sideOfLabels(activeSet?.spec.template.metadata?.labels, sides) ?? 'unknown',
    described: sideOfLabels(spec.template?.metadata?.labels, sides) ?? 'unknown',
    isObserved: status?.observedGeneration === String(metadata.generation),
    isSettled: activeHash !== undefined && status?.stableRS === activeHash,
  };
}

/** What has it lead to `side`: a patch of its template, or of its status; undefined where its controller is at it, and where nobody can. */
export interface Change {
  readonly of: 'template' | 'status';
  readonly patch: object;
}

/**
 * A revision that is described is promoted, as `kubectl argo rollouts promote --full` does: without the analysis after it, which would lead clients back by itself. One that is there and no more described is
 * described again, as `undo` does. Its controller leads nobody to pods that are not all available.
 */
export function changeTo(seen: SeenRollout, sides: Sides, side: Side): Change | undefined {
  const { rollout } = seen;
  const state = stateOf(seen, sides);
  if (state.active === side || !state.isObserved) return undefined;
  if (state.described === side) {
    return rollout.status?.promoteFull === true
      ? undefined
      : { of: 'status', patch: { status: { promoteFull: true } } };
  }
  const back = revisionOf(seen, sides, side);
  if (back === undefined) return undefined;
  return { of: 'template', patch: { spec: { template: mergeChange(rollout.spec.template ?? {}, withoutHash(back)) } } };
}

/** One to which the Rollout can be led back at once. */
export function revisionOf(seen: SeenRollout, sides: Sides, side: Side): Revision | undefined {
  return seen.revisions.find(
    (each) =>
      isUp(each, seen) &&
      !isWrittenInto(each, seen.rollout) &&
      sideOfLabels(each.spec.template.metadata?.labels, sides) === side,
  );
}

/** All of its pods are there and available. */
export function isUp({ spec, status }: Revision, { rollout }: SeenRollout): boolean {
  const wanted = rollout.spec.replicas ?? 1;
  return wanted > 0 && (spec.replicas ?? 0) >= wanted && (status?.availableReplicas ?? 0) >= wanted;
}

/** The template of a ReplicaSet, as the Rollout had it. */
function withoutHash({ spec: { template } }: Revision): object {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}
