import { describe, expect, test } from 'vitest';
import { renderMistakes } from './mistakes.ts';
import { parseSpec, type ParsedSpec } from './parse.ts';
import { printableSpec, type GateSpec } from './spec.ts';

const env = { BLUE_URL: 'postgres://h/shop', GREEN_URL: 'postgres://g/shop', TOKEN: 't0ken', LIMIT: '7' };
const file = (gate: string): string =>
  `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ncutover:\n  gates:\n    - ${gate}\n`;
const parse = (gate: string): ParsedSpec => parseSpec(file(gate), { env, readText: () => undefined });

function gateOf(text: string): GateSpec | undefined {
  const parsed = parse(text);
  expect(parsed.ok ? [] : parsed.mistakes).toEqual([]);
  return parsed.ok ? parsed.spec.cutover.gates[0] : undefined;
}

function mistakes(gate: string): readonly string[] {
  const parsed = parse(gate);
  if (parsed.ok) return [];
  return parsed.mistakes.map(
    ({ line, column, path, message, nearest }) =>
      `${line}:${column} ${path}: ${message}${nearest === undefined ? '' : ` (${nearest})`}`,
  );
}

describe('the normal form', () => {
  test.each<readonly [gate: string, GateSpec]>([
    [
      '{ http: "https://shop/health" }',
      { kind: 'http', http: { url: 'https://shop/health', headers: {}, timeoutMs: 5_000 }, method: 'GET', status: 200 },
    ],
    [
      '{ http: "https://shop/health", headers: { Authorization: "Bearer ${TOKEN}" }, body: "{}", status: 201, pointer: /a/0, equals: 0, timeout: 2s, ca: ca.pem }',
      {
        kind: 'http',
        http: {
          url: 'https://shop/health',
          headers: { Authorization: 'Bearer t0ken' },
          timeoutMs: 2_000,
          ca: 'ca.pem',
        },
        method: 'POST',
        body: '{}',
        status: 201,
        value: { pointer: '/a/0', equals: 0 },
      },
    ],
    [
      '{ prometheus: up, url: "http://prom:9090", below: 0.01, for: 60s }',
      {
        kind: 'prometheus',
        query: 'up',
        http: { url: 'http://prom:9090', headers: {}, timeoutMs: 5_000 },
        range: { below: 0.01, forMs: 60_000 },
      },
    ],
    [
      '{ window: { days: [sat, sun], from: 02:00, to: 05:00, zone: Europe/Berlin } }',
      { kind: 'window', days: ['sat', 'sun'], fromMinute: 120, toMinute: 300, zone: 'Europe/Berlin' },
    ],
    [
      '{ window: { from: "22:30", to: "24:00", zone: UTC } }',
      {
        kind: 'window',
        days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
        fromMinute: 1_350,
        toMinute: 1_440,
        zone: 'UTC',
      },
    ],
    ['{ freeze: freeze.yaml }', { kind: 'freeze', file: 'freeze.yaml' }],
    [
      '{ alert: GreenErrors }',
      { kind: 'alert', name: 'GreenErrors', labels: {}, from: 'alertmanager', staleAfterMs: 300_000 },
    ],
    [
      '{ alert: "1234", from: datadog, labels: { env: prod }, staleAfter: 1h }',
      { kind: 'alert', name: '1234', labels: { env: 'prod' }, from: 'datadog', staleAfterMs: 3_600_000 },
    ],
    ['{ sql: select 1, on: both }', { kind: 'sql on both', sql: 'select 1' }],
    ['{ sql: select 1, on: both, within: 0.01 }', { kind: 'sql on both', sql: 'select 1', within: '0.01' }],
    [
      '{ datadog: { monitor: 7, apiKey: "${TOKEN}", applicationKey: "${TOKEN}" } }',
      {
        kind: 'datadog',
        asks: { monitor: 7 },
        server: { url: 'https://api.datadoghq.com', apiKey: 't0ken', applicationKey: 't0ken', timeoutMs: 5_000 },
      },
    ],
    [
      '{ datadog: { query: q, apiKey: "${TOKEN}", applicationKey: "${TOKEN}", url: "https://api.datadoghq.eu" }, above: 1, for: 5s }',
      {
        kind: 'datadog',
        asks: { query: 'q', range: { above: 1, forMs: 5_000 } },
        server: { url: 'https://api.datadoghq.eu', apiKey: 't0ken', applicationKey: 't0ken', timeoutMs: 5_000 },
      },
    ],
  ])('of %s', (gate, expected) => expect(gateOf(gate)).toEqual(expected));

  test('is printed without headers, bodies and the query of a URL', () => {
    const parsed = parse(
      '{ http: "https://shop/health?key=${TOKEN}", headers: { X-Api-Key: "${TOKEN}" }, body: "${TOKEN}" }',
    );
    const printed = parsed.ok ? JSON.stringify(printableSpec(parsed.spec)) : '';
    expect(printed).toContain('"url":"https://shop/health?***"');
    expect(printed).not.toContain('t0ken');
    const keys = parse('{ datadog: { monitor: 7, apiKey: "${TOKEN}", applicationKey: "${TOKEN}" } }');
    expect(keys.ok && JSON.stringify(printableSpec(keys.spec))).toContain('"apiKey":"***"');
    expect(keys.ok && JSON.stringify(printableSpec(keys.spec))).not.toContain('t0ken');
  });
});

describe('a mistake, at its place', () => {
  test.each([
    ['{ http: "shop/health" }', '7:15 cutover.gates[0].http: expected an https:// or http:// URL'],
    ['{ http: "ftp://shop/" }', '7:15 cutover.gates[0].http: expected an https:// or http:// URL'],
    [
      '{ http: "https://u:p@shop/" }',
      '7:15 cutover.gates[0].http: expected no user and no password in a URL: send them in `headers`',
    ],
    [
      '{ http: "https://shop/", body: x, method: GET }',
      '7:49 cutover.gates[0].method: expected POST, for there is a `body`',
    ],
    ['{ http: "https://shop/", method: PUT }', '7:40 cutover.gates[0].method: expected one of GET, POST'],
    ['{ http: "https://shop/", status: 42 }', '7:40 cutover.gates[0].status: expected a status from 100 to 599'],
    [
      '{ http: "https://shop/", pointer: a, equals: 1 }',
      '7:41 cutover.gates[0].pointer: expected a JSON pointer such as /checks/0/state',
    ],
    ['{ http: "https://shop/", equals: 1 }', '7:7 cutover.gates[0]: expected `pointer` and `equals` together'],
    [
      '{ http: "https://shop/", below: 1 }',
      '7:39 cutover.gates[0].below: expected `below` only beside `prometheus` or `datadog`',
    ],
    [
      '{ http: "https://shop/", headers: { "a b": x } }',
      '7:43 cutover.gates[0].headers.a b: expected the name of a header',
    ],
    [
      '{ http: "https://shop/", headers: { a: "x\\ny" } }',
      '7:46 cutover.gates[0].headers.a: expected a text of one line',
    ],
    [
      '{ http: "https://shop/", headers: { Authorization: Bearer abc } }',
      '7:58 cutover.gates[0].headers.Authorization: a secret stands in the file: take it from the environment',
    ],
    ['{ http: "https://shop/", timeout: 60d }', '7:41 cutover.gates[0].timeout: expected a time from 100ms to 10m'],
    ['{ http: "https://shop/", timeout: 5 }', '7:41 cutover.gates[0].timeout: expected a duration'],
    ['{ prometheus: up, below: 1 }', '7:7 cutover.gates[0]: expected `url` beside `prometheus`'],
    [
      '{ prometheus: up, url: "http://p" }',
      '7:7 cutover.gates[0]: expected `below` or `above`, or both, beside `prometheus`',
    ],
    [
      '{ prometheus: up, url: "http://p", below: 1, above: 1 }',
      '7:59 cutover.gates[0].above: expected less than `below`',
    ],
    ['{ prometheus: up, url: "http://p", below: low }', '7:49 cutover.gates[0].below: expected a number'],
    ['{ prometheus: up, url: "http://p", belwo: 1 }', '7:42 cutover.gates[0].belwo: unknown word (below)'],
    [
      '{ window: { days: [satt], from: 02:00, to: 03:00, zone: UTC } }',
      '7:26 cutover.gates[0].window.days[0]: expected one of mon, tue, wed, thu, fri, sat, sun (sat)',
    ],
    [
      '{ window: { days: [], from: 02:00, to: 03:00, zone: UTC } }',
      '7:25 cutover.gates[0].window.days: expected at least one day',
    ],
    [
      '{ window: { from: 2:00, to: 03:00, zone: UTC } }',
      '7:25 cutover.gates[0].window.from: expected a time such as 02:00',
    ],
    [
      '{ window: { from: 24:00, to: 03:00, zone: UTC } }',
      '7:25 cutover.gates[0].window.from: expected a time such as 02:00',
    ],
    [
      '{ window: { from: 02:00, to: 02:00, zone: UTC } }',
      '7:36 cutover.gates[0].window.to: expected another time than `from`',
    ],
    ['{ window: { from: 02:00, to: 03:00 } }', '7:17 cutover.gates[0].window.zone: is missing'],
    [
      '{ window: { from: 02:00, to: 03:00, zone: Europe/Berln } }',
      '7:49 cutover.gates[0].window.zone: expected the name of a time zone, such as Europe/Berlin (Europe/Berlin)',
    ],
    ['{ window: { from: 02:00, to: 03:00, zon: UTC } }', '7:43 cutover.gates[0].window.zon: unknown word (zone)'],
    ['{ freeze: freeze.yaml, zone: UTC }', '7:30 cutover.gates[0].zone: unknown word'],
    ['{ datadog: "avg:x{*}" }', '7:18 cutover.gates[0].datadog: expected a mapping of words to values'],
    [
      '{ datadog: { query: q, apiKey: "${TOKEN}", applicationKey: "${TOKEN}" } }',
      '7:7 cutover.gates[0]: expected `below` or `above`, or both, beside `datadog`',
    ],
    [
      '{ datadog: { query: q, monitor: 7, apiKey: "${TOKEN}", applicationKey: "${TOKEN}" } }',
      '7:18 cutover.gates[0].datadog: expected exactly one of query, monitor',
    ],
    [
      '{ datadog: { monitor: 7, apiKey: "${TOKEN}", applicationKey: "${TOKEN}" }, for: 3s }',
      'cutover.gates[0].for: expected `for` only beside a `query`',
    ],
    [
      '{ datadog: { monitor: 7, apiKey: abc, applicationKey: "${TOKEN}" } }',
      'cutover.gates[0].datadog.apiKey: a secret stands in the file',
    ],
    [
      '{ datadog: { monitor: 7, apikey: "${TOKEN}", applicationKey: "${TOKEN}" } }',
      'cutover.gates[0].datadog.apikey: unknown word (apiKey)',
    ],
    ['{ alert: A, from: pager }', '7:25 cutover.gates[0].from: expected one of alertmanager, datadog'],
    ['{ alert: A, staleAfter: 9s }', '7:31 cutover.gates[0].staleAfter: expected a time from 10s to 24h'],
    ['{ alert: A, staleAfter: 25h }', '7:31 cutover.gates[0].staleAfter: expected a time from 10s to 24h'],
    ['{ alert: A, labels: { a: 1 } }', '7:32 cutover.gates[0].labels.a: expected a text in quotes'],
    ['{ alert: A, for: 1m }', '7:24 cutover.gates[0].for: expected `for` only beside'],
    ['{ sql: select 1, on: both, equals: 1 }', '7:7 cutover.gates[0]: expected no `equals` with `on: both`'],
    ['{ sql: select 1, equals: 1, within: 1 }', '7:7 cutover.gates[0]: expected `within` only with `on: both`'],
    ['{ sql: select 1, on: both, within: -1 }', '7:42 cutover.gates[0].within: expected a number from 0'],
  ])('%s', (gate, expected) => {
    expect(mistakes(gate)).toEqual(expect.arrayContaining([expect.stringContaining(expected)]));
  });

  test('does not show the secret that it speaks of', () => {
    const text = file('{ http: "https://shop/", headers: { Authorization: Bearer s3cret } }');
    const parsed = parseSpec(text, { env, readText: () => undefined });
    const shown = parsed.ok ? '' : renderMistakes('teal.yaml', text, parsed.mistakes);
    expect(shown).toContain('a secret stands in the file');
    expect(shown).not.toContain('s3cret');
  });

  test('is not a variable that is not set, and that is said once', () => {
    expect(mistakes('{ http: "${HEALTH}", headers: { Authorization: "${TOKEN}" } }')).toEqual([
      '7:15 : the environment has no HEALTH',
    ]);
  });
});
