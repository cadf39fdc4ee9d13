import { describe, expect, test } from 'vitest';
import { parseSpec } from './parse.ts';
import { readPlace } from './place.ts';
import { printableSpec, type Spec } from './spec.ts';

const env = {
  BLUE_URL: 'postgres://u:s3cret@db-old/shop',
  GREEN_URL: 'postgres://u:s3cret@db-new:5433/shop',
  MY_URL: 'mysql://u:s3cret@my/shop',
  HOOK_URL: 'https://switch.example/s3cret-path',
  HOOK_TOKEN: 's3cret',
  DNS_KEY: 'teal-key:s3cretAA',
  ADMIN_URL: 'postgres://teal:s3cret@pooler:6432/pgbouncer',
};

function parse(traffic: string, blue = 'BLUE_URL', system = 'postgres'): ReturnType<typeof parseSpec> {
  const text = `teal: 1\nname: shop\nblue: { system: ${system}, url: "\${${blue}}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { ${traffic} }\n`;
  return parseSpec(text, { env, readText: () => undefined, folder: '/etc/teal' });
}

function specOf(traffic: string): Spec {
  const parsed = parse(traffic);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.spec;
}

function mistakesIn(...args: Parameters<typeof parse>): readonly string[] {
  const parsed = parse(...args);
  return parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`);
}

const haproxy = 'router: haproxy, socket: /run/haproxy.sock, backend: shop, blue: old, green: new';

const dns =
  'router: dns, server: ns1, zone: shop.example, name: db.shop.example., key: "${DNS_KEY}", ttl: 60s, blue: 10.0.0.1, green: 10.0.0.2';

const pgbouncer = 'router: pgbouncer, admin: "${ADMIN_URL}", database: shop, config: pgbouncer.ini';

describe('a router that is not of Teal', () => {
  test('PgBouncer, with the places of both sides as in their addresses', () => {
    const { traffic } = specOf(pgbouncer);
    expect(traffic.via).toEqual({
      router: 'pgbouncer',
      admin: env.ADMIN_URL,
      database: 'shop',
      config: 'pgbouncer.ini',
      folder: '/etc/teal',
      places: {
        blue: { host: 'db-old', port: 5432, database: 'shop' },
        green: { host: 'db-new', port: 5433, database: 'shop' },
      },
    });
    const elsewhere = specOf(`${pgbouncer}, blue: "10.0.0.1:5433/shop_old", green: "[::1]/shop"`);
    expect(elsewhere.traffic.via).toMatchObject({
      places: {
        blue: { host: '10.0.0.1', port: 5433, database: 'shop_old' },
        green: { host: '::1', port: 5432, database: 'shop' },
      },
    });
  });

  test('HAProxy, with the names of its servers', () => {
    expect(specOf(haproxy).traffic.via).toEqual({
      router: 'haproxy',
      socket: '/run/haproxy.sock',
      backend: 'shop',
      servers: { blue: 'old', green: 'new' },
    });
    expect(mistakesIn(haproxy, 'MY_URL', 'mysql')).toEqual([
      expect.stringContaining('traffic.router: expected another: from mysql to postgres no proxy can carry clients'),
    ]);
    expect(mistakesIn(haproxy.replace('new', 'old'))).toEqual(['traffic.green: expected another than that of blue']);
  });

  test('nginx, with the names of its upstreams', () => {
    const nginx =
      'router: nginx, config: teal.conf, status: { blue: "127.0.0.1:1", green: "127.0.0.1:2" }, blue: old, green: new';
    expect(specOf(nginx).traffic.via).toEqual({
      router: 'nginx',
      config: 'teal.conf',
      sides: {
        blue: { upstream: 'old', status: '127.0.0.1:1' },
        green: { upstream: 'new', status: '127.0.0.1:2' },
      },
      test: ['nginx', '-T'],
      reload: ['nginx', '-s', 'reload'],
      folder: '/etc/teal',
      timeoutMs: 10_000,
    });
    expect(mistakesIn(nginx.replace('teal.conf', '[x]').replace(/status: \{.*?\}/, 'timeout: 1s'))).toEqual([
      'traffic.status: is missing: router nginx needs it',
      'traffic.config: expected a path: programs change files of PgBouncer alone',
    ]);
    expect(mistakesIn(nginx.replace('1:1', '1:2'))).toEqual([
      'traffic.status: expected another place for green than for blue',
    ]);
  });

  test('Envoy, with the names of its clusters', () => {
    const envoy = 'router: envoy, config: listeners.yaml, status: "127.0.0.1:9901", blue: old, green: new';
    expect(specOf(envoy).traffic.via).toEqual({
      router: 'envoy',
      config: 'listeners.yaml',
      status: '127.0.0.1:9901',
      clusters: { blue: 'old', green: 'new' },
      folder: '/etc/teal',
      timeoutMs: 10_000,
    });
    expect(mistakesIn(envoy.replace('listeners.yaml', '[x]'))).toEqual([
      'traffic.config: expected a path: programs change files of PgBouncer alone',
    ]);
  });

  test('DNS, with what its record leads to', () => {
    expect(specOf(dns).traffic.via).toEqual({
      router: 'dns',
      server: { host: 'ns1', port: 53 },
      zone: 'shop.example',
      name: 'db.shop.example',
      type: 'A',
      records: { blue: '10.0.0.1', green: '10.0.0.2' },
      key: { name: 'teal-key', algorithm: 'hmac-sha256', secret: 's3cretAA' },
      ttlMs: 60_000,
      timeoutMs: 10_000,
    });
    const other = dns
      .replace('ns1', '"[2001:db8::53]:5353"')
      .replace('10.0.0.1', 'old.shop.example.')
      .replace('10.0.0.2', 'new.elsewhere');
    expect(specOf(other).traffic.via).toMatchObject({
      server: { host: '2001:db8::53', port: 5353 },
      type: 'CNAME',
      records: { blue: 'old.shop.example', green: 'new.elsewhere' },
    });
    const wrong =
      'router: dns, server: "a b", zone: "..", name: x, key: s3cret, ttl: 1500ms, blue: 10.0.0.1, green: "::1"';
    expect(mistakesIn(wrong)).toEqual([
      'traffic.server: expected host or host:port',
      'traffic.zone: expected the name of a zone',
      'traffic.name: expected a name below zone ..',
      'traffic.key: expected [algorithm:]name:secret, the secret in base64',
      'traffic.ttl: expected whole seconds, at most 7d',
      'traffic.green: expected one record of the same type as blue (A)',
    ]);
    expect(mistakesIn(other.replace('db.shop.example.', 'shop.example'))).toEqual([
      'traffic.name: expected a name below zone shop.example',
    ]);
    expect(mistakesIn(dns.replace('60s', '8d').replace('"${DNS_KEY}"', () => '"$${DNS_KEY}"'))).toEqual([
      'traffic.key: expected [algorithm:]name:secret, the secret in base64',
      'traffic.ttl: expected whole seconds, at most 7d',
    ]);
    expect(mistakesIn(dns, 'MY_URL', 'mysql')).toEqual([expect.stringContaining('traffic.router: expected another')]);
  });

  test('objects of Kubernetes, by address, labels or destination', () => {
    const service =
      'router: kubernetes-service, service: db, ttl: 60s, blue: "10.0.0.1:5432", green: "10.0.0.2:5433", kubeconfig: kube, context: shop';
    const cluster = { folder: '/etc/teal', ttlMs: 60_000, timeoutMs: 10_000 };
    expect(specOf(service).traffic.via).toEqual({
      router: 'kubernetes-service',
      service: 'db',
      targets: { blue: { address: '10.0.0.1', port: 5432 }, green: { address: '10.0.0.2', port: 5433 } },
      kubeconfig: 'kube',
      context: 'shop',
      ...cluster,
    });
    const labels = service.replace(/blue: .*$/, 'blue: "app=db,x.io/role=old", green: "app=db-new", namespace: shop');
    expect(specOf(labels).traffic.via).toEqual({
      router: 'kubernetes-service',
      service: 'db',
      targets: { blue: { labels: { app: 'db', 'x.io/role': 'old' } }, green: { labels: { app: 'db-new' } } },
      namespace: 'shop',
      ...cluster,
    });
    for (const other of ['"app=db"', '"[::1]:5432"', '"10.0.0.2"', '"10.0.0.256:1"', '"a=1,a=2"'])
      expect(mistakesIn(service.replace('"10.0.0.2:5433"', other))).toEqual([
        'traffic.green: expected one of the same kind as blue',
      ]);
    expect(
      mistakesIn('router: kubernetes-service, service: Db, namespace: "a b", blue: db-old, green: db-new'),
    ).toEqual([
      'traffic.ttl: is missing: router kubernetes-service needs it',
      'traffic.service: expected the name of an object of Kubernetes',
      'traffic.namespace: expected the name of a namespace',
      'traffic.blue: expected address:port, or labels key=value,…',
      'traffic.green: expected address:port, or labels key=value,…',
    ]);
    const istio = 'router: istio, virtualService: db, ttl: 45s, blue: db-old.shop, green: db/new';
    expect(specOf(istio).traffic.via).toEqual({
      router: 'istio',
      virtualService: 'db',
      destinations: { blue: { host: 'db-old.shop' }, green: { host: 'db', subset: 'new' } },
      ...cluster,
      ttlMs: 45_000,
    });
    expect(mistakesIn(istio.replace('db-old.shop', '"db old"'))).toEqual([
      'traffic.blue: expected the host of a destination, or host/subset',
    ]);
    expect(mistakesIn(istio, 'MY_URL', 'mysql')).toEqual([expect.stringContaining('traffic.router: expected another')]);
  });

  test('a Rollout of the application, by labels that no pod of the other side has', () => {
    const rollout = 'router: argo-rollouts, rollout: shop, namespace: web, ttl: 1h, blue: db=old, green: "db=new,x=y"';
    expect(specOf(rollout).traffic.via).toEqual({
      router: 'argo-rollouts',
      rollout: 'shop',
      namespace: 'web',
      labels: { blue: { db: 'old' }, green: { db: 'new', x: 'y' } },
      folder: '/etc/teal',
      ttlMs: 3_600_000,
      timeoutMs: 10_000,
    });
    for (const other of ['db=old', '"db=old,x=y"', 'x=y', '"10.0.0.1:5432"'])
      expect(mistakesIn(rollout.replace('"db=new,x=y"', other))).toEqual([
        'traffic.green: expected labels key=value,… of which pods of blue have one with another value',
      ]);
    expect(mistakesIn('router: argo-rollouts, rollout: Shop, blue: db, green: db=new')).toEqual([
      'traffic.ttl: is missing: router argo-rollouts needs it',
      'traffic.rollout: expected the name of an object of Kubernetes',
      'traffic.blue: expected labels key=value,…',
    ]);
    expect(mistakesIn(rollout, 'MY_URL', 'mysql')).toEqual([]);
  });

  test('a flag of flagd, between any systems', () => {
    const flagd = 'router: flagd, config: flags.json, flag: shop-database, status: "127.0.0.1:8016", ttl: 30s';
    expect(specOf(flagd).traffic.via).toEqual({
      router: 'flagd',
      config: 'flags.json',
      flag: 'shop-database',
      variants: { blue: 'blue', green: 'green' },
      status: '127.0.0.1:8016',
      folder: '/etc/teal',
      ttlMs: 30_000,
      timeoutMs: 10_000,
    });
    expect(mistakesIn(flagd, 'MY_URL', 'mysql')).toEqual([]);
    expect(mistakesIn(`${flagd.replace('"127.0.0.1:8016"', '{ blue: a, green: b }')}, blue: green`)).toEqual([
      'traffic.green: expected another variant than that of blue',
      'traffic.status: expected host:port of its OFREP',
    ]);
  });

  test('programs and services of the user, between any systems', () => {
    const command = 'router: command, read: [./where], point: [./go, --now]';
    expect(specOf(command).traffic.via).toEqual({
      router: 'command',
      read: ['./where'],
      point: ['./go', '--now'],
      folder: '/etc/teal',
      timeoutMs: 10_000,
    });
    expect(specOf(`${command}, hold: [./hold], release: [./go-on], timeout: 3s`).traffic.via).toMatchObject({
      holding: { hold: ['./hold'], release: ['./go-on'] },
      timeoutMs: 3_000,
    });
    expect(mistakesIn(`${command}, ttl: 60s`, 'MY_URL', 'mysql')).toEqual([]);
    expect(mistakesIn(`${command}, hold: [./hold], ttl: 60s`)).toEqual([
      'traffic.release: is missing: `hold` needs it',
      'traffic.ttl: expected nothing: clients that are held are nowhere else',
    ]);
    const webhook = specOf('router: webhook, url: "${HOOK_URL}", token: "${HOOK_TOKEN}", ttl: 30s');
    expect(webhook.traffic.via).toEqual({
      router: 'webhook',
      url: env.HOOK_URL,
      token: env.HOOK_TOKEN,
      holds: false,
      ttlMs: 30_000,
      timeoutMs: 10_000,
    });
    expect(mistakesIn('router: webhook, url: "ftp://h/"')).toEqual(['traffic.url: expected an https:// URL']);
  });

  test('does not print what lets one in', () => {
    for (const traffic of [pgbouncer, dns, 'router: webhook, url: "${HOOK_URL}", token: "${HOOK_TOKEN}"']) {
      expect(JSON.stringify(printableSpec(specOf(traffic)))).not.toContain('s3cret');
    }
  });

  test('what it needs and what it has no use for, each at once', () => {
    expect(mistakesIn('router: pgbouncer, listen: "127.0.0.1:1", blue: "h:x/y"')).toEqual([
      'traffic.admin: is missing: router pgbouncer needs it',
      'traffic.database: is missing: router pgbouncer needs it',
      'traffic.config: is missing: router pgbouncer needs it',
      'traffic.listen: expected nothing: it is a word of router proxy',
      'traffic.blue: expected host:port/database',
    ]);
    expect(mistakesIn('database: shop')).toEqual([
      'traffic.database: expected nothing: it is a word of router pgbouncer',
    ]);
    expect(mistakesIn('router: pgbouncer, admin: "postgres://u:p@h/pgbouncer", database: shop, config: x')).toEqual([
      expect.stringContaining('traffic.admin: a password stands in the file'),
    ]);
    expect(mistakesIn(pgbouncer, 'MY_URL', 'mysql')).toEqual([
      'traffic.router: expected another: PgBouncer is of PostgreSQL',
    ]);
  });
});

test.each([
  ['h', undefined],
  ['h/d', { host: 'h', port: 5432, database: 'd' }],
  ['h:1/d%20e', { host: 'h', port: 1, database: 'd e' }],
  ['postgres://u@h:1', { host: 'h', port: 1, database: 'u' }],
  ['postgres:///d?host=/run', { host: undefined, port: 5432, database: 'd' }],
  ['h:1/%', undefined],
])('the place %s', (text, place) => {
  expect(readPlace(text)).toEqual(place);
});
