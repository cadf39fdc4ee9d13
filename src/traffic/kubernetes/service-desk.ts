import { z } from 'zod';
import type { Side } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import type { Desk } from '../desk-router.ts';
import type { KubeApi } from './kube-api.ts';
import { metadata, must } from './objects.ts';
import { misled, objectDesk, type Pointed } from './object-desk.ts';

/** Where a Service leads: the pods with these labels, or one address that an EndpointSlice of the user's has. */
export type ServiceTarget =
  | { readonly labels: Readonly<Record<string, string>> }
  | { readonly address: string; readonly port: number };

export interface ServiceOptions {
  readonly api: KubeApi;
  /** Absent: that of the context. */
  readonly namespace?: string;
  readonly service: string;
  /** Of one kind. */
  readonly sides: Readonly<Record<Side, ServiceTarget>>;
  readonly timeoutMs: number;
}

/** core/v1 Service, as far as it is looked at. */
const serviceObject = z.object({
  metadata,
  spec: z.object({
    type: z.string().optional(),
    clusterIP: z.string().optional(),
    selector: z.record(z.string(), z.string()).nullish(),
    ports: z.array(z.object({ name: z.string().optional(), port: z.number() })).nullish(),
  }),
});
type ServiceObject = z.infer<typeof serviceObject>;

/** discovery.k8s.io/v1 EndpointSlice. */
const sliceObject = z.object({
  metadata,
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()),
        conditions: z.object({ ready: z.boolean().nullish() }).nullish(),
      }),
    )
    .nullish(),
  ports: z.array(z.object({ name: z.string().nullish(), port: z.number().nullish() }).loose()).nullish(),
});
type SliceObject = z.infer<typeof sliceObject>;

const podObject = z.object({
  metadata,
  status: z
    .object({
      podIPs: z.array(z.object({ ip: z.string() })).nullish(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
    })
    .optional(),
});

const sliceOf = 'kubernetes.io/service-name';
const managedBy = 'endpointslice.kubernetes.io/managed-by';
/** Of Kubernetes itself: what they made they make again. */
const controllers: ReadonlySet<string> = new Set([
  'endpointslice-controller.k8s.io',
  'endpointslicemirroring-controller.k8s.io',
]);

/** A Service as a router. Errors: TEAL-TRAFFIC-060 to -062. */
export function serviceDesk(options: ServiceOptions): Desk {
  const { api, service, sides, timeoutMs } = options;
  const cluster = new Cluster(options);
  const name = `Service ${service}`;
  return 'labels' in sides.blue
    ? objectDesk(api, bySelector(name, cluster, sides as ByLabels), timeoutMs)
    : objectDesk(api, bySlice(name, cluster, sides as ByAddress), timeoutMs);
}

type ByLabels = Readonly<Record<Side, Extract<ServiceTarget, { labels: unknown }>>>;
type ByAddress = Readonly<Record<Side, Extract<ServiceTarget, { address: unknown }>>>;

/** What is asked of the API server about one Service. */
class Cluster {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  async #namespace(): Promise<string> {
    return this.#options.namespace ?? (await this.#options.api.namespace());
  }

  async service(): Promise<{ readonly path: string; readonly object: ServiceObject }> {
    const path = `/api/v1/namespaces/${await this.#namespace()}/services/${this.#options.service}`;
    return { path, object: must(serviceObject, await this.#options.api.get(path), path) };
  }

  async slices(): Promise<readonly { readonly path: string; readonly object: SliceObject }[]> {
    const all = `/apis/discovery.k8s.io/v1/namespaces/${await this.#namespace()}/endpointslices`;
    const found = await this.#list(all, `${sliceOf}=${this.#options.service}`, sliceObject);
    return found.map((object) => ({ path: `${all}/${object.metadata.name}`, object }));
  }

  /** Addresses of those that are ready. */
  async pods(labels: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> {
    const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const pods = await this.#list(`/api/v1/namespaces/${await this.#namespace()}/pods`, selector.join(','), podObject);
    const ready = pods.filter(({ status }) =>
      (status?.conditions ?? []).some((each) => each.type === 'Ready' && each.status === 'True'),
    );
    return new Set(ready.flatMap(({ status }) => (status?.podIPs ?? []).map(({ ip }) => ip)));
  }

  async #list<T>(path: string, selector: string, item: z.ZodType<T>): Promise<readonly T[]> {
    const answer = await this.#options.api.get(`${path}?labelSelector=${encodeURIComponent(selector)}`);
    return must(z.object({ items: z.array(item) }), answer, path).items;
  }
}

function bySelector(name: string, cluster: Cluster, sides: ByLabels): Pointed<ServiceObject> {
  return {
    name,
    find: async () => cluster.service(),
    sideOf: ({ spec }) =>
      (['blue', 'green'] as const).find((side) => areEqual(spec.selector ?? {}, sides[side].labels)) ?? 'unknown',
    tell: ({ spec }) => `pods with ${tellLabels(spec.selector ?? {})}`,
    change({ spec }, side) {
      // Of a merge patch: null takes a label away.
      const gone = Object.keys(spec.selector ?? {}).map((key) => [key, null]);
      return { spec: { selector: { ...Object.fromEntries(gone), ...sides[side].labels } } };
    },
    async look({ spec }) {
      const without = await Promise.all(
        (['blue', 'green'] as const).map(async (side) =>
          (await cluster.pods(sides[side].labels)).size > 0 ? [] : side,
        ),
      );
      return [...ofService(name, spec), ...without.flat().map((side) => noPods(name, sides[side].labels))];
    },
    async hasFollowed(side) {
      const wanted = await cluster.pods(sides[side].labels);
      const led = (await cluster.slices()).flatMap(({ object }) => readyOf(object));
      return led.length > 0 && led.every((address) => wanted.has(address));
    },
  };
}

function bySlice(name: string, cluster: Cluster, sides: ByAddress): Pointed<SliceObject> {
  return {
    name,
    async find() {
      const { object } = await cluster.service();
      if (Object.keys(object.spec.selector ?? {}).length > 0) {
        throw misled(
          `${name} has a selector (${tellLabels(object.spec.selector ?? {})}): Kubernetes says where it leads`,
        );
      }
      const [slice, ...more] = await cluster.slices();
      if (slice === undefined) throw misled(`${name} has no EndpointSlice (label ${sliceOf})`);
      if (more.length > 0) throw misled(`${name} has ${more.length + 1} EndpointSlices`);
      return slice;
    },
    sideOf: (slice) =>
      (['blue', 'green'] as const).find((side) => tellSlice(slice) === tellAddress(sides[side])) ?? 'unknown',
    tell: tellSlice,
    change: ({ ports }, side) => ({
      endpoints: [{ addresses: [sides[side].address], conditions: { ready: true } }],
      ports: (ports ?? []).map((port) => ({ ...port, port: sides[side].port })),
    }),
    async look(slice) {
      const { spec } = (await cluster.service()).object;
      return [...ofService(name, spec), ...ofSlice(name, slice, spec), ...ofHeadless(name, spec, sides)];
    },
  };
}

function ofService(name: string, { type }: ServiceObject['spec']): readonly RouterFinding[] {
  if (type !== 'ExternalName') return [];
  return [
    {
      severity: 'blocker',
      what: `${name} is an ExternalName: a name of DNS and nothing else.`,
      why: 'It has neither pods nor addresses, and clients keep what they have looked up.',
      mend: 'Make it a Service without a selector with an EndpointSlice of yours; or let Teal change the name that it leads to (router dns).',
    },
  ];
}

function ofSlice(
  name: string,
  { metadata: { labels, name: slice }, ports }: SliceObject,
  spec: ServiceObject['spec'],
): readonly RouterFinding[] {
  const manager = labels?.[managedBy] ?? '';
  const [named] = ports ?? [];
  const isNamed = (spec.ports ?? []).some((port) => (port.name ?? '') === (named?.name ?? ''));
  return [
    ...(controllers.has(manager)
      ? [
          {
            severity: 'blocker',
            what: `EndpointSlice ${slice} is made by Kubernetes itself (${manager}).`,
            why: 'It is made again as it was.',
            mend: `Take away the Endpoints of ${name}, and make an EndpointSlice of your own with label ${sliceOf}.`,
          } as const,
        ]
      : []),
    ...(isNamed
      ? []
      : [
          {
            severity: 'blocker',
            what: `No port of ${name} has the name of that of EndpointSlice ${slice}.`,
            why: 'Nobody is led there.',
            mend: 'Give both the same name.',
          } as const,
        ]),
  ];
}

function ofHeadless(
  name: string,
  { clusterIP }: ServiceObject['spec'],
  { blue, green }: ByAddress,
): readonly RouterFinding[] {
  if (clusterIP !== 'None' || blue.port === green.port) return [];
  return [
    {
      severity: 'blocker',
      what: `${name} has no address of its own (clusterIP: None), and the ports of both sides differ.`,
      why: 'Clients look up the address alone, and come to the port that they know.',
      mend: 'Have both listen on one port, or give the Service an address.',
    },
  ];
}

function noPods(name: string, labels: Readonly<Record<string, string>>): RouterFinding {
  return {
    severity: 'blocker',
    what: `No pod with ${tellLabels(labels)} is ready.`,
    why: `Whom ${name} leads there is refused.`,
    mend: 'Look at the labels of its pods, and at traffic.blue and traffic.green.',
  };
}

function readyOf({ endpoints }: SliceObject): readonly string[] {
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses);
}

/** Every place that it has, in one text: what is not ready leads nobody, and is nowhere. */
function tellSlice(slice: SliceObject): string {
  const ports = (slice.ports ?? []).map(({ port }) => port ?? 0);
  const places = readyOf(slice).flatMap((address) => ports.map((port) => tellAddress({ address, port })));
  return places.length === 0 ? 'nowhere' : places.join(' and ');
}

function tellAddress({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address.toLowerCase()}]:${port}` : `${address}:${port}`;
}

function tellLabels(labels: Readonly<Record<string, string>>): string {
  const told = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return told.length === 0 ? 'no labels' : told.join(',');
}

function areEqual(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
