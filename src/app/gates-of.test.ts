import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Carrier } from '../ports/carrier.ts';
import { gateKinds } from '../spec/gate-document.ts';
import { parseSpec } from '../spec/parse.ts';
import { gatesOf } from './gates-of.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teal-gates-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const file = `teal: 1
name: shop
blue: { url: "postgres://b/shop" }
green: { url: "postgres://g/shop" }
cutover:
  gates:
    - { lag: 1s, for: 10s }
    - { verify: full }
    - { sql: select 1, equals: 0 }
    - { sql: select 1, on: both }
    - { command: [./smoke-test.sh] }
    - { person: dba }
    - { http: "https://shop.example/health?key=secret" }
    - { prometheus: up, url: "https://prometheus.example", above: 0, for: 60s }
    - { window: { days: [sat], from: 02:00, to: 05:00, zone: Europe/Berlin } }
    - { freeze: freezes.yaml }
    - { alert: GreenErrors, labels: { team: shop } }
    - { datadog: { monitor: 7, apiKey: "\${KEY}", applicationKey: "\${KEY}" } }
`;

test('each gate of a file asks its question, and its paths lead from the folder of the file', async () => {
  const parsed = parseSpec(file, { env: { KEY: 'k' }, readText: () => undefined });
  expect(parsed.ok ? [] : parsed.mistakes).toEqual([]);
  if (!parsed.ok) return;
  // What stands in a plan is there before anything runs.
  const carrier = undefined as unknown as Carrier;
  const verify = async (): Promise<never> => Promise.reject(new Error('not asked'));
  const gates = gatesOf(parsed.spec, {
    folder,
    stateDir: folder,
    live: 'blue',
    carrier,
    ask: async () => null,
    verify,
    approval: () => undefined,
  });
  expect(gates.map(({ asks }) => asks)).toEqual([
    'is the flow at most 1s behind, for 10s?',
    'are both sides equal, row by row, at one position?',
    'does the query on green give "0"?',
    'does the query give the same value on both sides?',
    'does `./smoke-test.sh` end with 0?',
    'does dba say yes?',
    'does GET https://shop.example/health answer 200?',
    'is `up` above 0 for 60 s?',
    'is it sat, 02:00 to 05:00 in Europe/Berlin?',
    'does freezes.yaml let a cut begin now?',
    'does the alert GreenErrors{team="shop"} of Alertmanager not fire?',
    'is monitor 7 of Datadog OK?',
  ]);
  expect(gates.length).toBeGreaterThan(gateKinds.length);
  const freeze = gates.find(({ asks }) => asks.includes('freezes.yaml'));
  const { signal } = new AbortController();
  expect(await freeze?.ask(signal)).toMatchObject({ answer: 'cannot tell' });
  await writeFile(join(folder, 'freezes.yaml'), 'zone: UTC\nfreezes: []\n');
  expect(await freeze?.ask(signal)).toMatchObject({ answer: 'yes' });
});
