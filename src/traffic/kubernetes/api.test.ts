import { describe, expect, test } from 'vitest';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import { DeskRouter, type Desk } from '../desk-router.ts';
import type { KubeApi } from './kube-api.ts';
import { rolloutDesk } from './rollout-desk.ts';
import { serviceDesk, type ServiceOptions } from './service-desk.ts';
import { groups, worldOfCluster, worldOfDouble, type KubeWorld } from './test-support/kube-world.ts';
import { virtualServiceDesk } from './virtual-service-desk.ts';

/** A cluster in which all may be done. What these tests hold the double to is what they hold it to. */
const kubeconfig = process.env['TEAL_TEST_KUBECONFIG'] ?? '';
const worlds = [
  { of: 'a double', isThere: true, open: worldOfDouble },
  { of: 'an API server', isThere: kubeconfig !== '', open: async () => worldOfCluster(kubeconfig) },
];

const timeoutMs = 30_000;
const addresses = {
  blue: { address: '10.0.0.1', port: 5432 },
  green: { address: '10.0.0.2', port: 5433 },
} as const;
const labels = { blue: { labels: { app: 'db', old: 'yes' } }, green: { labels: { app: 'db-new' } } } as const;
const revisions = { blue: { database: 'old' }, green: { database: 'new' } } as const;
const hosts = { blue: { host: 'db-old' }, green: { host: 'db-new', subset: 'v14' } } as const;

const service = (api: KubeApi, sides: ServiceOptions['sides'] = addresses): Desk =>
  serviceDesk({ api, service: 'db', sides, timeoutMs });
const routes = (api: KubeApi): Desk => virtualServiceDesk({ api, virtualService: 'db', sides: hosts, timeoutMs });
const rollout = (api: KubeApi, withinMs = timeoutMs): Desk =>
  rolloutDesk({ api, rollout: 'shop', sides: revisions, soakMs: 0, ttlMs: 0, timeoutMs: withinMs });

const slice = (name: string, address: string, port: number) => ({
  metadata: { name, labels: { 'kubernetes.io/service-name': 'db', team: 'shop' }, annotations: { note: 'kept' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
  ports: [{ name: 'pg', port, protocol: 'TCP' }],
});

async function putService(world: KubeWorld, spec: object = {}): Promise<void> {
  const ports = [{ name: 'pg', port: 5432, protocol: 'TCP', targetPort: 5432 }];
  await world.put(groups.core, 'services', { metadata: { name: 'db' }, spec: { ports, ...spec } });
}

async function putRoutes(world: KubeWorld): Promise<void> {
  const route = [
    { destination: { ...hosts.blue, port: { number: 5432 } }, weight: 100 },
    { destination: { ...hosts.green, port: { number: 5432 } }, weight: 0 },
  ];
  await world.put(groups.istio, 'virtualservices', {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'db' },
    spec: {
      hosts: ['db'],
      tcp: [{ match: [{ port: 5432 }], route }],
      tls: [{ match: [{ port: 5433, sniHosts: ['db.shop'] }], route }],
    },
  });
}

const template = (database: string): object => ({
  metadata: { labels: { app: 'shop', database } },
  spec: { containers: [{ name: 'shop', image: 'shop', env: [{ name: 'DATABASE', value: database }] }] },
});

async function putRollout(world: KubeWorld): Promise<void> {
  await putService(world, { selector: { app: 'shop', 'rollouts-pod-template-hash': 'h-old' } });
  await world.put(groups.argo, 'rollouts', {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    // Of a controller that is not there, where there is one.
    metadata: { name: 'shop', labels: { 'argo-rollouts.argoproj.io/controller-instance-id': 'nobody' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'shop' } },
      template: template('new'),
      strategy: { blueGreen: { activeService: 'db', autoPromotionEnabled: false } },
    },
    status: {
      observedGeneration: '1',
      currentPodHash: 'h-new',
      stableRS: 'h-old',
      blueGreen: { activeSelector: 'h-old' },
    },
  });
}

function failsBy(code: ErrorCode, text: string): never {
  return expect.toSatisfy((error: unknown) => isTealError(error, code) && error.message.includes(text)) as never;
}

async function blockers(desk: Desk): Promise<readonly string[]> {
  const switching = { clients: 'stale', upToMs: 0 } as const;
  const found = await new DeskRouter({ desk, switching, readOwner: async () => undefined }).check();
  return found.filter(({ severity }) => severity === 'blocker').map(({ what }) => what);
}

describe.each(worlds)('$of', ({ isThere, open }) => {
  const tried = test.runIf(isThere);

  tried('leads a Service by its EndpointSlice, there and back, and keeps all else', async () => {
    await using world = await open();
    await putService(world);
    await world.put(groups.slices, 'endpointslices', slice('db-teal', '10.0.0.1', 5432));
    const seen = async (): Promise<unknown> => world.at(groups.slices, 'endpointslices', 'db-teal');
    const [before, desk] = [await seen(), service(world.teal)];
    expect(await blockers(desk)).toEqual([]);
    expect(await seen()).toEqual(before);
    await desk.point('green', 1);
    expect(await seen()).toMatchObject({
      metadata: { labels: { team: 'shop' }, annotations: { note: 'kept' } },
      endpoints: [{ addresses: ['10.0.0.2'], conditions: { ready: true } }],
      ports: [{ name: 'pg', port: 5433, protocol: 'TCP' }],
    });
    await desk.point('blue', 2);
    expect(await seen()).toEqual(before);
  });

  tried('replaces all labels of a selector, and those alone', async () => {
    await using world = await open();
    await putService(world, { selector: labels.blue.labels });
    const pod = {
      metadata: { name: 'new-0', labels: labels.green.labels },
      spec: {
        serviceAccountName: 'teal',
        automountServiceAccountToken: false,
        schedulingGates: [{ name: 'teal.example/none' }],
        containers: [{ name: 'db', image: 'db' }],
      },
      status: { podIPs: [{ ip: '10.1.0.2' }], conditions: [{ type: 'Ready', status: 'True' }] },
    };
    await world.put(groups.core, 'pods', pod);
    await world.put(groups.slices, 'endpointslices', slice('db-made', '10.1.0.2', 5432));
    const desk = service(world.teal, labels);
    await desk.point('green', 1);
    expect(await world.at(groups.core, 'services', 'db')).toMatchObject({
      spec: { selector: { app: 'db-new' }, ports: [{ name: 'pg', port: 5432 }] },
    });
    expect(JSON.stringify(await world.at(groups.core, 'services', 'db'))).not.toContain('"old"');
  });

  tried('leads the routes of a VirtualService, there and back', async () => {
    await using world = await open();
    await putRoutes(world);
    const seen = async (): Promise<unknown> => world.at(groups.istio, 'virtualservices', 'db');
    const [before, desk] = [await seen(), routes(world.teal)];
    expect(await blockers(desk)).toEqual([]);
    await desk.point('green', 1);
    const led = { route: [{ weight: 0 }, { weight: 100 }] };
    expect(await seen()).toMatchObject({ spec: { tcp: [led], tls: [led] } });
    await desk.point('blue', 2);
    expect(await seen()).toEqual(before);
  });

  tried('has a Rollout promoted by its status, and its template left alone', async () => {
    await using world = await open();
    await putRollout(world);
    const { spec } = await world.at(groups.argo, 'rollouts', 'shop');
    expect(await blockers(rollout(world.teal))).toEqual([
      // There is no controller that has made any.
      expect.stringContaining('the pods to which Service db leads have neither'),
    ]);
    expect(await world.at(groups.argo, 'rollouts', 'shop')).not.toMatchObject({ status: { promoteFull: true } });
    await expect(rollout(world.teal, 600).point('green', 1)).rejects.toThrow(failsBy('TEAL-TRAFFIC-120', 'of green'));
    expect(await world.at(groups.argo, 'rollouts', 'shop')).toMatchObject({
      spec: spec as object,
      status: { promoteFull: true, stableRS: 'h-old' },
    });
    expect(await world.generationOf(groups.argo, 'rollouts', 'shop')).toBe(1);
  });

  tried('sees another writer, and writes over nobody', async () => {
    await using world = await open();
    await putService(world);
    await world.put(groups.slices, 'endpointslices', slice('db-teal', '10.0.0.1', 5432));
    const path = `${groups.slices}/namespaces/${world.namespace}/endpointslices`;
    const listed = `${path}?labelSelector=${encodeURIComponent('kubernetes.io/service-name=db')}`;
    const { items } = (await world.teal.get(listed)) as {
      items: { metadata: { name: string; resourceVersion: string } }[];
    };
    const [seen] = items;
    if (seen === undefined) throw new Error('nothing is listed');
    await world.put(groups.slices, 'endpointslices', slice('db-teal', '10.0.0.1', 6432));
    const change = { ports: [{ name: 'pg', port: 7432, protocol: 'TCP' }] };
    expect(await world.teal.patch(`${path}/db-teal`, seen, change)).toBeUndefined();
    expect(await world.at(groups.slices, 'endpointslices', 'db-teal')).toMatchObject({ ports: [{ port: 6432 }] });
  });

  tried('tells what it does not take: an address of the other family, and one of each host itself', async () => {
    await using world = await open();
    await putService(world);
    await world.put(groups.slices, 'endpointslices', slice('db-teal', '10.0.0.1', 5432));
    const six = { blue: addresses.blue, green: { address: 'fd00::2', port: 5432 } };
    expect(await blockers(service(world.teal, six))).toEqual([expect.stringMatching(/TEAL-TRAFFIC-060: PATCH .* 422/)]);
    const itself = { blue: addresses.blue, green: { address: '127.0.0.1', port: 5432 } };
    expect(await blockers(service(world.teal, itself))).toEqual([
      expect.stringMatching(/TEAL-TRAFFIC-060: PATCH .* 422/),
    ]);
  });

  tried('knows who else writes an object', async () => {
    await using world = await open();
    await putService(world);
    await world.put(groups.slices, 'endpointslices', slice('db-teal', '10.0.0.1', 5432), 'argocd-controller');
    expect((await service(world.teal).look?.())?.map(({ what }) => what)).toContain(
      'Service db is kept by argocd-controller.',
    );
  });

  tried('tells who may not', async () => {
    await using world = await open();
    await putService(world);
    await putRoutes(world);
    await putRollout(world);
    for (const desk of [service(world.stranger), routes(world.stranger), rollout(world.stranger)])
      expect(await blockers(desk)).toEqual([expect.stringMatching(/TEAL-TRAFFIC-060: GET .* 403: .*forbidden/)]);
  });
});
