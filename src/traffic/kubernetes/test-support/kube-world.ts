import { randomBytes } from 'node:crypto';
import { KubeApi } from '../kube-api.ts';
import { apiDouble } from './api-double.ts';
import { ApiServer, type KubeObjectGiven } from './api-server.ts';

/** A namespace of an API server, whichever it is. Paths are below it: `services/db`, of the group that they are of. */
export interface KubeWorld extends AsyncDisposable {
  readonly namespace: string;
  /** With the rights that docs/guide/routers.md lists, and no more. */
  readonly teal: KubeApi;
  /** Somebody who is known, and has no rights. */
  readonly stranger: KubeApi;
  /** Makes an object, or writes it as somebody else does; its status too. */
  put(group: string, kind: string, object: KubeObjectGiven, writer?: string): Promise<void>;
  /** Without what a server writes of its own about each write. */
  at(group: string, kind: string, name: string): Promise<Readonly<Record<string, unknown>>>;
  generationOf(group: string, kind: string, name: string): Promise<number>;
}

export const groups = {
  core: '/api/v1',
  slices: '/apis/discovery.k8s.io/v1',
  istio: '/apis/networking.istio.io/v1',
  argo: '/apis/argoproj.io/v1alpha1',
  apps: '/apis/apps/v1',
} as const;

/** As docs/guide/routers.md has them. */
const rules = [
  { apiGroups: [''], resources: ['services'], verbs: ['get', 'patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'patch'] },
  { apiGroups: ['networking.istio.io'], resources: ['virtualservices'], verbs: ['get', 'patch'] },
  { apiGroups: ['argoproj.io'], resources: ['rollouts', 'rollouts/status'], verbs: ['get', 'patch'] },
  { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['list'] },
];

export async function worldOfDouble(): Promise<KubeWorld> {
  const double = await apiDouble('of-teal');
  double.strangers.add('of-a-stranger');
  double.put('/apis/networking.istio.io', { metadata: { name: '' }, preferredVersion: { version: 'v1' } });
  const by = (token: string): KubeApi =>
    new KubeApi({ timeoutMs: 30_000, access: async () => ({ server: new URL(double.url), token, namespace: 'shop' }) });
  const path = (group: string, kind: string, name: string): string => `${group}/namespaces/shop/${kind}/${name}`;
  return {
    namespace: 'shop',
    teal: by('of-teal'),
    stranger: by('of-a-stranger'),
    async put(group, kind, object, writer) {
      const { metadata } = object;
      const at = path(group, kind, metadata.name);
      const managedFields = writer === undefined ? [] : [{ manager: writer }];
      double.put(at, { ...object, metadata: { uid: `of ${at}`, generation: 1, managedFields, ...metadata } });
    },
    at: async (group, kind, name) => bare(double.at(path(group, kind, name))),
    generationOf: async (group, kind, name) => Number(double.at(path(group, kind, name)).metadata['generation'] ?? 1),
    [Symbol.asyncDispose]: async () => double[Symbol.asyncDispose](),
  };
}

export interface ClusterWorld extends KubeWorld {
  /** As a user who may do all. */
  readonly server: ApiServer;
}

/** A namespace of its own in the cluster of a kubeconfig whose user may do all; it is taken away at the end, as far as that cluster has controllers. */
export async function worldOfCluster(kubeconfig: string): Promise<ClusterWorld> {
  const server = await ApiServer.open(kubeconfig);
  const namespace = `teal-${randomBytes(6).toString('hex')}`;
  await server.definitions();
  await server.make('/api/v1/namespaces', { metadata: { name: namespace } });
  const path = (group: string, kind: string): string => `${group}/namespaces/${namespace}/${kind}`;
  const accounts = path(groups.core, 'serviceaccounts');
  const by = async (name: string): Promise<KubeApi> => {
    await server.make(accounts, { metadata: { name } });
    const token = await server.tokenOf(`${accounts}/${name}`);
    return new KubeApi({ timeoutMs: 30_000, access: async () => ({ ...server.place, token, namespace }) });
  };
  const [teal, stranger] = [await by('teal'), await by('stranger')];
  const rights = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await server.make(`${rights}/roles`, { metadata: { name: 'teal' }, rules });
  await server.make(`${rights}/rolebindings`, {
    metadata: { name: 'teal' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'teal' },
    subjects: [{ kind: 'ServiceAccount', name: 'teal', namespace }],
  });
  return {
    server,
    namespace,
    teal,
    stranger,
    put: async (group, kind, object, writer) => server.put(path(group, kind), object, writer),
    at: async (group, kind, name) => bare(await server.get(`${path(group, kind)}/${name}`)),
    async generationOf(group, kind, name) {
      const { metadata } = (await server.get(`${path(group, kind)}/${name}`)) as { metadata: { generation?: number } };
      return metadata.generation ?? 1;
    },
    [Symbol.asyncDispose]: async () => server.remove(`/api/v1/namespaces/${namespace}`),
  };
}

function bare(object: unknown): Readonly<Record<string, unknown>> {
  const { metadata, ...rest } = object as { readonly metadata: Readonly<Record<string, unknown>> };
  const { resourceVersion: _, generation: __, managedFields: ___, ...own } = metadata;
  return { ...rest, metadata: own };
}
