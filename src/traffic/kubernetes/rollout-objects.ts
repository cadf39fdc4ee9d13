import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import { isAbsent, type KubeApi } from './kube-api.ts';
import { metadata, must } from './objects.ts';

export type Labels = Readonly<Record<string, string>>;

const template = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** argoproj.io/v1alpha1 Rollout, as far as it is looked at. */
const rolloutObject = z.object({
  metadata: metadata.extend({ uid: z.string(), generation: z.number().optional() }),
  spec: z.object({
    replicas: z.number().nullish(),
    paused: z.boolean().nullish(),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()).nullish() }).nullish(),
    template: template.nullish(),
    /** Older revisions within it are promoted without a pause. */
    rollbackWindow: z.unknown().optional(),
    /** Pods are described elsewhere, by a Deployment. */
    workloadRef: z.unknown().optional(),
    strategy: z
      .object({
        blueGreen: z
          .object({
            activeService: z.string(),
            autoPromotionEnabled: z.boolean().nullish(),
            previewReplicaCount: z.number().nullish(),
            scaleDownDelaySeconds: z.number().nullish(),
            antiAffinity: z.unknown().optional(),
          })
          .nullish(),
      })
      .nullish(),
  }),
  status: z
    .object({
      /** Of `metadata.generation`, as text. */
      observedGeneration: z.string().nullish(),
      currentPodHash: z.string().nullish(),
      stableRS: z.string().nullish(),
      abort: z.boolean().nullish(),
      promoteFull: z.boolean().nullish(),
      pauseConditions: z.array(z.object({ reason: z.string() })).nullish(),
      phase: z.string().nullish(),
      message: z.string().nullish(),
      blueGreen: z.object({ activeSelector: z.string().nullish() }).nullish(),
    })
    .nullish(),
});
export type Rollout = z.infer<typeof rolloutObject>;

/** apps/v1 ReplicaSet: one revision of a Rollout. */
const replicaSet = z.object({
  metadata: metadata.extend({
    annotations: z.record(z.string(), z.string()).optional(),
    ownerReferences: z.array(z.object({ uid: z.string() })).optional(),
  }),
  spec: z.object({ replicas: z.number().nullish(), template }),
  status: z.object({ availableReplicas: z.number().nullish() }).nullish(),
});
export type Revision = z.infer<typeof replicaSet>;

/** What its controller tells revisions apart by: a label of each ReplicaSet, of its pods, and of the selector of the active Service. */
export const hashLabel = 'rollouts-pod-template-hash';
const revisionNumber = 'rollout.argoproj.io/revision';
const ephemeral = 'rollout.argoproj.io/ephemeral-metadata';

export interface RolloutPlace {
  readonly api: KubeApi;
  /** Absent: that of the context. */
  readonly namespace?: string;
  readonly rollout: string;
}

export interface SeenRollout {
  readonly path: string;
  readonly rollout: Rollout;
  /** Its own, the newest first. */
  readonly revisions: readonly Revision[];
}

/** The Rollout and its ReplicaSets. TEAL-TRAFFIC-060. */
export async function seeRollout(place: RolloutPlace): Promise<SeenRollout> {
  const { api, rollout: name } = place;
  const within = place.namespace ?? (await api.namespace());
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${within}/rollouts/${name}`;
  const rollout = must(rolloutObject, await existing(api, path), path);
  const selector = Object.entries(rollout.spec.selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const sets = `/apis/apps/v1/namespaces/${within}/replicasets`;
  const answer = await api.get(`${sets}?labelSelector=${encodeURIComponent(selector.join(','))}`);
  const { items } = must(z.object({ items: z.array(replicaSet) }), answer, sets);
  const own = items.filter((each) => each.metadata.ownerReferences?.some(({ uid }) => uid === rollout.metadata.uid));
  return { path, rollout, revisions: own.toSorted((one, other) => numberOf(other) - numberOf(one)) };
}

async function existing(api: KubeApi, path: string): Promise<unknown> {
  try {
    return await api.get(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    throw new TealError('TEAL-TRAFFIC-060', `GET ${path}: there is no such Rollout, or no Argo Rollouts`, {
      status: 404,
    });
  }
}

/** The revision to whose pods a Service leads, by its selector. TEAL-TRAFFIC-060. */
export async function hashOfService({ api, namespace }: RolloutPlace, service: string): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace ?? (await api.namespace())}/services/${service}`;
  const shape = z.object({ spec: z.object({ selector: z.record(z.string(), z.string()).nullish() }) });
  return must(shape, await api.get(path), path).spec.selector?.[hashLabel];
}

function numberOf({ metadata: { annotations } }: Revision): number {
  return Number(annotations?.[revisionNumber] ?? 0);
}

/** Its controller has written into the template of the revision (metadata of the active ones, affinity): described again as it is, it would be another. */
export function isWrittenInto({ metadata: { annotations } }: Revision, { spec }: Rollout): boolean {
  return (
    (annotations?.[ephemeral] ?? '{}') !== '{}' || (spec.strategy?.blueGreen?.antiAffinity ?? undefined) !== undefined
  );
}

export function hashOf({ metadata: { labels } }: Revision): string | undefined {
  return labels?.[hashLabel];
}

/** What the controller says of it: `Paused: BlueGreenPause`. */
export function tellPhase({ rollout: { status } }: Pick<SeenRollout, 'rollout'>): string {
  const told = [status?.phase ?? 'no phase', status?.message ?? ''];
  return told.filter((each) => each !== '').join(': ');
}

/** Whose pods these labels are; undefined where they are of neither, or of both. */
export function sideOfLabels(
  labels: Labels | null | undefined,
  sides: Readonly<Record<Side, Labels>>,
): Side | undefined {
  const found = (['blue', 'green'] as const).filter((side) =>
    Object.entries(sides[side]).every(([key, value]) => labels?.[key] === value),
  );
  return found.length === 1 ? found[0] : undefined;
}
