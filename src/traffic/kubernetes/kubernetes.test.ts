import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import { DeskRouter, type Desk } from '../desk-router.ts';
import { KubeApi } from './kube-api.ts';
import { kubeAccess, type KubeAccess, type KubeconfigOptions } from './kubeconfig.ts';
import { serviceDesk, type ServiceOptions } from './service-desk.ts';
import { apiDouble, type ApiDouble } from './test-support/api-double.ts';
import { virtualServiceDesk } from './virtual-service-desk.ts';

const token = 's3cret-token';
const ofService = '/api/v1/namespaces/shop/services/db';
const ofSlice = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/db-teal';
const ofPods = '/api/v1/namespaces/shop/pods';
const ofRoutes = '/apis/networking.istio.io/v1/namespaces/shop/virtualservices/db';
const addresses = {
  blue: { address: '10.0.0.1', port: 5432 },
  green: { address: '10.0.0.2', port: 5433 },
} as const;
const labels = { blue: { labels: { app: 'db', old: 'yes' } }, green: { labels: { app: 'db-new' } } } as const;
const named = { 'kubernetes.io/service-name': 'db' };

function failsBy(code: ErrorCode, text: string): never {
  return expect.toSatisfy((error: unknown) => isTealError(error, code) && error.message.includes(text)) as never;
}

function apiOf(double: ApiDouble, timeoutMs = 30_000): KubeApi {
  return new KubeApi({ timeoutMs, access: async () => ({ server: new URL(double.url), token, namespace: 'shop' }) });
}

function sliceAt({ address, port }: { readonly address: string; readonly port: number }): object {
  return {
    metadata: { name: 'db-teal', labels: named },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'pg', port, protocol: 'TCP' }],
  };
}

/** A Service without a selector, and its EndpointSlice. */
async function bySlice(): Promise<ApiDouble> {
  const double = await apiDouble(token);
  double.put(ofService, { metadata: { name: 'db' }, spec: { ports: [{ name: 'pg', port: 5432 }] } });
  double.put(ofSlice, sliceAt(addresses.blue));
  return double;
}

/** One with a selector, and what the controllers of Kubernetes make of it. */
async function bySelector(): Promise<ApiDouble> {
  const double = await apiDouble(token);
  const pod = (name: string, own: object, ip: string): void =>
    double.put(`${ofPods}/${name}`, {
      metadata: { name, labels: own },
      status: { podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
    });
  pod('old-0', labels.blue.labels, '10.1.0.1');
  pod('new-0', labels.green.labels, '10.1.0.2');
  double.put(ofService, {
    metadata: { name: 'db' },
    spec: { selector: labels.blue.labels, ports: [{ name: 'pg', port: 5432 }] },
  });
  const follow = (): void => {
    const { selector } = double.at(ofService)['spec'] as { selector: Record<string, string> };
    const address = selector['app'] === 'db' ? '10.1.0.1' : '10.1.0.2';
    double.put(ofSlice, sliceAt({ address, port: 5432 }));
  };
  follow();
  double.after = follow;
  return double;
}

const destinations = {
  blue: { host: 'db-old.shop.svc.cluster.local' },
  green: { host: 'db-new.shop.svc.cluster.local', subset: 'primary' },
} as const;

async function byRoutes(...routes: readonly object[]): Promise<ApiDouble> {
  const double = await apiDouble(token);
  double.put('/apis/networking.istio.io', { metadata: { name: '' }, preferredVersion: { version: 'v1' } });
  double.put(ofRoutes, { metadata: { name: 'db' }, spec: { hosts: ['db'], tcp: routes } });
  return double;
}

const weighed = (blue: number, green: number): object => ({
  match: [{ port: 5432 }],
  route: [
    { destination: { ...destinations.blue, port: { number: 5432 } }, weight: blue },
    { destination: { ...destinations.green, port: { number: 5432 } }, weight: green },
  ],
});

const routeOf = (one: object): object => ({ route: (one as { route: unknown }).route });

function service(double: ApiDouble, sides: ServiceOptions['sides'], timeoutMs = 30_000): Desk {
  return serviceDesk({ api: apiOf(double, timeoutMs), service: 'db', sides, timeoutMs });
}

function routes(double: ApiDouble): Desk {
  return virtualServiceDesk({ api: apiOf(double), virtualService: 'db', sides: destinations, timeoutMs: 30_000 });
}

const kinds = [
  {
    kind: 'a Service by its EndpointSlice',
    begin: bySlice,
    desk: (double: ApiDouble) => service(double, addresses),
    isAt: (double: ApiDouble): Side => (JSON.stringify(double.at(ofSlice)).includes('10.0.0.1') ? 'blue' : 'green'),
  },
  {
    kind: 'a Service by its selector',
    begin: bySelector,
    desk: (double: ApiDouble) => service(double, labels),
    isAt: (double: ApiDouble): Side => (JSON.stringify(double.at(ofSlice)).includes('10.1.0.1') ? 'blue' : 'green'),
  },
  {
    kind: 'a VirtualService',
    begin: async () => byRoutes(weighed(100, 0)),
    desk: routes,
    isAt: (double: ApiDouble): Side =>
      /"weight":100.*"weight":0/.test(JSON.stringify(double.at(ofRoutes))) ? 'blue' : 'green',
  },
];

function routerOf(desk: Desk): { readonly router: DeskRouter; readonly owners: Partial<Record<Side, OwnerRow>> } {
  const owners: Partial<Record<Side, OwnerRow>> = {};
  const switching = { clients: 'stale', upToMs: 60_000 } as const;
  return { owners, router: new DeskRouter({ desk, switching, readOwner: async (side) => owners[side] }) };
}

describe.each(kinds)('$kind', ({ begin, desk, isAt }) => {
  const open = async (): Promise<RouterWorld> => {
    const double = await begin();
    const { router, owners } = routerOf(desk(double));
    return {
      router,
      decide: async (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
      ask: async () => isAt(double),
      begin: async () => async () => undefined,
      [Symbol.asyncDispose]: async () => double[Symbol.asyncDispose](),
    };
  };
  for (const { name, run } of routerContract(open, false)) test(name, run);

  test('goes back as it went, and leaves everything else as it was', async () => {
    await using double = await begin();
    const all = (): readonly unknown[] => [ofService, ofSlice, ofRoutes].map((path) => stored(double, path));
    const before = all();
    const it = desk(double);
    await it.point('green', 1);
    expect(all()).not.toEqual(before);
    await it.point('blue', 2);
    expect(all()).toEqual(before);
    const patches = double.asked.filter(({ method }) => method === 'PATCH');
    expect(patches.map(({ query }) => query.toString())).toEqual(['fieldManager=teal', 'fieldManager=teal']);
  });

  test('an assessment tries what a cut will do, and changes nothing', async () => {
    await using double = await begin();
    const found = (await desk(double).look?.()) ?? [];
    expect(found.map(({ severity }) => severity)).toEqual(['warning']);
    const patches = double.asked.filter(({ method }) => method === 'PATCH');
    expect(patches.map(({ query }) => query.get('dryRun'))).toEqual(['All', 'All']);
    expect(isAt(double)).toBe('blue');
  });
});

function stored(double: ApiDouble, path: string): unknown {
  try {
    const { metadata, ...rest } = double.at(path);
    const { resourceVersion: _, ...own } = metadata;
    return { ...rest, metadata: own };
  } catch {
    return undefined;
  }
}

describe('two writers', () => {
  test('what another one writes meanwhile is seen and kept, and the switch goes on from there', async () => {
    await using double = await bySlice();
    double.before = () => {
      const slice = double.at(ofSlice);
      double.put(ofSlice, { ...slice, metadata: { ...slice.metadata, annotations: { note: 'by another' } } });
    };
    expect(await service(double, addresses).point('green', 1)).toContain('somebody else wrote Service db');
    expect(double.at(ofSlice)).toMatchObject({
      metadata: { annotations: { note: 'by another' } },
      endpoints: [{ addresses: ['10.0.0.2'] }],
      ports: [{ name: 'pg', port: 5433, protocol: 'TCP' }],
    });
  });

  test('one that leads clients elsewhere is not overwritten', async () => {
    await using double = await bySlice();
    double.before = () => double.put(ofSlice, sliceAt({ address: '10.0.0.9', port: 5432 }));
    await expect(service(double, addresses).point('green', 1)).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-061', 'leads to 10.0.0.9:5432'),
    );
    expect(stored(double, ofSlice)).toEqual(sliceAt({ address: '10.0.0.9', port: 5432 }));
  });

  test('one that never ends is told', async () => {
    await using double = await bySlice();
    const again = (): void => {
      double.put(ofSlice, double.at(ofSlice));
      double.before = again;
    };
    double.before = again;
    await expect(service(double, addresses, 600).point('green', 1)).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-061', 'again and again'),
    );
  });
});

describe('what stands against a cut', () => {
  const whats = async (desk: Desk): Promise<readonly string[]> => {
    const found = await routerOf(desk).router.check();
    return found.filter(({ severity }) => severity === 'blocker').map(({ what }) => what);
  };

  test('of a Service with an EndpointSlice', async () => {
    await using double = await bySlice();
    double.put(ofSlice, sliceAt({ address: '10.0.0.9', port: 5432 }));
    expect(await whats(service(double, addresses))).toEqual(['Service db leads to 10.0.0.9:5432.']);
    const mirrored = { ...named, 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' };
    double.put(ofSlice, {
      ...sliceAt(addresses.blue),
      metadata: { name: 'db-teal', labels: mirrored, managedFields: [{ manager: 'argocd-controller' }] },
      ports: [{ name: 'other', port: 5432 }],
    });
    double.put(ofService, {
      metadata: { name: 'db' },
      spec: { clusterIP: 'None', ports: [{ name: 'pg', port: 5432 }] },
    });
    const desk = service(double, addresses);
    expect(await whats(desk)).toEqual([
      'EndpointSlice db-teal is made by Kubernetes itself (endpointslicemirroring-controller.k8s.io).',
      'No port of Service db has the name of that of EndpointSlice db-teal.',
      'Service db has no address of its own (clusterIP: None), and the ports of both sides differ.',
    ]);
    expect((await routerOf(desk).router.check()).map(({ what }) => what)).toContain(
      'Service db is kept by argocd-controller.',
    );
    double.put(`${ofSlice}-2`, sliceAt(addresses.blue));
    expect(await whats(desk)).toEqual([expect.stringContaining('TEAL-TRAFFIC-061: Service db has 2 EndpointSlices')]);
    double.put(ofService, { metadata: { name: 'db' }, spec: { selector: { app: 'db' } } });
    expect(await whats(desk)).toEqual([expect.stringContaining('Service db has a selector (app=db)')]);
  });

  test('of a Service with a selector', async () => {
    await using double = await bySelector();
    const { metadata } = double.at(`${ofPods}/new-0`);
    double.put(`${ofPods}/new-0`, { metadata, status: { podIPs: [{ ip: '10.1.0.2' }] } });
    double.put(ofService, { metadata: { name: 'db' }, spec: { type: 'ExternalName', selector: labels.blue.labels } });
    expect(await whats(service(double, labels))).toEqual([
      'Service db is an ExternalName: a name of DNS and nothing else.',
      'No pod with app=db-new is ready.',
    ]);
    double.after = undefined;
    await expect(service(double, labels, 600).point('green', 1)).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-061', 'no pod of it takes connections'),
    );
  });

  test('of a VirtualService', async () => {
    await using split = await byRoutes(weighed(90, 10));
    expect(await whats(routes(split))).toEqual([
      'VirtualService db leads to db-old.shop.svc.cluster.local (90) and db-new.shop.svc.cluster.local/primary (10).',
    ]);
    await using none = await apiDouble(token);
    expect(await whats(routes(none))).toEqual([expect.stringContaining('Istio is not there')]);
  });

  test('what the API server refuses is told with what it says, and never with what lets one in', async () => {
    await using double = await bySlice();
    double.refusals.push({ status: 403, message: 'services "db" is forbidden' });
    expect(await whats(service(double, addresses))).toEqual([
      expect.stringMatching(
        /TEAL-TRAFFIC-060: GET .*\/services\/db at 127\.0\.0\.1:\d+: it answered 403: services "db" is forbidden/,
      ),
    ]);
    const other = new KubeApi({
      timeoutMs: 30_000,
      access: async () => ({ server: new URL(double.url), token: 'other-s3cret' }),
    });
    const asked = double.asked.length;
    const refused = await other.get(ofService).catch((error: unknown) => error);
    expect(refused).toEqual(failsBy('TEAL-TRAFFIC-060', '401: Unauthorized'));
    expect(JSON.stringify(refused)).not.toContain('s3cret');
    // Once more, with a token that was asked for anew.
    expect(double.asked.length).toBe(asked + 2);
  });
});

test('routes that know no side, and what stands beside a route, stay; one destination alone is replaced', async () => {
  const foreign = { match: [{ port: 6379 }], route: [{ destination: { host: 'cache' }, weight: 100 }] };
  const alone = { match: [{ port: 5432 }], route: [{ destination: { ...destinations.blue, port: { number: 5432 } } }] };
  await using double = await byRoutes(foreign, alone);
  expect((await routes(double).read()).side).toBe('blue');
  await routes(double).point('green', 1);
  expect(double.at(ofRoutes)['spec']).toEqual({
    hosts: ['db'],
    tcp: [foreign, { ...alone, route: [{ destination: { port: { number: 5432 }, ...destinations.green } }] }],
  });
});

test('routes of TLS, which are told apart by the name that a client asks for, go with those of TCP', async () => {
  const [tcp, tls] = [weighed(100, 0), { ...weighed(100, 0), match: [{ port: 5433, sniHosts: ['db.shop'] }] }];
  const cache = { match: [{ sniHosts: ['cache'] }], route: [{ destination: { host: 'cache' } }] };
  await using double = await byRoutes(tcp);
  const { metadata } = double.at(ofRoutes);
  const given = (tlsRoutes: readonly object[]): void =>
    double.put(ofRoutes, { metadata, spec: { hosts: ['db'], tcp: [tcp], tls: tlsRoutes } });
  given([cache, tls]);
  expect((await routes(double).look?.())?.map(({ severity }) => severity)).toEqual(['warning']);
  await routes(double).point('green', 1);
  expect(double.at(ofRoutes)['spec']).toEqual({
    hosts: ['db'],
    tcp: [weighed(0, 100)],
    tls: [cache, { ...tls, ...routeOf(weighed(0, 100)) }],
  });
  // One list that leads here, and another that leads there: some clients are on each.
  given([{ ...tls, ...routeOf(weighed(0, 100)) }]);
  expect((await routes(double).read()).side).toBe('unknown');
});

test('a VirtualService that knows routes of TLS alone is pointed by these', async () => {
  const tls = { ...weighed(100, 0), match: [{ port: 5433, sniHosts: ['db.shop'] }] };
  await using double = await byRoutes();
  double.put(ofRoutes, { metadata: { name: 'db' }, spec: { hosts: ['db'], tls: [tls] } });
  expect((await routes(double).read()).side).toBe('blue');
  await routes(double).point('green', 1);
  expect(double.at(ofRoutes)['spec']).toEqual({ hosts: ['db'], tls: [{ ...tls, ...routeOf(weighed(0, 100)) }] });
});

test('an answer that may not have been heard is asked for again', async () => {
  await using double = await bySlice();
  double.refusals.push({ status: 503, message: 'not yet' }, { status: 429, message: 'too many' });
  expect((await service(double, addresses).read()).side).toBe('blue');
  await expect(
    new KubeApi({ timeoutMs: 400, access: async () => ({ server: new URL('http://127.0.0.1:1') }) }).get('/api'),
  ).rejects.toThrow(failsBy('TEAL-TRAFFIC-060', 'GET /api at 127.0.0.1:1'));
});

describe('a kubeconfig', () => {
  type Given = { readonly [K in keyof KubeconfigOptions]?: KubeconfigOptions[K] | undefined };
  const read = async (text: string, given: Given = {}): Promise<KubeAccess> => {
    const folder = await mkdtemp(join(tmpdir(), 'teal-kube-'));
    try {
      await writeFile(join(folder, 'config'), text);
      await writeFile(join(folder, 'ca.pem'), 'an authority');
      await writeFile(join(folder, 'token'), `${token}\n`);
      await writeFile(join(folder, 'ca.crt'), 'of the pod');
      await writeFile(join(folder, 'namespace'), 'shop');
      const options = { kubeconfig: join(folder, 'config'), env: {}, timeoutMs: 30_000, podFolder: folder, ...given };
      return await kubeAccess(options as KubeconfigOptions);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const config = (user: string): string => `apiVersion: v1
kind: Config
current-context: one
contexts:
- { name: one, context: { cluster: c, user: u, namespace: shop } }
- { name: two, context: { cluster: c, user: nobody } }
clusters:
- { name: c, cluster: { server: "https://10.0.0.1:6443/k8s", certificate-authority: ca.pem, tls-server-name: kube } }
users:
- { name: u, user: ${user} }
`;
  const base = { ca: 'an authority', servername: 'kube', namespace: 'shop' };
  const data = (text: string): string => Buffer.from(text).toString('base64');

  test.each([
    [`{ token: ${token} }`, { token }],
    ['{ tokenFile: token }', { token }],
    [
      `{ client-certificate-data: ${data('cert')}, client-key-data: ${data('key')} }`,
      { certificate: { cert: 'cert', key: 'key' } },
    ],
    [
      `{ exec: { apiVersion: client.authentication.k8s.io/v1, command: sh, args: ["-c", 'printf ''{"kind":"ExecCredential","status":{"token":"%s"}}'' "$A"'], env: [{ name: A, value: ${token} }] } }`,
      { token },
    ],
  ])('says who one is: %s', async (user, identity) => {
    const { server, ...rest } = await read(config(user));
    expect(server.href).toBe('https://10.0.0.1:6443/k8s');
    expect(rest).toEqual({ ...base, ...identity });
  });

  test('has contexts; and a pod has none', async () => {
    const { server: _, namespace, token: none } = await read(config(`{ token: ${token} }`), { context: 'two' });
    expect([namespace, none]).toEqual([undefined, undefined]);
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    const access = await read('', { env, kubeconfig: undefined });
    expect({ ...access, server: access.server.href }).toEqual({
      server: 'https://[fd00::1]:6443/',
      ca: 'of the pod',
      token,
      namespace: 'shop',
    });
  });

  test.each([
    ['a context that is not there', config('{}'), { context: 'three' }, 'no context three'],
    ['another file', `${token}: [`, {}, 'it cannot be read'],
    ['another kind of file', `clusters: ${token}`, {}, 'is no kubeconfig'],
    ['no file', '', { kubeconfig: '/nowhere/config' }, 'ENOENT'],
    [
      'a program that fails',
      config(`{ exec: { apiVersion: v1, command: sh, args: ["-c", "echo ${token}; exit 1"] } }`),
      {},
      '`sh` of its user failed',
    ],
    [
      'a program that says something else',
      config(`{ exec: { apiVersion: v1, command: echo, args: ["{}"] } }`),
      {},
      'printed no ExecCredential',
    ],
    ['several files', '', { kubeconfig: undefined, env: { KUBECONFIG: '/a:/b' } }, 'names several files'],
    [
      'a cluster behind a proxy',
      config('{}').replace('server:', 'proxy-url: "http://p:3128", server:'),
      {},
      'its cluster has a proxy-url',
    ],
    ['a password', config('{ username: me, password: x }'), {}, 'has an auth-provider or a password'],
  ])('that is of no use is told, and nothing of its text: %s', async (_, text, given, told) => {
    const error = await read(text, given).catch((thrown: unknown) => thrown);
    expect(error).toEqual(failsBy('TEAL-TRAFFIC-062', told));
    expect(error instanceof Error ? error.message : '').not.toContain(token);
  });
});
