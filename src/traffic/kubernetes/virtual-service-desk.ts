import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { Desk } from '../desk-router.ts';
import { isAbsent, type KubeApi } from './kube-api.ts';
import { metadata, must } from './objects.ts';
import { objectDesk, type Pointed } from './object-desk.ts';

export interface Destination {
  readonly host: string;
  readonly subset?: string;
}

export interface VirtualServiceOptions {
  readonly api: KubeApi;
  /** Absent: that of the context. */
  readonly namespace?: string;
  readonly virtualService: string;
  readonly sides: Readonly<Record<Side, Destination>>;
  readonly timeoutMs: number;
}

/** networking.istio.io RouteDestination. */
const routeDestination = z
  .object({
    destination: z.object({ host: z.string(), subset: z.string().optional() }).loose(),
    weight: z.number().optional(),
  })
  .loose();
type RouteDestination = z.infer<typeof routeDestination>;

/** TCPRoute and TLSRoute alike: what they match is left as it is. */
const passing = z.object({ route: z.array(routeDestination).nullish() }).loose();
type Passing = z.infer<typeof passing>;

/** VirtualService. Of HTTP no client of a database comes. */
const virtualService = z.object({
  metadata,
  spec: z.object({ tcp: z.array(passing).nullish(), tls: z.array(passing).nullish() }),
});
type VirtualService = z.infer<typeof virtualService>;

const lists = ['tcp', 'tls'] as const;

/** A VirtualService of Istio as a router: the weights of its TCP and TLS routes to both sides. Errors: TEAL-TRAFFIC-060 to -062. */
export function virtualServiceDesk(options: VirtualServiceOptions): Desk {
  return objectDesk(options.api, pointedOf(options), options.timeoutMs);
}

function pointedOf({ api, namespace, virtualService: name, sides }: VirtualServiceOptions): Pointed<VirtualService> {
  return {
    name: `VirtualService ${name}`,
    async find() {
      const within = namespace ?? (await api.namespace());
      const path = `/apis/networking.istio.io/${await versionOf(api)}/namespaces/${within}/virtualservices/${name}`;
      return { path, object: must(virtualService, await api.get(path), path) };
    },
    sideOf: (object) => sideOf(object, sides),
    tell: tellRoutes,
    change: ({ spec }, side) => ({
      spec: Object.fromEntries(
        lists.flatMap((list) => {
          const routes = spec[list] ?? [];
          return routes.length === 0 ? [] : [[list, routes.map((each) => led(each, sides, side))]];
        }),
      ),
    }),
    look: async () => [],
  };
}

/** The one that this cluster prefers. TEAL-TRAFFIC-060 where it has no Istio. */
async function versionOf(api: KubeApi): Promise<string> {
  const path = '/apis/networking.istio.io';
  try {
    const group = must(z.object({ preferredVersion: z.object({ version: z.string() }) }), await api.get(path), path);
    return group.preferredVersion.version;
  } catch (error) {
    if (!isAbsent(error)) throw error;
    throw new TealError('TEAL-TRAFFIC-060', `GET ${path}: this cluster has no VirtualService: Istio is not there`);
  }
}

/** The side to which all routes lead that know one; unknown where they do not agree, one leads to a third, or none knows any. */
function sideOf({ spec }: VirtualService, sides: VirtualServiceOptions['sides']): Side | 'unknown' {
  const found = new Set(
    lists
      .flatMap((list) => spec[list] ?? [])
      .filter((each) => knows(each, sides))
      .flatMap(({ route }) => weighed(route ?? []).map((each) => isOf(each, sides) ?? 'unknown')),
  );
  const [side = 'unknown'] = found;
  return found.size === 1 ? side : 'unknown';
}

/** Those to which anybody is led. One alone needs no weight. */
function weighed(route: readonly RouteDestination[]): readonly RouteDestination[] {
  return route.length === 1 ? route : route.filter(({ weight = 0 }) => weight > 0);
}

function knows({ route }: Passing, sides: VirtualServiceOptions['sides']): boolean {
  return (route ?? []).some((each) => isOf(each, sides) !== undefined);
}

function isOf({ destination }: RouteDestination, sides: VirtualServiceOptions['sides']): Side | undefined {
  return (['blue', 'green'] as const).find(
    (side) => sides[side].host === destination.host && sides[side].subset === destination.subset,
  );
}

/** A route that knows a side, with all of its weight on `side`. Ports, and all else that stands there, stay. */
function led(passed: Passing, sides: VirtualServiceOptions['sides'], side: Side): Passing {
  const route = passed.route ?? [];
  if (!knows(passed, sides)) return passed;
  const other = otherSide(side);
  const known = route.find((each) => isOf(each, sides) === side);
  const left = route.find((each) => isOf(each, sides) === other);
  if (known === undefined && left !== undefined) {
    const { host: _, subset: __, ...rest } = left.destination;
    const alone = { ...left, destination: { ...rest, ...sides[side] } };
    return {
      ...passed,
      route:
        route.length === 1
          ? [alone]
          : [
              { ...alone, weight: 100 },
              { ...left, weight: 0 },
            ],
    };
  }
  if (route.length === 1) return passed;
  return { ...passed, route: route.map((each) => ({ ...each, weight: each === known ? 100 : 0 })) };
}

function tellRoutes({ spec }: VirtualService): string {
  const places = lists
    .flatMap((list) => spec[list] ?? [])
    .flatMap(({ route }) => weighed(route ?? []))
    .map(({ destination: { host, subset }, weight }) => {
      const name = subset === undefined ? host : `${host}/${subset}`;
      return weight === undefined ? name : `${name} (${weight})`;
    });
  return places.length === 0 ? 'nowhere' : places.join(' and ');
}
