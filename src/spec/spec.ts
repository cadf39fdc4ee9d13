import { must } from '../kernel/assert.ts';
import { redact } from '../kernel/redact.ts';
import type { FollowMethod, PollSettings } from '../model/follow-method.ts';
import { readDestination, readLabels, readTarget, type KubernetesTarget } from './kubernetes-words.ts';
import { dnsTypeOf, readDnsKey, readDnsServer, withoutDot, type DnsKeySpec } from './dns-words.ts';
import type { SpecDocument } from './document.ts';
import { familyOf } from './families.ts';
import { notifyOf, printableNotify, type NotifySpec } from './notify.ts';
import { readPlace } from './place.ts';
import type { Urls } from './urls.ts';
import { gateOf, outsideGateOf, printableGate, type GateSpec, type OutsideGate } from './gates.ts';

export type { GateSpec, OutsideGate } from './gates.ts';

export type SystemName = SpecDocument['blue']['system'];
/** With tables and rows. */
export type DatabaseName = Exclude<SystemName, 'kafka'>;

export interface SideSpec {
  readonly system: SystemName;
  /** With its password: never print it; see `printableSpec`. */
  readonly url: string;
  /** Of Kafka; both sides have one or neither. With its password, as the address. */
  readonly schemaRegistry?: { readonly url: string };
}

export type RouterName = NonNullable<SpecDocument['traffic']['router']>;

/** Where something other than Teal finds a database. No host: by a socket of its own machine. */
export interface PlaceSpec {
  readonly host: string | undefined;
  readonly port: number;
  readonly database: string;
}

export interface PgBouncerSpec {
  readonly router: 'pgbouncer';
  /** With its password, as `SideSpec.url`. */
  readonly admin: string;
  readonly database: string;
  /** Path; or a program and its arguments. */
  readonly config: string | readonly string[];
  /** That of the migration file, where programs run. Paths are taken from there. */
  readonly folder: string;
  readonly places: Readonly<Record<'blue' | 'green', PlaceSpec>>;
}

export interface HaproxySpec {
  readonly router: 'haproxy';
  readonly socket: string;
  readonly backend: string;
  readonly servers: Readonly<Record<'blue' | 'green', string>>;
}

export interface NginxSpec {
  readonly router: 'nginx';
  /** Path. */
  readonly config: string;
  readonly sides: Readonly<Record<'blue' | 'green', { readonly upstream: string; readonly status: string }>>;
  readonly test: readonly string[];
  readonly reload: readonly string[];
  /** As `PgBouncerSpec.folder`. */
  readonly folder: string;
  readonly timeoutMs: number;
}

export interface EnvoySpec {
  readonly router: 'envoy';
  /** Path. */
  readonly config: string;
  readonly status: string;
  readonly clusters: Readonly<Record<'blue' | 'green', string>>;
  /** As `PgBouncerSpec.folder`. */
  readonly folder: string;
  readonly timeoutMs: number;
}

export interface DnsSpec {
  readonly router: 'dns';
  readonly server: { readonly host: string; readonly port: number };
  readonly zone: string;
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  readonly records: Readonly<Record<'blue' | 'green', string>>;
  /** With its secret. */
  readonly key: DnsKeySpec;
  readonly ttlMs: number;
  readonly timeoutMs: number;
}

interface ClusterSpec {
  /** Path. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  /** As `PgBouncerSpec.folder`. */
  readonly folder: string;
  readonly ttlMs: number;
  readonly timeoutMs: number;
}

export interface KubernetesServiceSpec extends ClusterSpec {
  readonly router: 'kubernetes-service';
  readonly service: string;
  readonly targets: Readonly<Record<'blue' | 'green', KubernetesTarget>>;
}

export interface IstioSpec extends ClusterSpec {
  readonly router: 'istio';
  readonly virtualService: string;
  readonly destinations: Readonly<Record<'blue' | 'green', { readonly host: string; readonly subset?: string }>>;
}

export interface ArgoRolloutsSpec extends ClusterSpec {
  readonly router: 'argo-rollouts';
  readonly rollout: string;
  /** Labels of pods. */
  readonly labels: Readonly<Record<'blue' | 'green', Readonly<Record<string, string>>>>;
}

export interface FlagdSpec {
  readonly router: 'flagd';
  /** Path. */
  readonly config: string;
  readonly flag: string;
  readonly variants: Readonly<Record<'blue' | 'green', string>>;
  readonly status: string;
  /** As `PgBouncerSpec.folder`. */
  readonly folder: string;
  readonly ttlMs: number;
  readonly timeoutMs: number;
}

export interface CommandSpec extends AskedSpec {
  readonly router: 'command';
  readonly read: readonly string[];
  readonly point: readonly string[];
  readonly holding?: { readonly hold: readonly string[]; readonly release: readonly string[] };
  readonly folder: string;
}

export interface WebhookSpec extends AskedSpec {
  readonly router: 'webhook';
  /** With whatever is secret in it. */
  readonly url: string;
  readonly token?: string;
  readonly holds: boolean;
}

interface AskedSpec {
  readonly timeoutMs: number;
  readonly ttlMs?: number;
}

export interface GroupsSpec {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Programs that end and start the consumers of a group; absent: a person does. */
  readonly desk?: { readonly stop: readonly string[]; readonly start: readonly string[]; readonly folder: string };
  readonly timeoutMs: number;
  readonly patienceMs: number;
  readonly maxLag: number;
}

/** What clients read and write, put to green too. */
export interface ShadowSpec {
  /** Of reads, and of transactions that write; 0 to 1, one of them more than 0. */
  readonly reads: number;
  readonly writes: number;
  /** Where writes are tried; absent: on green. */
  readonly scratch?: string;
  readonly forMs: number;
  readonly maxDifferences: number;
  /** Reads that must have been compared, and writes. */
  readonly atLeast: number;
}

/** Reads of clients that green answers before the cut. */
export interface CanarySpec {
  /** Of sessions, each more than the one before, more than 0 and at most 1. None: reads stay on blue too. */
  readonly shares: readonly number[];
  readonly holdMs: number;
  /** What must go on being answered with yes. */
  readonly revertOn: readonly OutsideGate[];
  readonly everyMs: number;
  readonly failures: number;
  /** A setting: sessions that gave the same value of it when they connected go together. Absent: each goes by itself. */
  readonly by?: string;
  /** Of the reads of a step. */
  readonly maxErrors: number;
  readonly atLeast: number;
  /** Absent: writes stay on blue until the cut. */
  readonly writes?: TenantsSpec;
}

/** Tenants that live on green for a time before the cut. */
export interface TenantsSpec {
  /** The column that says whose a row is. */
  readonly by: string;
  /** Its values, as text. */
  readonly tenants: readonly string[];
  /** The setting that a client gives when it connects. */
  readonly session: string;
  /** Tables without that column, `schema.name`. */
  readonly shared: readonly string[];
  readonly holdMs: number;
}

/** A cluster of Kafka Connect that carries blue to green. */
export interface ConnectSpec {
  /** With logins, as the other addresses here. */
  readonly workers: readonly string[];
  readonly kafka?: string;
  readonly replicationFactor: number;
  readonly topicPrefix: string;
  /** As the workers reach them. */
  readonly blue: string;
  readonly green: string;
  readonly acceptUnfaithful: readonly string[];
  /** Of Kafka: tasks of MirrorMaker at most. */
  readonly tasks?: number;
}

/** A router that is neither Teal's proxy nor none. */
export type RouterSpec =
  | PgBouncerSpec
  | HaproxySpec
  | NginxSpec
  | EnvoySpec
  | DnsSpec
  | KubernetesServiceSpec
  | IstioSpec
  | ArgoRolloutsSpec
  | FlagdSpec
  | CommandSpec
  | WebhookSpec;

/** The normal form of a user's file: every default is in, every unit is said. */
export interface Spec {
  readonly name: string;
  readonly blue: SideSpec;
  readonly green: SideSpec;
  readonly tables: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** Of Kafka, where `tables` says nothing. */
  readonly topics?: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** Of Kafka: groups of consumers. */
  readonly groups?: GroupsSpec;
  readonly traffic: {
    readonly router: RouterName;
    /** What that router needs, where it is neither the proxy nor none. */
    readonly via?: RouterSpec;
    readonly listenHost: string;
    readonly listenPort: number;
    readonly tls?: { readonly cert: string; readonly key: string };
    /** `scram`: PostgreSQL. `password`: MySQL and MariaDB, by the plugin of each account. */
    readonly clientAuth: 'scram' | 'password' | 'trust';
    /** Path, as in the file. */
    readonly authFile?: string;
    readonly pinned: 'abort' | 'close';
    readonly maxClients: number;
    readonly processes: number | 'auto';
  };
  /** With `carrier: connect`. */
  readonly connect?: ConnectSpec;
  readonly copy: { readonly workers: number; readonly indexWorkers: number };
  readonly follow: {
    /** Of blue; green is followed by its log. */
    readonly method: FollowMethod;
    /** With `polling`. */
    readonly poll?: PollSettings;
    /** Of triggers on MySQL and MariaDB: a person has said that no table is changed meanwhile. */
    readonly acceptFrozenSchema: boolean;
    readonly walBudgetBytes: number;
    readonly spoolLimitBytes: number;
    readonly heartbeatMs: number;
  };
  /** Absent: nothing is compared. */
  readonly shadow?: ShadowSpec;
  /** Absent: green answers no client before the cut. */
  readonly canary?: CanarySpec;
  readonly cutover: {
    readonly maxPauseMs: number;
    readonly drainMs: number;
    readonly lockTimeoutMs: number;
    readonly gates: readonly GateSpec[];
    /** Made before each attempt. */
    readonly backup?: { readonly command: readonly string[]; readonly timeoutMs: number };
    readonly sequenceHeadroom: number;
  };
  /** Absent: nobody is told. */
  readonly notify?: readonly NotifySpec[];
  readonly soak: {
    readonly forMs: number;
    /** What green must go on answering with yes. */
    readonly health: readonly OutsideGate[];
    /** What clients may meet on green, beside what they met on blue. */
    readonly rollBackOn: readonly FigureSpec[];
    readonly everyMs: number;
    /** How often in a row one is answered with no before anything is done. */
    readonly failures: number;
    readonly onFailure: 'rollBack' | 'tell';
  };
  /** Absent: nobody looks what is out of the usual. */
  readonly anomalies?: {
    readonly everyMs: number;
    /** How large the disk is that the files of a database are on. */
    readonly diskBytes: { readonly blue?: number; readonly green?: number };
  };
  readonly finalise: { readonly afterMs: number; readonly blue: 'keep' | 'open' };
  readonly stateDir: string;
  /** From MySQL or MariaDB to PostgreSQL; absent where the file says nothing of it. */
  readonly mapping?: NonNullable<SpecDocument['mapping']>;
}

/** `above`: a share of all, 0 to 1. */
export type FigureSpec =
  | { readonly kind: 'errors'; readonly above: number; readonly atLeast: number }
  | { readonly kind: 'latency'; readonly percentile: number; readonly times: number; readonly atLeast: number };

/** `urls` are read already: the environment and files are the caller's. */
export function normalForm(
  document: SpecDocument,
  urls: Urls & { readonly notify?: readonly string[] },
  folder = '',
): Spec {
  const { traffic, follow, cutover } = document;
  const families = { blue: familyOf(document.blue.system), green: familyOf(document.green.system) };
  const colon = traffic.listen.lastIndexOf(':');
  return deepFreeze({
    name: document.name,
    blue: { system: document.blue.system, url: urls.blue, ...registryOf(urls.registries?.blue) },
    green: { system: document.green.system, url: urls.green, ...registryOf(urls.registries?.green) },
    tables: document.tables,
    ...(families.blue === 'kafka'
      ? { topics: document.topics ?? { include: ['*'], exclude: [] }, groups: groupsOf(document, folder) }
      : {}),
    traffic: {
      router: traffic.router ?? (families.blue === families.green && families.blue !== 'kafka' ? 'proxy' : 'none'),
      ...viaOf(document, urls, folder),
      listenHost: traffic.listen.slice(0, colon).replace(/^\[|\]$/g, ''),
      listenPort: Number(traffic.listen.slice(colon + 1)),
      ...(traffic.tls === undefined ? {} : { tls: traffic.tls }),
      clientAuth: traffic.clientAuth ?? (families.blue === 'postgres' ? 'scram' : 'password'),
      ...(traffic.authFile === undefined ? {} : { authFile: traffic.authFile }),
      pinned: traffic.pinned,
      maxClients: traffic.maxClients,
      processes: traffic.processes,
    },
    ...connectOf(document, urls),
    copy: document.copy,
    follow: {
      method: follow.method,
      ...(follow.method === 'polling'
        ? {
            poll: {
              column: follow.column ?? '',
              columns: follow.columns ?? {},
              ...(follow.zone === undefined ? {} : { zoneMinutes: minutesOf(follow.zone) }),
              everyMs: follow.interval ?? 1_000,
            },
          }
        : {}),
      acceptFrozenSchema: follow.acceptFrozenSchema ?? false,
      walBudgetBytes: follow.walBudget,
      spoolLimitBytes: follow.spool,
      heartbeatMs: follow.heartbeat,
    },
    ...shadowOf(document),
    ...canaryOf(document),
    cutover: {
      maxPauseMs: cutover.maxPause,
      drainMs: cutover.drain ?? Math.round((cutover.maxPause * 2) / 3),
      lockTimeoutMs: cutover.lockTimeout,
      gates: cutover.gates.map(gateOf),
      ...backupOf(cutover),
      sequenceHeadroom: cutover.sequenceHeadroom,
    },
    soak: {
      forMs: document.soak.for,
      health: document.soak.health.map(outsideGateOf),
      rollBackOn: document.soak.rollBackOn.map(figureOf),
      everyMs: document.soak.every,
      failures: document.soak.failures,
      onFailure: document.soak.onFailure,
    },
    ...anomaliesOf(document.anomalies),
    ...notifyOf(document.notify, urls.notify ?? []),
    finalise: { afterMs: document.finalise.after, blue: document.finalise.blue },
    ...(document.mapping === undefined ? {} : { mapping: document.mapping }),
    stateDir: document.stateDir ?? `.teal/${document.name}`,
  });
}

function anomaliesOf(anomalies: SpecDocument['anomalies']): Pick<Spec, 'anomalies'> {
  if (anomalies === undefined) return {};
  const { blue, green } = anomalies.disk;
  const diskBytes = { ...(blue === undefined ? {} : { blue }), ...(green === undefined ? {} : { green }) };
  return { anomalies: { everyMs: anomalies.every, diskBytes } };
}

function registryOf(url: string | undefined): Pick<SideSpec, 'schemaRegistry'> {
  return url === undefined ? {} : { schemaRegistry: { url } };
}

function backupOf({ backup }: SpecDocument['cutover']): Pick<Spec['cutover'], 'backup'> {
  return backup === undefined ? {} : { backup: { command: backup.command, timeoutMs: backup.timeout } };
}

function figureOf({ errorRate, p50, p95, p99, atLeast }: SpecDocument['soak']['rollBackOn'][number]): FigureSpec {
  if (errorRate !== undefined) return { kind: 'errors', above: errorRate, atLeast };
  const [percentile, times] = p50 !== undefined ? [0.5, p50] : p95 !== undefined ? [0.95, p95] : [0.99, p99 ?? 1];
  return { kind: 'latency', percentile, times, atLeast };
}

function shadowOf({ shadow }: SpecDocument): Pick<Spec, 'shadow'> {
  if (shadow === undefined) return {};
  const { reads = 0, writes = 0, scratch, for: forMs, maxDifferences, atLeast } = shadow;
  const where = scratch === undefined ? {} : { scratch };
  return { shadow: { reads, writes, ...where, forMs, maxDifferences, atLeast } };
}

function canaryOf({ canary }: SpecDocument): Pick<Spec, 'canary'> {
  if (canary === undefined) return {};
  const { reads, hold: holdMs, revertOn, every: everyMs, failures, by, maxErrors, atLeast, writes } = canary;
  const shares = reads ?? (writes === undefined ? defaultShares : []);
  const questions = revertOn.map(outsideGateOf);
  return {
    canary: {
      shares,
      holdMs,
      revertOn: questions,
      everyMs,
      failures,
      ...(by === 'session' ? {} : { by }),
      maxErrors,
      atLeast,
      ...(writes === undefined ? {} : { writes: tenantsOf(writes) }),
    },
  };
}

const defaultShares: readonly number[] = Object.freeze([0.01, 0.1, 0.5, 1]);

function tenantsOf({
  hold: holdMs,
  ...writes
}: NonNullable<NonNullable<SpecDocument['canary']>['writes']>): TenantsSpec {
  return { ...writes, holdMs };
}

/** Of a document without mistakes: `connect` stands beside `carrier: connect`, and nowhere else. */
function connectOf({ connect }: SpecDocument, urls: Urls): Pick<Spec, 'connect'> {
  if (connect === undefined) return {};
  const { workers = [], kafka, blue = urls.blue, green = urls.green } = urls.connect ?? {};
  const { replicationFactor, topicPrefix, acceptUnfaithful, tasks } = connect;
  return {
    connect: {
      workers,
      ...(kafka === undefined ? {} : { kafka }),
      replicationFactor,
      topicPrefix,
      blue,
      green,
      acceptUnfaithful,
      ...(tasks === undefined ? {} : { tasks }),
    },
  };
}

/** `-03:30` is -210. */
function minutesOf(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4));
  return zone.startsWith('-') ? -minutes : minutes;
}

const groupDefaults = { include: ['*'], exclude: [], timeout: 60_000, patience: 600_000, maxLag: 1_000 };

function groupsOf({ groups: given }: SpecDocument, folder: string): GroupsSpec {
  const { include, exclude, stop, start, timeout, patience, maxLag } = {
    stop: undefined,
    start: undefined,
    ...groupDefaults,
    ...given,
  };
  const desk = stop === undefined || start === undefined ? {} : { desk: { stop, start, folder } };
  return { include, exclude, ...desk, timeoutMs: timeout, patienceMs: patience, maxLag };
}

/** Of an address that names neither a database nor a role: the router says that it leads to neither side. */
const nowhere: PlaceSpec = { host: undefined, port: 0, database: '' };

/** Of a document without mistakes: what a router needs is there. */
function viaOf(document: SpecDocument, urls: Urls, folder: string): { readonly via?: RouterSpec } {
  const { traffic } = document;
  const { timeout: timeoutMs = 10_000, ttl: ttlMs } = traffic;
  const asked = { timeoutMs, ...(ttlMs === undefined ? {} : { ttlMs }) };
  switch (traffic.router) {
    case 'pgbouncer':
      return { via: pgBouncerOf(document, urls, folder) };
    case 'haproxy': {
      const [socket, backend] = [must(traffic.socket, 'a socket'), must(traffic.backend, 'a backend')];
      return { via: { router: 'haproxy', socket, backend, servers: namesOf(document) } };
    }
    case 'nginx':
      return { via: nginxOf(document, folder) };
    case 'envoy': {
      const status = must(typeof traffic.status === 'string' ? traffic.status : undefined, 'an address');
      const config = pathOf(document);
      return { via: { router: 'envoy', config, status, clusters: namesOf(document), folder, timeoutMs } };
    }
    case 'dns':
      return { via: dnsOf(document) };
    case 'kubernetes-service': {
      const names = namesOf(document);
      const target = (side: 'blue' | 'green'): KubernetesTarget => must(readTarget(names[side]), 'a target');
      const service = must(traffic.service, 'a name');
      const targets = { blue: target('blue'), green: target('green') };
      return { via: { router: 'kubernetes-service', service, targets, ...clusterOf(document, folder) } };
    }
    case 'istio': {
      const names = namesOf(document);
      const virtualService = must(traffic.virtualService, 'a name');
      const destinations = {
        blue: must(readDestination(names.blue), 'a destination'),
        green: must(readDestination(names.green), 'a destination'),
      };
      return { via: { router: 'istio', virtualService, destinations, ...clusterOf(document, folder) } };
    }
    case 'argo-rollouts': {
      const [names, rollout] = [namesOf(document), must(traffic.rollout, 'a name')];
      const labels = {
        blue: must(readLabels(names.blue), 'labels'),
        green: must(readLabels(names.green), 'labels'),
      };
      return { via: { router: 'argo-rollouts', rollout, labels, ...clusterOf(document, folder) } };
    }
    case 'flagd': {
      const { blue = 'blue', green = 'green', status } = traffic;
      return {
        via: {
          router: 'flagd',
          config: pathOf(document),
          flag: must(traffic.flag, 'a key'),
          variants: { blue, green },
          status: must(typeof status === 'string' ? status : undefined, 'an address'),
          folder,
          ttlMs: must(ttlMs, 'a time'),
          timeoutMs,
        },
      };
    }
    case 'command': {
      const { hold, release } = traffic;
      const [read, point] = [must(traffic.read, 'a program'), must(traffic.point, 'a program')];
      const holding = hold === undefined || release === undefined ? {} : { holding: { hold, release } };
      return { via: { router: 'command', read, point, ...holding, folder, ...asked } };
    }
    case 'webhook': {
      const { token, holds = false } = traffic;
      const secret = token === undefined ? {} : { token };
      return { via: { router: 'webhook', url: must(urls.webhook, 'a URL'), ...secret, holds, ...asked } };
    }
    default:
      return {};
  }
}

function clusterOf({ traffic }: SpecDocument, folder: string): ClusterSpec {
  const { kubeconfig, context, namespace, ttl, timeout = 10_000 } = traffic;
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(namespace === undefined ? {} : { namespace }),
    folder,
    ttlMs: must(ttl, 'a time'),
    timeoutMs: timeout,
  };
}

/** What a router calls each side. */
function namesOf({ traffic }: SpecDocument): Readonly<Record<'blue' | 'green', string>> {
  return { blue: must(traffic.blue, 'a name'), green: must(traffic.green, 'a name') };
}

function pathOf({ traffic: { config } }: SpecDocument): string {
  return must(typeof config === 'string' ? config : undefined, 'a path');
}

function nginxOf(document: SpecDocument, folder: string): NginxSpec {
  const { status, test = ['nginx', '-T'], reload = ['nginx', '-s', 'reload'], timeout = 10_000 } = document.traffic;
  const [names, places] = [namesOf(document), must(typeof status === 'object' ? status : undefined, 'addresses')];
  return {
    router: 'nginx',
    config: pathOf(document),
    sides: {
      blue: { upstream: names.blue, status: places.blue },
      green: { upstream: names.green, status: places.green },
    },
    test,
    reload,
    folder,
    timeoutMs: timeout,
  };
}

function dnsOf(document: SpecDocument): DnsSpec {
  const { server, zone, name, key, ttl, timeout = 10_000 } = document.traffic;
  const records = namesOf(document);
  return {
    router: 'dns',
    server: must(readDnsServer(must(server, 'an address')), 'an address'),
    zone: withoutDot(must(zone, 'a name')),
    name: withoutDot(must(name, 'a name')),
    type: must(dnsTypeOf(records.blue), 'an address, or a name'),
    records: { blue: withoutDot(records.blue), green: withoutDot(records.green) },
    key: must(readDnsKey(must(key, 'a key')), 'a key'),
    ttlMs: must(ttl, 'a TTL'),
    timeoutMs: timeout,
  };
}

function pgBouncerOf({ traffic }: SpecDocument, urls: Urls, folder: string): PgBouncerSpec {
  const place = (side: 'blue' | 'green'): PlaceSpec => readPlace(traffic[side] ?? urls[side]) ?? nowhere;
  return {
    router: 'pgbouncer',
    admin: must(urls.admin, 'an address'),
    database: must(traffic.database, 'a name'),
    config: must(traffic.config, 'a file'),
    folder,
    places: { blue: place('blue'), green: place('green') },
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/** For the screen, the journal and the report: the same without passwords. */
export function printableSpec(spec: Spec): Spec {
  return {
    ...spec,
    blue: printableSide(spec.blue),
    green: printableSide(spec.green),
    traffic: {
      ...spec.traffic,
      ...(spec.traffic.via === undefined ? {} : { via: printableVia(spec.traffic.via) }),
    },
    ...(spec.connect === undefined ? {} : { connect: printableConnect(spec.connect) }),
    cutover: { ...spec.cutover, gates: spec.cutover.gates.map(printableGate), ...printableBackup(spec.cutover) },
    soak: { ...spec.soak, health: spec.soak.health.map(printableGate) },
    ...(spec.notify === undefined ? {} : { notify: spec.notify.map(printableNotify) }),
    ...(spec.canary === undefined
      ? {}
      : { canary: { ...spec.canary, revertOn: spec.canary.revertOn.map(printableGate) } }),
  };
}

function printableSide({ system, url, schemaRegistry }: SideSpec): SideSpec {
  return {
    system,
    url: redact(url),
    ...registryOf(schemaRegistry === undefined ? undefined : redact(schemaRegistry.url)),
  };
}

function printableBackup({ backup }: Spec['cutover']): Pick<Spec['cutover'], 'backup'> {
  return backup === undefined ? {} : { backup: { ...backup, command: backup.command.map(redact) } };
}

function printableConnect(connect: ConnectSpec): ConnectSpec {
  const { kafka } = connect;
  return {
    ...connect,
    workers: connect.workers.map(redact),
    ...(kafka === undefined ? {} : { kafka: redact(kafka) }),
    blue: redact(connect.blue),
    green: redact(connect.green),
  };
}

function printableVia(via: RouterSpec): RouterSpec {
  if (via.router === 'pgbouncer') return { ...via, admin: redact(via.admin) };
  if (via.router === 'dns') return { ...via, key: { ...via.key, secret: '***' } };
  if (via.router !== 'webhook') return via;
  const { token, ...rest } = via;
  // Any part of it but the host may be what lets one in.
  const url = `${new URL(via.url).origin}/***`;
  return { ...rest, url, ...(token === undefined ? {} : { token: '***' }) };
}
