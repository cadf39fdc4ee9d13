import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

type Stored = Record<string, unknown> & {
  metadata: { name: string; resourceVersion?: string; labels?: Record<string, string> } & Record<string, unknown>;
};

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string;
  readonly body?: unknown;
}

/**
 * The part of an API server that a router asks, over HTTP as the reference of the Kubernetes API (1.36) has it: reading, listing by labels, merge patches by resourceVersion (409 where it is old), `dryRun=All`,
 * a `Status` for what is refused. What is written must have the shapes of that reference.
 */
export interface ApiDouble extends AsyncDisposable {
  readonly url: string;
  /** Tokens of those who are known, and may do nothing. */
  readonly strangers: Set<string>;
  readonly asked: Asked[];
  /** Makes an object, or writes it as somebody else does. */
  put(path: string, object: object): void;
  at(path: string): Stored;
  /** Answered, one after the other, before anything is looked at. */
  readonly refusals: { readonly status: number; readonly message: string }[];
  /** Called once, before the next patch is looked at: somebody else is faster. */
  before: (() => void) | undefined;
  /** Called after each patch: what controllers make of it. */
  after: (() => void) | undefined;
}

const destinations = z
  .array(
    z.strictObject({
      destination: z.strictObject({
        host: z.string(),
        subset: z.string().optional(),
        port: z.strictObject({ number: z.int() }).optional(),
      }),
      weight: z.int().min(0).optional(),
    }),
  )
  .min(1);
const tlsMatches = z.array(z.looseObject({ sniHosts: z.array(z.string()).min(1) })).min(1);

/** core/v1 ServiceSpec, discovery.k8s.io/v1 EndpointSlice, networking.istio.io/v1 VirtualService, argoproj.io/v1alpha1 Rollout: what of them is required, and of which kind it is. */
const shapes = {
  services: z.looseObject({ spec: z.looseObject({ selector: z.record(z.string(), z.string()).optional() }) }),
  endpointslices: z.looseObject({
    addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
    endpoints: z.array(
      z.strictObject({
        addresses: z.array(z.string()).min(1).max(100),
        conditions: z.strictObject({
          ready: z.boolean().optional(),
          serving: z.boolean().optional(),
          terminating: z.boolean().optional(),
        }),
      }),
    ),
    ports: z.array(
      z.strictObject({
        name: z.string().optional(),
        // Of its size nothing is looked at (1.34).
        port: z.int().optional(),
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
        appProtocol: z.string().optional(),
      }),
    ),
  }),
  rollouts: z.looseObject({
    spec: z.looseObject({
      template: z.looseObject({ spec: z.looseObject({ containers: z.array(z.unknown()).min(1) }) }),
    }),
  }),
  virtualservices: z.looseObject({
    spec: z.looseObject({
      tcp: z.array(z.looseObject({ route: destinations })).optional(),
      tls: z.array(z.looseObject({ match: tlsMatches, route: destinations })).optional(),
    }),
  }),
} as const;

/** `takesLoopback`: no real one takes such an address of an endpoint, and databases of tests have no other. */
export async function apiDouble(token: string, { takesLoopback = false } = {}): Promise<ApiDouble> {
  const objects = new Map<string, Stored>();
  let version = 100;
  const server = createServer((request, response) => {
    void (async () => {
      const { status, body } = await answer(request);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })();
  });

  async function answer(request: IncomingMessage): Promise<{ readonly status: number; readonly body: unknown }> {
    const url = new URL(request.url ?? '', 'http://x');
    const { method = '' } = request;
    const { authorization = '', 'content-type': type } = request.headers;
    const body = method === 'PATCH' ? await json(request) : undefined;
    it.asked.push({ method, path: url.pathname, query: url.searchParams, authorization, body });
    const refusal = it.refusals.shift();
    if (refusal !== undefined) return statusOf(refusal.status, refusal.message);
    if (it.strangers.has(authorization.slice('Bearer '.length))) {
      return statusOf(403, `${url.pathname} is forbidden: User "stranger" cannot ${method.toLowerCase()} it`);
    }
    if (authorization !== `Bearer ${token}`) return statusOf(401, 'Unauthorized');
    if (method === 'GET') return read(url);
    if (method !== 'PATCH' || type !== 'application/merge-patch+json') return statusOf(415, `no ${method} by ${type}`);
    return patched(url, body as Record<string, unknown>);
  }

  function read(url: URL): { readonly status: number; readonly body: unknown } {
    const object = objects.get(url.pathname);
    if (object !== undefined) return { status: 200, body: object };
    const selector = url.searchParams.get('labelSelector');
    if (selector === null) return statusOf(404, `${url.pathname} not found`);
    const wanted = selector.split(',').map((each) => each.split('='));
    const items = [...objects].filter(
      ([path, { metadata }]) =>
        path.startsWith(`${url.pathname}/`) && wanted.every(([key = '', value]) => metadata.labels?.[key] === value),
    );
    return { status: 200, body: { items: items.map(([, each]) => each) } };
  }

  function patched(url: URL, change: Record<string, unknown>): { readonly status: number; readonly body: unknown } {
    const { before } = it;
    it.before = undefined;
    before?.();
    const isStatus = url.pathname.endsWith('/status');
    const path = isStatus ? url.pathname.slice(0, -'/status'.length) : url.pathname;
    const object = objects.get(path);
    const kind = path.split('/').at(-2) as keyof typeof shapes;
    if (object === undefined || (isStatus && kind !== 'rollouts')) return statusOf(404, `${url.pathname} not found`);
    const { metadata } = change as { metadata?: { resourceVersion?: string } };
    if (metadata?.resourceVersion !== object.metadata.resourceVersion)
      return statusOf(409, 'the object has been modified; please apply your changes to the latest version');
    const next = kind === 'rollouts' ? ofSubresource(object, change, isStatus) : (merge(object, change) as Stored);
    const parsed = shapes[kind].safeParse(next);
    if (!parsed.success) return statusOf(422, parsed.error.message);
    const wrong = takesLoopback || kind !== 'endpointslices' ? undefined : wrongAddress(next);
    if (wrong !== undefined) return statusOf(422, `endpoints[0].addresses[0]: Invalid value: "${wrong}"`);
    if (next['addressType'] !== object['addressType']) return statusOf(422, 'addressType: field is immutable');
    if (url.searchParams.get('dryRun') === 'All') return { status: 200, body: next };
    it.put(path, next);
    it.after?.();
    return { status: 200, body: it.at(path) };
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const it: ApiDouble = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    strangers: new Set(),
    asked: [],
    refusals: [],
    before: undefined,
    after: undefined,
    put(path, object) {
      const { metadata } = object as Stored;
      version += 1;
      objects.set(path, { ...object, metadata: { ...metadata, resourceVersion: String(version) } });
    },
    at(path) {
      const object = objects.get(path);
      if (object === undefined) throw new Error(`nothing at ${path}`);
      return structuredClone(object);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return it;
}

/** Of the type that the slice has, and nowhere that means another host to each that reads it. */
function wrongAddress(slice: Stored): string | undefined {
  const { addressType, endpoints } = slice as unknown as z.infer<typeof shapes.endpointslices>;
  const family = { IPv4: 4, IPv6: 6, FQDN: 0 }[addressType];
  const local = /^(127\.|169\.254\.|0\.0\.0\.0$|::1?$|fe[89ab])/i;
  return endpoints
    .flatMap(({ addresses }) => addresses)
    .find((address) => isIP(address) !== family || local.test(address));
}

/** Where status is a subresource: a patch of it changes nothing else, one of the object leaves it, and each other spec is a generation. */
function ofSubresource(object: Stored, change: Record<string, unknown>, isStatus: boolean): Stored {
  const merged = merge(object, change) as Stored;
  if (isStatus) return { ...object, status: merged['status'] };
  const isOther = JSON.stringify(merged['spec']) !== JSON.stringify(object['spec']);
  const generation = Number(object.metadata['generation'] ?? 1) + (isOther ? 1 : 0);
  return { ...merged, status: object['status'], metadata: { ...merged.metadata, generation } };
}

/** RFC 7386. */
function merge(target: unknown, change: unknown): unknown {
  if (!isObject(change)) return change;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function statusOf(code: number, message: string): { readonly status: number; readonly body: unknown } {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code } };
}
