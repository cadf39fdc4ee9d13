import { sleep } from '../../../kernel/clock.ts';
import { groups, type ClusterWorld } from './kube-world.ts';

interface ReplicaSet {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly availableReplicas?: number };
}

/**
 * Of an API server alone, where nobody makes pods: says of each ReplicaSet that all of its pods are there and available, as the controllers of a whole cluster do. Where these run it does nothing.
 */
export async function podsTold({ server, namespace }: ClusterWorld): Promise<AsyncDisposable> {
  const over = new AbortController();
  const sets = `${groups.apps}/namespaces/${namespace}/replicasets`;
  const isWhole = await server.has(
    '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager',
  );
  const working = (async () => {
    if (isWhole) return;
    while (!over.signal.aborted) {
      const { items } = (await server.get(sets)) as { readonly items: readonly ReplicaSet[] };
      for (const { metadata, spec, status } of items) {
        const { replicas = 0 } = spec;
        if ((status?.availableReplicas ?? 0) === replicas) continue;
        const told = { replicas, readyReplicas: replicas, availableReplicas: replicas, fullyLabeledReplicas: replicas };
        await server.change(`${sets}/${metadata.name}/status`, { status: told });
      }
      await sleep(100);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await working;
    },
  };
}
