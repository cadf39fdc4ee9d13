import { expect, test } from 'vitest';
import { tellSwitching } from '../ports/router.ts';
import { parseSpec } from '../spec/parse.ts';
import type { Spec } from '../spec/spec.ts';
import { checkRouter, holdsClients, routerToPlan } from './routers.ts';

function specOf(traffic: string): Spec {
  const text = `teal: 1\nname: shop\nblue: { url: postgres://old/shop }\ngreen: { url: postgres://new/shop }\ntraffic: { ${traffic} }\n`;
  const parsed = parseSpec(text, { env: {}, readText: () => undefined, folder: import.meta.dirname });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.spec;
}

const programs = 'router: command, read: [./where], point: [./switch]';
const haproxy = 'router: haproxy, socket: /nowhere.sock, backend: shop, blue: old, green: new';

test.each([
  ['router: proxy', true, true, 'none fails'],
  ['router: none', false, false, 'writes fail'],
  ['router: pgbouncer, admin: "postgres://p/pgbouncer", database: shop, config: x', true, true, 'none fails'],
  [haproxy, false, true, 'connections drop'],
  [
    'router: nginx, config: teal.conf, status: { blue: "127.0.0.1:1", green: "127.0.0.1:2" }, blue: old, green: new',
    false,
    true,
    'connections drop',
  ],
  [
    'router: envoy, config: listeners.yaml, status: "127.0.0.1:1", blue: old, green: new',
    false,
    true,
    'connections drop',
  ],
  [
    'router: dns, server: ns, zone: z, name: d.z, key: "k:AAAA", ttl: 30s, blue: 10.0.0.1, green: 10.0.0.2',
    false,
    true,
    'stale for up to 30 s',
  ],
  [
    'router: kubernetes-service, service: db, ttl: 60s, blue: "10.0.0.1:5432", green: "10.0.0.2:5432"',
    false,
    true,
    'stale for up to 60 s',
  ],
  ['router: istio, virtualService: db, ttl: 45s, blue: old, green: new', false, true, 'stale for up to 45 s'],
  ['router: argo-rollouts, rollout: shop, ttl: 1h, blue: db=old, green: db=new', false, true, 'stale for up to 3600 s'],
  [
    'router: flagd, config: flags.json, flag: f, status: "127.0.0.1:8016", ttl: 30s',
    false,
    true,
    'stale for up to 30 s',
  ],
  [programs, false, true, 'connections drop'],
  [`${programs}, hold: [./hold], release: [./go-on]`, true, true, 'none fails'],
  [`${programs}, ttl: 60s`, false, true, 'stale for up to 60 s'],
  ['router: webhook, url: "https://h/", ttl: 500ms', false, true, 'stale for up to 0.5 s'],
  ['router: webhook, url: "https://h/", holds: true', true, true, 'none fails'],
])('what a plan says of clients: %s', (traffic, holds, points, switching) => {
  const spec = specOf(traffic);
  const router = routerToPlan(spec);
  expect([router.holdsClients, router.points]).toEqual([holds, points]);
  expect(tellSwitching(router.switching ?? { clients: 'none fails' })).toContain(switching);
  expect(holdsClients(spec)).toBe(holds);
});

test('what a router says against a cut is a finding of the assessment', async () => {
  expect(await checkRouter(specOf('router: proxy'))).toEqual([]);
  expect(await checkRouter(specOf(haproxy))).toMatchObject([
    {
      code: 'ASSESS-ROUTER',
      severity: 'blocker',
      object: 'haproxy',
      what: expect.stringContaining('TEAL-TRAFFIC-018'),
      mend: expect.stringMatching(/^-- /),
    },
  ]);
  const cluster = 'router: istio, virtualService: db, ttl: 45s, blue: old, green: new, kubeconfig: not-there';
  expect(await checkRouter(specOf(cluster))).toMatchObject([
    { code: 'ASSESS-ROUTER', object: 'istio', what: expect.stringContaining('TEAL-TRAFFIC-062') },
  ]);
});
