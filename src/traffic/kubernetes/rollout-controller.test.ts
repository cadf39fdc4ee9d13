import { expect, test } from 'vitest';
import { waitFor } from '../../kernel/clock.ts';
import { rolloutDesk } from './rollout-desk.ts';
import { groups, worldOfCluster } from './test-support/kube-world.ts';
import { podsTold } from './test-support/pods-told.ts';

/** A cluster for tests, in which the controller of Argo Rollouts runs. */
const kubeconfig = process.env['TEAL_TEST_KUBECONFIG'] ?? '';
const hasArgo = kubeconfig !== '' && process.env['TEAL_TEST_ARGO_ROLLOUTS'] === '1';

const sides = { blue: { database: 'old' }, green: { database: 'new' } } as const;
const template = (database: string): object => ({
  metadata: { labels: { app: 'shop', database } },
  spec: {
    containers: [{ name: 'shop', image: 'registry.k8s.io/pause:3.10', env: [{ name: 'DATABASE', value: database }] }],
  },
});

interface Seen {
  readonly spec: { readonly template: object };
  readonly status?: { readonly phase?: string; readonly stableRS?: string };
}

test.runIf(hasArgo)(
  'an application is led to green, back, and to green again, by the controller of its Rollout',
  async () => {
    await using world = await worldOfCluster(kubeconfig);
    await using _pods = await podsTold(world);
    const seen = async (): Promise<Seen> => (await world.at(groups.argo, 'rollouts', 'shop')) as unknown as Seen;
    const becomes = async (phase: string): Promise<void> => {
      await waitFor({ what: `the Rollout to be ${phase}`, timeoutMs: 120_000 }, async () => {
        const { status } = await seen();
        return status?.phase === phase || undefined;
      });
    };
    const ports = [{ port: 80, targetPort: 80, protocol: 'TCP' }];
    await world.put(groups.core, 'services', {
      metadata: { name: 'shop' },
      spec: { ports, selector: { app: 'shop' } },
    });
    const rollout = (database: string) => ({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'shop' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'shop' } },
        template: template(database),
        strategy: { blueGreen: { activeService: 'shop', autoPromotionEnabled: false, scaleDownDelaySeconds: 3_600 } },
      },
    });
    await world.put(groups.argo, 'rollouts', rollout('old'));
    await becomes('Healthy');
    const desk = rolloutDesk({ api: world.teal, rollout: 'shop', sides, soakMs: 0, ttlMs: 0, timeoutMs: 60_000 });
    const blockers = async (): Promise<readonly string[]> =>
      ((await desk.look?.()) ?? []).filter(({ severity }) => severity === 'blocker').map(({ what }) => what);
    const at = async (): Promise<readonly [string, string]> => {
      const { spec } = (await world.at(groups.core, 'services', 'shop')) as unknown as {
        readonly spec: { readonly selector: Readonly<Record<string, string>> };
      };
      const hash = spec.selector['rollouts-pod-template-hash'] ?? '';
      const { spec: set } = (await world.at(groups.apps, 'replicasets', `shop-${hash}`)) as unknown as {
        readonly spec: {
          readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
        };
      };
      return [(await desk.read()).side, set.template.metadata.labels['database'] ?? ''];
    };
    expect(await at()).toEqual(['blue', 'old']);
    expect(await blockers()).toEqual([expect.stringContaining('no revision with database=new')]);

    const before = await seen();
    await world.server.change(`${groups.argo}/namespaces/${world.namespace}/rollouts/shop`, {
      spec: { template: template('new') },
    });
    await becomes('Paused');
    expect(await blockers()).toEqual([]);
    expect(await at()).toEqual(['blue', 'old']);

    await desk.point('green', 1);
    expect(await at()).toEqual(['green', 'new']);
    await becomes('Healthy');
    expect(await blockers()).toEqual([]);

    await desk.point('blue', 2);
    expect(await at()).toEqual(['blue', 'old']);
    await becomes('Healthy');
    expect((await seen()).status?.stableRS).toBe(before.status?.stableRS);

    await desk.point('green', 3);
    expect(await at()).toEqual(['green', 'new']);
    expect((await seen()).spec.template).toMatchObject(template('new'));
  },
);
