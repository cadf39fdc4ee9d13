import { expect, test } from 'vitest';
import { parseSpec, type ParsedSpec } from './parse.ts';
import { printableSpec } from './spec.ts';

const env = { BLUE_URL: 'postgres://h/shop', GREEN_URL: 'postgres://g/shop', TOKEN: 't0ken' };
const parse = (soak: string): ParsedSpec =>
  parseSpec(`teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\nsoak: ${soak}\n`, {
    env,
    readText: () => undefined,
  });

function mistakes(soak: string): readonly string[] {
  const parsed = parse(soak);
  return parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`);
}

test('nothing is asked unless the file says what', () => {
  const parsed = parse('{}');
  expect(parsed.ok && parsed.spec.soak).toEqual({
    forMs: 86_400_000,
    health: [],
    rollBackOn: [],
    everyMs: 10_000,
    failures: 3,
    onFailure: 'rollBack',
  });
});

test('questions are written as gates, and no secret of theirs is printed', () => {
  const parsed = parse(
    '{ every: 2s, failures: 5, onFailure: tell, health: [{ http: "https://shop/health", headers: { Authorization: "Bearer ${TOKEN}" } }, { sql: select 1, equals: 1 }] }',
  );
  expect(parsed.ok && parsed.spec.soak).toMatchObject({
    everyMs: 2_000,
    failures: 5,
    onFailure: 'tell',
    health: [
      { kind: 'http', http: { headers: { Authorization: 'Bearer t0ken' } } },
      { kind: 'sql', on: 'green' },
    ],
  });
  expect(parsed.ok && JSON.stringify(printableSpec(parsed.spec))).not.toContain('t0ken');
});

test('figures are a share that may fail more, or a percentile that may grow so many times', () => {
  const parsed = parse('{ rollBackOn: [{ errorRate: 1% }, { p99: 2x }, { p50: 1.5x, atLeast: 20 }] }');
  expect(parsed.ok && parsed.spec.soak.rollBackOn).toEqual([
    { kind: 'errors', above: 0.01, atLeast: 100 },
    { kind: 'latency', percentile: 0.99, times: 2, atLeast: 100 },
    { kind: 'latency', percentile: 0.5, times: 1.5, atLeast: 20 },
  ]);
});

test.each([
  [
    '{ health: [{ person: dba }] }',
    'soak.health[0]: expected one of http, command, sql, prometheus, datadog, alert: what can be asked at any time',
  ],
  [
    '{ health: [{ lag: 1s }] }',
    'soak.health[0]: expected one of http, command, sql, prometheus, datadog, alert: what can be asked at any time',
  ],
  [
    '{ health: [{ prometheus: up, url: "http://p", above: 0, for: 1m }] }',
    'soak.health[0].for: expected nothing here: `failures` says how often it must fail',
  ],
  ['{ rollBackOn: [{ p99: 0.5x }] }', 'soak.rollBackOn[0].p99: expected how many times as much, such as 2x or 1.5x'],
  ['{ rollBackOn: [{ p99: 2x, p50: 2x }] }', 'soak.rollBackOn[0]: expected exactly one of errorRate, p50, p95, p99'],
  ['{ every: 10ms }', 'soak.every: expected a time from 500ms to 10m'],
  ['{ failures: 0 }', 'soak.failures: expected a number from 1 to 1000'],
  [
    '{ health: [{ http: "https://shop/health", headers: { Authorization: "Bearer abc" } }] }',
    'soak.health[0].headers.Authorization: a secret stands in the file: take it from the environment ("${TOKEN}")',
  ],
])('of %s it is said what is wrong', (soak, what) => {
  expect(mistakes(soak)).toEqual([what]);
});

test.each([
  ['{ url: "postgres://h/shop" }', '{ url: "postgres://g/shop" }', 'none', true],
  ['{ system: mysql, url: "mysql://h/shop" }', '{ system: mariadb, url: "mysql://g/" }', 'none', true],
  ['{ system: mysql, url: "mysql://h/shop" }', '{ system: mariadb, url: "mysql://g/" }', 'proxy', false],
])('figures are of a proxy that reads what clients say: %s to %s by %s', (blue, green, router, isRefused) => {
  const parsed = parseSpec(
    `teal: 1\nname: shop\nblue: ${blue}\ngreen: ${green}\ntraffic: { router: ${router} }\nsoak: { rollBackOn: [{ errorRate: 1% }] }\n`,
    { env, readText: () => undefined },
  );
  const refusal = { path: 'soak.rollBackOn', line: 6 };
  expect(parsed.ok ? [] : parsed.mistakes).toMatchObject(isRefused ? [refusal] : []);
});

test('Kafka is asked nothing by SQL', () => {
  const parsed = parseSpec(
    'teal: 1\nname: shop\nblue: { system: kafka, url: "kafka://h:1" }\ngreen: { system: kafka, url: "kafka://g:1" }\nsoak: { health: [{ sql: select 1, equals: 1 }] }\ncutover: { gates: [{ person: dba }] }\n',
    { env, readText: () => undefined },
  );
  expect(parsed.ok ? [] : parsed.mistakes).toMatchObject([{ path: 'soak.health[0]', line: 5 }]);
});
