import { areAlike, areApart, isObjectName, readDestination, readLabels, readTarget } from './kubernetes-words.ts';
import { dnsTypeOf, isDnsName, readDnsKey, readDnsServer, withoutDot } from './dns-words.ts';
import { familyOf, noProxyBetween } from './families.ts';
import type { Mistake } from './mistakes.ts';
import { readPlace } from './place.ts';
import type { Places } from './places.ts';
import { parseDuration } from './units.ts';

type System = Parameters<typeof familyOf>[0];
type Systems = { readonly blue: System; readonly green: System };
type At = (word: string, message: string) => Mistake;

interface Words {
  readonly must: readonly string[];
  readonly may: readonly string[];
}

const ofProxy = ['listen', 'tls', 'clientAuth', 'authFile', 'pinned', 'maxClients', 'processes'];

/** The words of `traffic` by the router that they are for. */
const words: Readonly<Record<string, Words>> = {
  proxy: { must: [], may: ofProxy },
  // Of the proxy that may come back.
  none: { must: [], may: ofProxy },
  pgbouncer: { must: ['admin', 'database', 'config'], may: ['blue', 'green'] },
  haproxy: { must: ['socket', 'backend', 'blue', 'green'], may: [] },
  nginx: { must: ['config', 'status', 'blue', 'green'], may: ['test', 'reload', 'timeout'] },
  envoy: { must: ['config', 'status', 'blue', 'green'], may: ['timeout'] },
  dns: { must: ['server', 'zone', 'name', 'key', 'ttl', 'blue', 'green'], may: ['timeout'] },
  'kubernetes-service': {
    must: ['service', 'ttl', 'blue', 'green'],
    may: ['namespace', 'kubeconfig', 'context', 'timeout'],
  },
  istio: {
    must: ['virtualService', 'ttl', 'blue', 'green'],
    may: ['namespace', 'kubeconfig', 'context', 'timeout'],
  },
  'argo-rollouts': {
    must: ['rollout', 'ttl', 'blue', 'green'],
    may: ['namespace', 'kubeconfig', 'context', 'timeout'],
  },
  flagd: { must: ['config', 'flag', 'status', 'ttl'], may: ['blue', 'green', 'timeout'] },
  command: { must: ['read', 'point'], may: ['hold', 'release', 'ttl', 'timeout'] },
  webhook: { must: ['url'], may: ['token', 'holds', 'ttl', 'timeout'] },
};

/** They lead clients of whatever protocol, and know both sides by names of their own. */
const passesOn: ReadonlySet<string> = new Set(['haproxy', 'nginx', 'envoy', 'dns', 'kubernetes-service', 'istio']);
const ownsFile: ReadonlySet<string> = new Set(['nginx', 'envoy', 'flagd']);

/** What `traffic` says beside a router that has no use for it, and what a router needs and is not said. `router`: the default where none is named. */
export function mistakesOfRouter(
  traffic: Readonly<Record<string, unknown>>,
  router: string,
  systems: Systems,
  places: Places,
): readonly Mistake[] {
  const known = words[router];
  // The schema has said so.
  if (known === undefined) return [];
  const at: At = (word, message) => ({
    ...places.ofValue(['traffic', word]),
    path: `traffic.${word}`,
    message,
  });
  const foreign = Object.keys(traffic).filter(
    (word) => !known.must.includes(word) && !known.may.includes(word) && ownersOf(word).length > 0,
  );
  return [
    ...foreign.map((word) => at(word, `expected nothing: it is a word of router ${ownersOf(word).join(', ')}`)),
    ...known.must
      .filter((word) => traffic[word] === undefined)
      .map((word) => at(word, `is missing: router ${router} needs it`)),
    ...(router === 'pgbouncer' ? mistakesOfPgBouncer(traffic, systems, at) : []),
    ...(passesOn.has(router) ? mistakesOfPassing(traffic, systems, at) : []),
    ...(ownsFile.has(router) && Array.isArray(traffic['config'])
      ? [at('config', 'expected a path: programs change files of PgBouncer alone')]
      : []),
    ...(router === 'nginx' ? mistakesOfNginx(traffic, at) : []),
    ...((router === 'envoy' || router === 'flagd') && typeof traffic['status'] === 'object'
      ? [at('status', `expected host:port of its ${router === 'envoy' ? 'admin' : 'OFREP'}`)]
      : []),
    ...(router === 'kubernetes-service' ? mistakesOfService(traffic, at) : []),
    ...(router === 'istio' ? mistakesOfIstio(traffic, at) : []),
    ...(router === 'argo-rollouts' ? mistakesOfRollout(traffic, at) : []),
    ...(router === 'flagd' ? mistakesOfFlag(traffic, at) : []),
    ...(router === 'dns' ? mistakesOfDns(traffic, at) : []),
    ...mistakesOfHolding(traffic, at),
  ];
}

function ownersOf(word: string): readonly string[] {
  return Object.keys(words).filter(
    (router) => router !== 'none' && [...(words[router]?.must ?? []), ...(words[router]?.may ?? [])].includes(word),
  );
}

function mistakesOfPgBouncer(
  traffic: Readonly<Record<string, unknown>>,
  { blue, green }: Systems,
  at: At,
): readonly Mistake[] {
  const isPostgres = familyOf(blue) === 'postgres' && familyOf(green) === 'postgres';
  const sides = (['blue', 'green'] as const).filter((side) => {
    const place = traffic[side];
    return typeof place === 'string' && readPlace(place) === undefined;
  });
  return [
    ...(isPostgres ? [] : [at('router', 'expected another: PgBouncer is of PostgreSQL')]),
    ...sides.map((side) => at(side, 'expected host:port/database')),
  ];
}

function mistakesOfPassing(
  traffic: Readonly<Record<string, unknown>>,
  { blue, green }: Systems,
  at: At,
): readonly Mistake[] {
  const { blue: one, green: other } = traffic;
  return [
    ...(familyOf(blue) === familyOf(green) ? [] : [at('router', `expected another: ${noProxyBetween(blue, green)}`)]),
    ...(one !== undefined && one === other ? [at('green', 'expected another than that of blue')] : []),
  ];
}

function mistakesOfNginx({ status }: Readonly<Record<string, unknown>>, at: At): readonly Mistake[] {
  if (typeof status === 'string') return [at('status', 'expected { blue: host:port, green: host:port }')];
  const { blue, green } = Object(status) as { readonly blue?: unknown; readonly green?: unknown };
  return blue !== undefined && blue === green ? [at('status', 'expected another place for green than for blue')] : [];
}

/** A duration of another form is told by the schema. */
function isTtl(text: string): boolean {
  const ms = parseDuration(text) ?? 0;
  return ms % 1_000 === 0 && ms <= 7 * 86_400_000;
}

function mistakesOfDns(traffic: Readonly<Record<string, unknown>>, at: At): readonly Mistake[] {
  // Where a text is no text, or not there, somebody else says so.
  const wrong = (word: string, isRight: (text: string) => boolean, expected: string): readonly Mistake[] => {
    const text = traffic[word];
    return typeof text !== 'string' || text === '' || isRight(text) ? [] : [at(word, `expected ${expected}`)];
  };
  const { zone, blue } = traffic;
  const type = typeof blue === 'string' ? dnsTypeOf(blue) : undefined;
  const isBelow = (text: string): boolean => {
    if (typeof zone !== 'string' || !isDnsName(text)) return isDnsName(text);
    const [own, above] = [withoutDot(text).toLowerCase(), withoutDot(zone).toLowerCase()];
    // Beside the records of a zone itself no CNAME may stand.
    return own.endsWith(`.${above}`) || (own === above && type !== 'CNAME');
  };
  return [
    ...wrong('server', (text) => readDnsServer(text) !== undefined, 'host or host:port'),
    ...wrong('zone', isDnsName, 'the name of a zone'),
    ...wrong('name', isBelow, `a name below zone ${typeof zone === 'string' ? zone : ''}`.trimEnd()),
    ...wrong('key', (text) => readDnsKey(text) !== undefined, '[algorithm:]name:secret, the secret in base64'),
    ...wrong('blue', (text) => dnsTypeOf(text) !== undefined, 'an IP address, or a name'),
    ...wrong(
      'green',
      (text) => type === undefined || dnsTypeOf(text) === type,
      `one record of the same type as blue (${type})`,
    ),
    ...wrong('ttl', isTtl, 'whole seconds, at most 7d'),
  ];
}

/** Of a word that is there: what is no text, the schema tells. */
function wrongWord(
  traffic: Readonly<Record<string, unknown>>,
  at: At,
  word: string,
  isRight: (text: string) => boolean,
  expected: string,
): readonly Mistake[] {
  const text = traffic[word];
  return typeof text !== 'string' || text === '' || isRight(text) ? [] : [at(word, `expected ${expected}`)];
}

function mistakesOfService(traffic: Readonly<Record<string, unknown>>, at: At): readonly Mistake[] {
  const { blue } = traffic;
  const one = typeof blue === 'string' ? readTarget(blue) : undefined;
  const isAlike = (text: string): boolean => {
    const other = readTarget(text);
    return other !== undefined && (one === undefined || areAlike(one, other));
  };
  const kind = one === undefined ? 'address:port, or labels key=value,…' : 'one of the same kind as blue';
  return [
    ...mistakesOfObject(traffic, 'service', at),
    ...wrongWord(traffic, at, 'blue', (text) => readTarget(text) !== undefined, 'address:port, or labels key=value,…'),
    ...wrongWord(traffic, at, 'green', isAlike, kind),
  ];
}

function mistakesOfIstio(traffic: Readonly<Record<string, unknown>>, at: At): readonly Mistake[] {
  const isDestination = (text: string): boolean => readDestination(text) !== undefined;
  return [
    ...mistakesOfObject(traffic, 'virtualService', at),
    ...wrongWord(traffic, at, 'blue', isDestination, 'the host of a destination, or host/subset'),
    ...wrongWord(traffic, at, 'green', isDestination, 'the host of a destination, or host/subset'),
  ];
}

function mistakesOfRollout(traffic: Readonly<Record<string, unknown>>, at: At): readonly Mistake[] {
  const { blue } = traffic;
  const one = typeof blue === 'string' ? readLabels(blue) : undefined;
  const isApart = (text: string): boolean => {
    const other = readLabels(text);
    return other !== undefined && (one === undefined || areApart(one, other));
  };
  const expected = 'labels key=value,… of which pods of blue have one with another value';
  return [
    ...mistakesOfObject(traffic, 'rollout', at),
    ...wrongWord(traffic, at, 'blue', (text) => readLabels(text) !== undefined, 'labels key=value,…'),
    ...wrongWord(traffic, at, 'green', isApart, one === undefined ? 'labels key=value,…' : expected),
  ];
}

function mistakesOfObject(traffic: Readonly<Record<string, unknown>>, word: string, at: At): readonly Mistake[] {
  return [
    ...wrongWord(traffic, at, word, isObjectName, 'the name of an object of Kubernetes'),
    ...wrongWord(traffic, at, 'namespace', isObjectName, 'the name of a namespace'),
  ];
}

function mistakesOfFlag(
  { blue = 'blue', green = 'green' }: Readonly<Record<string, unknown>>,
  at: At,
): readonly Mistake[] {
  return blue === green ? [at('green', 'expected another variant than that of blue')] : [];
}

function mistakesOfHolding(traffic: Readonly<Record<string, unknown>>, at: At): readonly Mistake[] {
  const { hold, release, holds, ttl } = traffic;
  const canHold = hold !== undefined || holds === true;
  return [
    ...(hold !== undefined && release === undefined ? [at('release', 'is missing: `hold` needs it')] : []),
    ...(release !== undefined && hold === undefined ? [at('hold', 'is missing: `release` needs it')] : []),
    ...(canHold && ttl !== undefined ? [at('ttl', 'expected nothing: clients that are held are nowhere else')] : []),
  ];
}
