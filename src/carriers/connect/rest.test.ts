import { expect, test } from 'vitest';
import { causesOf, ConnectRest, type ConnectRestOptions } from './rest.ts';

interface Asked {
  readonly url: string;
  readonly method: string | undefined;
  readonly authorization: string | null;
  readonly body: unknown;
}

/** Answers what is given, one after the other; an error is thrown. */
function cluster(answers: readonly (readonly [number, unknown] | Error)[], options: Partial<ConnectRestOptions> = {}) {
  const asked: Asked[] = [];
  const left = [...answers];
  const double: typeof fetch = async (input, init) => {
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    const authorization = new Headers(init?.headers).get('authorization');
    asked.push({
      url: input instanceof URL || typeof input === 'string' ? input.toString() : input.url,
      method: init?.method,
      authorization,
      body,
    });
    const next = left.shift();
    if (next === undefined) throw new Error('asked once too often');
    if (next instanceof Error) throw next;
    const [status, answer] = next;
    return new Response(status === 204 ? null : JSON.stringify(answer), { status });
  };
  return { rest: new ConnectRest({ url: 'http://one:8083/', fetch: double, ...options }), asked };
}

test('a configuration is put and validated as it is, under a name that may hold anything', async () => {
  const mistaken = { name: 'slot.name', errors: ['must not be empty'] };
  const configs = [{ value: { name: 'topic.prefix', errors: [] } }, { value: null }, { value: mistaken }];
  const { rest, asked } = cluster([
    [201, {}],
    [200, { name: 'x', error_count: 1, configs }],
  ]);
  await rest.put('a/b c', { 'tasks.max': '1' });
  expect(await rest.validate('io.debezium.Postgres', {})).toEqual([
    { setting: 'slot.name', errors: ['must not be empty'] },
  ]);
  expect(asked.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['PUT', 'http://one:8083/connectors/a%2Fb%20c/config', { 'tasks.max': '1' }],
    ['PUT', 'http://one:8083/connector-plugins/io.debezium.Postgres/config/validate', {}],
  ]);
});

test('of a connector that is not there nothing is known, and to delete it is done', async () => {
  const { rest } = cluster([
    [404, { error_code: 404, message: 'No status found' }],
    [404, {}],
    [404, {}],
    [404, {}],
  ]);
  expect(await rest.status('gone')).toBeUndefined();
  expect(await rest.offsets('gone')).toEqual([]);
  expect(await rest.topics('gone')).toEqual([]);
  await rest.delete('gone');
});

test('what passes is asked again, of the next worker, with the login of each', async () => {
  const url = ['http://ann:s%40fe@one:1', 'http://two:2/connect'];
  const { rest, asked } = cluster([new TypeError('fetch failed'), [409, { message: 'rebalance' }], [204, {}]], { url });
  await rest.stop('c');
  expect(asked.map((each) => [each.url, each.authorization])).toEqual([
    ['http://one:1/connectors/c/stop', `Basic ${Buffer.from('ann:s@fe').toString('base64')}`],
    ['http://two:2/connect/connectors/c/stop', null],
    ['http://one:1/connectors/c/stop', `Basic ${Buffer.from('ann:s@fe').toString('base64')}`],
  ]);
});

test.each([
  ['nobody', [new TypeError('fetch failed'), [503, {}]], 'TEAL-CARRIERS-010'],
  [
    'a worker that waits',
    [
      [500, { message: 'Request timed out' }],
      [409, {}],
    ],
    'TEAL-CARRIERS-010',
  ],
  ['a login', [[401, {}]], 'TEAL-CARRIERS-012'],
  ['a page', [[200, 'hello']], 'TEAL-CARRIERS-012'],
  ['another error', [[500, { message: 'boom' }]], 'TEAL-CARRIERS-012'],
] as const)('a question to %s ends with %s', async (_, answers, code) => {
  const { rest, asked } = cluster(answers, { attempts: 2 });
  await expect(rest.plugins()).rejects.toMatchObject({ code });
  expect(asked).toHaveLength(answers.length);
});

test('a configuration that is refused says why, without its secrets; a connector that is missing says so', async () => {
  const message = 'Invalid value postgres://ann:s3cret@blue/shop for configuration x';
  const { rest } = cluster([
    [400, { message }],
    [404, {}],
  ]);
  const refused = await rest.put('c', {}).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'TEAL-CARRIERS-011', message: expect.stringContaining('configuration x') });
  expect(String(refused)).not.toContain('s3cret');
  await expect(rest.resume('c')).rejects.toMatchObject({ code: 'TEAL-CARRIERS-013' });
});

test('a stopped run asks nobody again', async () => {
  const stop = new AbortController();
  stop.abort(new Error('stopped'));
  const { rest, asked } = cluster([new TypeError('fetch failed')]);
  await expect(rest.plugins(stop.signal)).rejects.toThrow('stopped');
  expect(asked).toHaveLength(1);
});

test('of a trace only the classes are told', () => {
  const trace = `org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:635)
Caused by: org.postgresql.util.PSQLException: ERROR: value (s3cret) of an entry
  Detail: Key (id)=(4711) already exists.
java.lang.NullPointerException
`;
  expect(causesOf(trace)).toEqual([
    'org.apache.kafka.connect.errors.ConnectException',
    'org.postgresql.util.PSQLException',
    'java.lang.NullPointerException',
  ]);
});
