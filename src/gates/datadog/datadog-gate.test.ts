import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GateAnswer } from '../../ports/gate.ts';
import { httpDouble, type HttpDouble } from '../test-support/http-double.ts';
import { monitorAnswer, newestPoint } from './datadog-answer.ts';
import { datadogGate, type DatadogQuestion } from './datadog-gate.ts';

/** Datadog cannot be run here: these are the shapes that its documentation shows, with all the fields that it shows. */
const atMs = 1_710_000_120_000;
const series = (...pointlist: readonly (readonly [number, number | null])[]) => ({
  aggr: 'avg',
  display_name: 'system.cpu.user',
  end: atMs,
  expression: 'avg:system.cpu.user{*}',
  interval: 60,
  length: pointlist.length,
  metric: 'system.cpu.user',
  pointlist,
  query_index: 0,
  scope: '*',
  start: atMs - 600_000,
  tag_set: [],
  unit: [{ family: 'percentage', name: 'percent', plural: 'percent', scale_factor: 1, short_name: '%' }, null],
});
const answer = (...all: readonly unknown[]) => ({
  status: 'ok',
  res_type: 'time_series',
  resp_version: 1,
  query: 'avg:system.cpu.user{*}',
  from_date: atMs - 600_000,
  to_date: atMs,
  series: all,
  values: [],
  times: [],
  message: '',
  group_by: [],
});
const monitorOf = (overall_state: string) => ({
  id: 67890,
  name: 'Checkout latency',
  type: 'query alert',
  query: 'avg(last_5m):avg:trace.web.request{env:prod} > 2',
  message: 'slow',
  tags: ['env:prod'],
  options: { notify_no_data: true, silenced: {} },
  overall_state,
});

describe('a metric', () => {
  test('is the newest point that is there', () => {
    expect(newestPoint(answer(series([atMs - 120_000, 7], [atMs - 60_000, 12.3], [atMs, null])), atMs)).toBe(12.3);
    expect(newestPoint(answer(series([atMs - 60_000, 0])), atMs)).toBe(0);
  });

  test.each([
    ['no series', answer(), 'gives no series'],
    ['two series', answer(series([atMs, 1]), series([atMs, 2])), 'gives 2 series'],
    ['no point', answer(series()), 'has no point'],
    ['no point but empty intervals', answer(series([atMs, null])), 'has no point'],
    ['an old point', answer(series([atMs - 300_001, 1])), 'newest point is of 2024-03-09T15:56:59.999Z'],
    ['an error', { status: 'error', error: 'Error parsing query' }, 'status error: Error parsing query'],
    ['refused keys', { errors: ['Forbidden'] }, 'no answer of Datadog'],
    ['no mapping', [], 'no answer of Datadog'],
  ])('with %s is none', (_, document, why) => {
    expect(() => newestPoint(document, atMs)).toThrow(
      expect.objectContaining({ code: 'TEAL-GATES-002', message: expect.stringContaining(why) }),
    );
  });
});

test.each([
  ['OK', 'yes'],
  ['Alert', 'not yet'],
  ['Warn', 'not yet'],
  ['No Data', 'cannot tell'],
  ['Unknown', 'cannot tell'],
  ['Ignored', 'cannot tell'],
  ['Skipped', 'cannot tell'],
])('a monitor that is %s: %s', (state, expected) => {
  expect(monitorAnswer(monitorOf(state))).toEqual({
    answer: expected,
    evidence: `the monitor "Checkout latency" is ${state}`,
  });
});

let server: HttpDouble;
beforeEach(async () => {
  server = await httpDouble();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

describe('the gate', () => {
  const gateOf = (question: DatadogQuestion) =>
    datadogGate('g', question, { url: `${server.url}/`, apiKey: 'k3y', applicationKey: 'app-k3y', timeoutMs: 20_000 });
  const never = new AbortController().signal;

  test('asks for the last minutes, with both keys, and tells neither', async () => {
    const gate = gateOf({ query: 'avg:x{*} by {host}', range: { below: 5, forMs: 0 } });
    expect(gate.asks).toBe('is `avg:x{*} by {host}` of Datadog below 5?');
    const told: GateAnswer[] = [];
    const ask = async (status: number, document: unknown): Promise<string> => {
      server.answer(status, JSON.stringify(document));
      const said = await gate.ask(never);
      told.push(said);
      return said.answer;
    };
    expect(await ask(200, answer(series([Date.now(), 4])))).toBe('yes');
    expect(await ask(200, answer(series([Date.now(), 6])))).toBe('not yet');
    expect(await ask(403, { errors: ['Forbidden'] })).toBe('cannot tell');
    expect(await ask(429, {})).toBe('cannot tell');
    expect(told[2]?.evidence).toMatch(/^TEAL-GATES-002: 127\.0\.0\.1:\d+ answers with status 403$/);
    const [{ path, headers } = { path: '', headers: {} }] = server.asked;
    expect(headers).toMatchObject({ 'dd-api-key': 'k3y', 'dd-application-key': 'app-k3y' });
    const { pathname, searchParams } = new URL(path, server.url);
    expect([pathname, searchParams.get('query')]).toEqual(['/api/v1/query', 'avg:x{*} by {host}']);
    expect(Number(searchParams.get('to')) - Number(searchParams.get('from'))).toBeGreaterThanOrEqual(600);
    expect(JSON.stringify(told)).not.toContain('k3y');
  });

  test('asks for the state of a monitor', async () => {
    const gate = gateOf({ monitor: 67890 });
    expect(gate.asks).toBe('is monitor 67890 of Datadog OK?');
    server.answer(200, JSON.stringify(monitorOf('Alert')));
    expect(await gate.ask(never)).toMatchObject({ answer: 'not yet' });
    server.answer(200, JSON.stringify(monitorOf('OK')));
    expect(await gate.ask(never)).toMatchObject({ answer: 'yes' });
    server.answer(404, JSON.stringify({ errors: ['Monitor not found'] }));
    expect(await gate.ask(never)).toMatchObject({ answer: 'cannot tell', evidence: expect.stringContaining('404') });
    expect(server.asked.map(({ path }) => path)).toEqual(Array(3).fill('/api/v1/monitor/67890'));
  });
});
