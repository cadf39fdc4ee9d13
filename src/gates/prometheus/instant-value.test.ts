import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GateAnswer } from '../../ports/gate.ts';
import { httpDouble, type HttpDouble } from '../test-support/http-double.ts';
import { instantValue } from './instant-value.ts';
import { prometheusGate } from './prometheus-gate.ts';

const atMs = Date.parse('2026-11-29T21:00:00Z');
const atS = atMs / 1_000;
const vector = (...values: readonly string[]): unknown => ({
  status: 'success',
  data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [atS, value] })) },
});

test.each([
  ['a vector of one', vector('0.003'), 0.003],
  ['a scalar', { status: 'success', data: { resultType: 'scalar', result: [atS, '1e+06'] } }, 1_000_000],
  ['a negative', vector('-2'), -2],
  // Prometheus 3 adds hints about the query, which are no warnings.
  ['one with hints', { ...(vector('1') as object), infos: ['metric might not be a counter'] }, 1],
])('%s is a number', (_, answer, expected) => expect(instantValue(answer, atMs)).toBe(expected));

test.each([
  ['nothing', vector(), 'the query gives nothing'],
  ['two series', vector('1', '2'), 'the query gives 2 series'],
  ['NaN', vector('NaN'), 'the value is NaN'],
  ['a division by zero', vector('+Inf'), 'the value is +Inf'],
  ['no text of a number', vector(''), 'the value is NaN'],
  [
    'a histogram',
    { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, histogram: [1, {}] }] } },
    'a histogram',
  ],
  ['a range', { status: 'success', data: { resultType: 'matrix', result: [] } }, 'gives a matrix'],
  ['an error', { status: 'error', errorType: 'bad_data', error: 'parse error' }, 'bad_data: parse error'],
  ['a part of the data', { ...(vector('1') as object), warnings: ['store 2 is gone'] }, 'it warns: store 2 is gone'],
  ['another API', { result: 1 }, 'no answer of Prometheus'],
  ['no mapping', null, 'no answer of Prometheus'],
])('%s is none', (_, answer, why) => {
  expect(() => instantValue(answer, atMs)).toThrow(
    expect.objectContaining({ code: 'TEAL-GATES-002', message: expect.stringContaining(why) }),
  );
});

test('a value from long ago, or from a time that is still to come, is none', () => {
  for (const awayMs of [-61_000, 61_000])
    expect(() => instantValue(vector('1'), atMs + awayMs)).toThrow(/the value is of 2026-11-29T21:00:00.000Z/);
  for (const awayMs of [-59_000, 59_000]) expect(instantValue(vector('1'), atMs + awayMs)).toBe(1);
});

let server: HttpDouble;
beforeEach(async () => {
  server = await httpDouble();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

test('the gate asks as a form, with its headers, below the path of the server', async () => {
  const at = { url: `${server.url}/prom/?dedup=true`, headers: { authorization: 'Bearer s3cret' }, timeoutMs: 20_000 };
  const gate = prometheusGate({
    id: 'g',
    query: 'sum(rate(x[5m]))\n  / 2',
    server: at,
    range: { below: 0.5, forMs: 0 },
  });
  expect(gate.asks).toBe('is `sum(rate(x[5m])) / 2` below 0.5?');
  const ask = async (status: number, body: string): Promise<GateAnswer> => {
    server.answer(status, body);
    return gate.ask(new AbortController().signal);
  };
  const value = (text: string): string =>
    JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [Date.now() / 1_000, text] } });
  expect(await ask(200, value('0.25'))).toEqual({ answer: 'yes', evidence: 'the value is 0.25, below 0.5' });
  expect(await ask(200, value('0.5'))).toMatchObject({ answer: 'not yet' });
  expect(await ask(401, 'who are you?')).toEqual({
    answer: 'cannot tell',
    evidence: 'TEAL-GATES-002: the answer (status 401) is no JSON',
  });
  const error = JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'unclosed parenthesis' });
  expect(await ask(400, error)).toMatchObject({ answer: 'cannot tell', evidence: expect.stringContaining('unclosed') });
  expect(server.asked[0]).toMatchObject({
    method: 'POST',
    path: '/prom/api/v1/query?dedup=true',
    body: new URLSearchParams({ query: 'sum(rate(x[5m]))\n  / 2' }).toString(),
  });
  expect(server.asked[0]?.headers).toMatchObject({ authorization: 'Bearer s3cret' });
});
