import { apiDouble, type ApiDouble } from './api-double.ts';

const hashLabel = 'rollouts-pod-template-hash';
const deadline = 'scale-down-deadline';
export const ofRollout = '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/shop';
export const ofActive = '/api/v1/namespaces/shop/services/shop-active';
const ofSets = '/apis/apps/v1/namespaces/shop/replicasets';
const number = 'rollout.argoproj.io/revision';

interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: object;
}

interface Status {
  readonly observedGeneration?: string;
  readonly currentPodHash: string;
  readonly stableRS: string;
  readonly promoteFull?: boolean;
  readonly pauseConditions?: readonly { readonly reason: string }[] | null;
  readonly controllerPause?: boolean;
  readonly phase: string;
  readonly blueGreen: { readonly activeSelector: string };
}

export const templateOf = (database: string, more: object = {}): Template => ({
  metadata: { labels: { app: 'shop', database } },
  spec: {
    containers: [{ name: 'shop', env: [{ name: 'DATABASE_URL', value: `postgres://db-${database}/shop` }] }],
    ...more,
  },
});

export interface RolloutWorldOptions {
  /** Seconds for which the pods of the revision before stay. */
  readonly delay: number;
}

/**
 * An application at revision `old`, with `new` applied, its pods there, and paused: and what a controller of Argo Rollouts (1.8) makes of what is written, as far as blue-green without analysis goes. A new
 * template is a revision, which is paused; one whose pods are still there since it was active is led to at once; `promoteFull` leads to the newest.
 */
export async function rolloutWorld(token: string): Promise<ApiDouble & { readonly reconcile: () => void }> {
  const double = await apiDouble(token);
  const put = (hash: string, template: Template, revision: number, pods: number): void =>
    double.put(`${ofSets}/shop-${hash}`, {
      metadata: {
        name: `shop-${hash}`,
        labels: { app: 'shop', [hashLabel]: hash },
        annotations: { [number]: String(revision) },
        ownerReferences: [{ uid: 'u-1' }],
      },
      spec: {
        replicas: pods,
        template: { ...template, metadata: { labels: { ...template.metadata.labels, [hashLabel]: hash } } },
      },
      status: { availableReplicas: pods },
    });
  double.put(ofActive, {
    metadata: { name: 'shop-active' },
    spec: { selector: { app: 'shop', [hashLabel]: 'h-old' } },
  });
  put('h-old', templateOf('old'), 1, 2);
  put('h-new', templateOf('new', { terminationGracePeriodSeconds: 5 }), 2, 2);
  double.put(`${ofSets}/other`, {
    metadata: { name: 'other', labels: { app: 'shop', [hashLabel]: 'h-x' }, ownerReferences: [{ uid: 'u-2' }] },
    spec: { replicas: 2, template: templateOf('old') },
    status: { availableReplicas: 2 },
  });
  double.put(ofRollout, {
    metadata: { name: 'shop', uid: 'u-1', generation: 2 },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'shop' } },
      template: templateOf('new', { terminationGracePeriodSeconds: 5 }),
      strategy: {
        blueGreen: { activeService: 'shop-active', autoPromotionEnabled: false, scaleDownDelaySeconds: 3_600 },
      },
    },
    status: {
      observedGeneration: '2',
      currentPodHash: 'h-new',
      stableRS: 'h-old',
      phase: 'Paused',
      pauseConditions: [{ reason: 'BlueGreenPause' }],
      controllerPause: true,
      blueGreen: { activeSelector: 'h-old' },
    },
  });

  const reconcile = (): void => {
    const rollout = double.at(ofRollout);
    const { template } = rollout['spec'] as { readonly template: Template };
    const status = rollout['status'] as Status;
    const newest = `h-${template.metadata.labels['database']}`;
    const set = double.at(`${ofSets}/shop-${newest}`);
    const { annotations = {} } = set.metadata as { readonly annotations?: Readonly<Record<string, string>> };
    const isLed = status.promoteFull === true || annotations[deadline] !== undefined;
    const { activeSelector } = status.blueGreen;
    const active = isLed ? newest : activeSelector;
    if (active !== activeSelector) {
      lead(active);
      const before = double.at(`${ofSets}/shop-${activeSelector}`);
      annotate(before, { [deadline]: '2030-01-01T00:00:00Z' });
      annotate(set, { [deadline]: undefined });
    }
    double.put(ofRollout, {
      ...rollout,
      status: {
        observedGeneration: String(rollout.metadata['generation']),
        currentPodHash: newest,
        stableRS: active === newest ? newest : status.stableRS,
        phase: active === newest ? 'Healthy' : 'Paused',
        ...(active === newest ? {} : { pauseConditions: [{ reason: 'BlueGreenPause' }], controllerPause: true }),
        blueGreen: { activeSelector: active },
      },
    });
  };
  const lead = (hash: string): void => {
    const service = double.at(ofActive);
    double.put(ofActive, { ...service, spec: { selector: { app: 'shop', [hashLabel]: hash } } });
  };
  const annotate = (set: ReturnType<ApiDouble['at']>, more: Readonly<Record<string, string | undefined>>): void => {
    const { annotations = {} } = set.metadata as { readonly annotations?: Readonly<Record<string, string>> };
    double.put(`${ofSets}/${set.metadata.name}`, {
      ...set,
      metadata: { ...set.metadata, annotations: JSON.parse(JSON.stringify({ ...annotations, ...more })) },
    });
  };
  double.after = () => setImmediate(reconcile);
  return Object.assign(double, { reconcile });
}

/** Takes the pods of a revision away. */
export function scaledAway(double: ApiDouble, hash: string): void {
  const set = double.at(`${ofSets}/shop-${hash}`);
  const { annotations } = set.metadata as { readonly annotations?: Readonly<Record<string, string>> };
  double.put(`${ofSets}/shop-${hash}`, {
    ...set,
    metadata: { ...set.metadata, annotations: { [number]: annotations?.[number] ?? '' } },
    spec: { ...(set['spec'] as object), replicas: 0 },
    status: { availableReplicas: 0 },
  });
}
