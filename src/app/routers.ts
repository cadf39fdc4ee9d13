import { resolve } from 'node:path';
import type { Router, Switching } from '../ports/router.ts';
import type { ReadOwner } from '../ports/owner.ts';
import type {
  ArgoRolloutsSpec,
  CommandSpec,
  DnsSpec,
  EnvoySpec,
  FlagdSpec,
  IstioSpec,
  KubernetesServiceSpec,
  NginxSpec,
  PgBouncerSpec,
  Spec,
  WebhookSpec,
} from '../spec/spec.ts';
import { finding, type Finding } from '../stages/assess/finding.ts';
import { commandDesk } from '../traffic/custom/commands.ts';
import { webhookDesk } from '../traffic/custom/webhook.ts';
import { DeskRouter } from '../traffic/desk-router.ts';
import { dnsDesk } from '../traffic/dns/dns-desk.ts';
import { envoyDesk } from '../traffic/envoy/envoy-desk.ts';
import { flagdDesk } from '../traffic/flagd/flagd-desk.ts';
import { KubeApi } from '../traffic/kubernetes/kube-api.ts';
import { kubeAccess } from '../traffic/kubernetes/kubeconfig.ts';
import { rolloutDesk } from '../traffic/kubernetes/rollout-desk.ts';
import { serviceDesk } from '../traffic/kubernetes/service-desk.ts';
import { virtualServiceDesk } from '../traffic/kubernetes/virtual-service-desk.ts';
import { HaproxyRouter } from '../traffic/haproxy/router.ts';
import { nginxDesk } from '../traffic/nginx/nginx-desk.ts';
import { noRouter } from '../traffic/none/no-router.ts';
import { PgBouncerRouter } from '../traffic/pgbouncer/router.ts';
import { runProgram } from '../traffic/program.ts';
import type { Pair } from './pair.ts';

/** A router that is not Teal's own process: it is only spoken to. */
export type OutsideRouter = Router & AsyncDisposable;

/** The router of a migration file whose router is neither the proxy nor none. `topics`: it is told that it is about the producers of these alone. */
export function outsideRouter(spec: Spec, readOwner: ReadOwner, topics?: readonly string[]): OutsideRouter | undefined {
  const about = topics === undefined ? {} : { topics };
  const { via } = spec.traffic;
  switch (via?.router) {
    case undefined:
      return undefined;
    case 'pgbouncer':
      return pgBouncer(via, spec.cutover.maxPauseMs, readOwner);
    case 'haproxy':
      return new HaproxyRouter({ ...via, switching: toClients(spec, { clients: 'connections drop' }), readOwner });
    case 'nginx':
      return nginx(via, spec, readOwner);
    case 'envoy':
      return envoy(via, spec, readOwner);
    case 'dns':
      return dns(via, spec, readOwner);
    case 'kubernetes-service': {
      const desk = serviceDesk({ ...via, api: kubeApi(via), sides: via.targets });
      return new DeskRouter({ desk, switching: toClients(spec, { clients: 'stale', upToMs: via.ttlMs }), readOwner });
    }
    case 'istio': {
      const desk = virtualServiceDesk({ ...via, api: kubeApi(via), sides: via.destinations });
      return new DeskRouter({ desk, switching: { clients: 'stale', upToMs: via.ttlMs }, readOwner });
    }
    case 'argo-rollouts': {
      const desk = rolloutDesk({ ...via, api: kubeApi(via), sides: via.labels, soakMs: spec.soak.forMs });
      return new DeskRouter({ desk, switching: { clients: 'stale', upToMs: via.ttlMs }, readOwner });
    }
    case 'flagd':
      return flagd(via, spec, readOwner);
    case 'command':
      return new DeskRouter({ desk: commandDesk({ ...via, ...about }), switching: switchingOf(via), readOwner });
    case 'webhook': {
      const desk = webhookDesk({ ...via, ...about, migration: spec.name });
      return new DeskRouter({ desk, switching: switchingOf(via), readOwner });
    }
  }
}

/** Clients of Kafka find the first broker by it and speak to the others by the names that those have: it takes nobody off the losing side. */
function toClients({ blue }: Spec, ofDatabases: Switching): Switching {
  return blue.system === 'kafka' ? { clients: 'writes fail' } : ofDatabases;
}

function switchingOf(via: CommandSpec | WebhookSpec): Switching {
  const holds = via.router === 'command' ? via.holding !== undefined : via.holds;
  if (holds) return { clients: 'none fails' };
  return via.ttlMs === undefined ? { clients: 'connections drop' } : { clients: 'stale', upToMs: via.ttlMs };
}

/** By the fences of a pair. */
export function ownerReader({ fences }: Pick<Pair, 'fences'>): ReadOwner {
  return async (side, signal) => (await fences[side].written(signal)).owner;
}

/** Whether clients are made to wait in a cut. */
export function holdsClients(spec: Spec): boolean {
  return routerToPlan(spec).holdsClients !== false;
}

/** What the steps of a plan say of clients is said of those of this file. Nothing is asked. */
export function routerToPlan(spec: Spec): Router {
  const { holdsClients, points, switching } = outsideRouter(spec, unasked) ?? {};
  const planned = noRouter(async () => ({ owner: 'blue', epoch: 0 }));
  if (spec.traffic.router === 'none') return planned;
  return {
    ...planned,
    holdsClients: holdsClients ?? true,
    points: points ?? true,
    switching: switching ?? { clients: 'none fails' },
  };
}

/** What the router of a file says of its own settings, as findings of an assessment. */
export async function checkRouter(spec: Spec): Promise<readonly Finding[]> {
  await using router = outsideRouter(spec, unasked);
  const found = (await router?.check?.()) ?? [];
  return found.map(({ severity, what, why, mend }) =>
    finding(severity === 'blocker' ? 'ASSESS-ROUTER' : 'ASSESS-ROUTER-LIMIT', {
      object: spec.traffic.router,
      what,
      why,
      mend: `-- ${mend}`,
    }),
  );
}

const programMs = 30_000;

const unasked: ReadOwner = async () => undefined;

function nginx(via: NginxSpec, spec: Spec, readOwner: ReadOwner): OutsideRouter {
  const desk = nginxDesk({ ...via, config: resolve(via.folder, via.config), maxPauseMs: spec.cutover.maxPauseMs });
  return new DeskRouter({ desk, switching: toClients(spec, { clients: 'connections drop' }), readOwner });
}

function envoy(via: EnvoySpec, spec: Spec, readOwner: ReadOwner): OutsideRouter {
  const desk = envoyDesk({ ...via, config: resolve(via.folder, via.config), maxPauseMs: spec.cutover.maxPauseMs });
  return new DeskRouter({ desk, switching: toClients(spec, { clients: 'connections drop' }), readOwner });
}

function dns(via: DnsSpec, spec: Spec, readOwner: ReadOwner): OutsideRouter {
  const { timeoutMs, ttlMs } = via;
  const key = { ...via.key, secret: Buffer.from(via.key.secret, 'base64') };
  const desk = dnsDesk({ ...via, server: { ...via.server, key, timeoutMs } });
  return new DeskRouter({ desk, switching: toClients(spec, { clients: 'stale', upToMs: ttlMs }), readOwner });
}

function kubeApi({
  kubeconfig,
  context,
  folder,
  timeoutMs,
}: ArgoRolloutsSpec | KubernetesServiceSpec | IstioSpec): KubeApi {
  const file = kubeconfig === undefined ? {} : { kubeconfig: resolve(folder, kubeconfig) };
  const named = { ...file, ...(context === undefined ? {} : { context }) };
  return new KubeApi({ timeoutMs, access: async () => kubeAccess({ ...named, env: process.env, timeoutMs }) });
}

function flagd(via: FlagdSpec, spec: Spec, readOwner: ReadOwner): OutsideRouter {
  const desk = flagdDesk({ ...via, config: resolve(via.folder, via.config) });
  return new DeskRouter({ desk, switching: toClients(spec, { clients: 'stale', upToMs: via.ttlMs }), readOwner });
}

function pgBouncer(via: PgBouncerSpec, maxPauseMs: number, readOwner: ReadOwner): OutsideRouter {
  const { admin, database, places, config, folder } = via;
  return new PgBouncerRouter({
    admin,
    database,
    places,
    maxPauseMs,
    readOwner,
    config:
      typeof config === 'string'
        ? resolve(folder, config)
        : async (side) => {
            const { host, port, database: name } = places[side];
            const env = { TEAL_SIDE: side, TEAL_HOST: host ?? '', TEAL_PORT: String(port), TEAL_DATABASE: name };
            await runProgram({ command: config, folder, timeoutMs: programMs }, [side], env);
          },
  });
}
